// The commands of the directory, against a whole server in memory.
#include "app/directory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "app/region.h"
#include "app/waiting.h"
#include "base/text.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

namespace fs = std::filesystem;

class DirectoryCommands : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "pinaco-directory-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    Config config = default_config(folder_);
    config.port = 0;
    config.nbd_port = 0;
    config.machines.driver = "none";
    auto started =
        start(config, {.data_folder = folder_, .in_memory = true}, system_clock(), system_random());
    ASSERT_TRUE(started) << started.error().message;
    pinaco_ = std::move(*started);
    const auto& first = *pinaco_->identity->directory().first_credentials();
    admin_ = {.endpoint = "https://localhost:" + std::to_string(pinaco_->http->port()),
              .ca_file = pinaco_->ca_file,
              .tenant = first.tenant,
              .subscription = first.subscription,
              .client_id = first.client_id,
              .client_secret = first.client_secret};
  }
  void TearDown() override {
    pinaco_.reset();
    fs::remove_all(folder_);
  }

  struct Said {
    Result<> done;
    std::string text;
    Json json() const { return parse_json(text).value_or(Json(nullptr)); }
    std::string at(std::string_view path) const { return std::string(string_at(json(), path)); }
  };
  Said run(const Login& login, const DirectoryOptions& options, bool json = true) {
    const auto path = folder_ + "/out";
    std::FILE* out = std::fopen(path.c_str(), "w");
    const auto waiting = wait_until_stopped();
    Connection connection(login, {.clock = system_clock(), .waiting = *waiting});
    Result<> done;
    {
      Console console({.json = json, .out = out}, system_clock());
      done = directory(options, connection, console);
    }
    (void)std::fclose(out);
    return {.done = std::move(done), .text = os::read_file(path, 1 << 20).value_or("")};
  }
  Said run(const DirectoryOptions& options, bool json = true) { return run(admin_, options, json); }
  bool logs_in(const Login& login) { return run(login, {.command = "app list"}).done.has_value(); }

  std::string folder_;
  std::unique_ptr<Pinaco> pinaco_;
  Login admin_;
};

TEST_F(DirectoryCommands, AnAppLogsInWithItsSecretUntilThatIsRemoved) {
  const auto made = run({.command = "app create", .name = "pipeline"});
  ASSERT_TRUE(made.done) << made.done.error().message;
  const auto secret = run({.command = "app secret add", .name = "pipeline", .days = 5});
  ASSERT_TRUE(secret.done) << secret.done.error().message;
  Login login = admin_;
  login.client_id = made.at("appId");
  login.client_secret = secret.at("secretText");
  EXPECT_EQ(secret.at("appId"), login.client_id);
  EXPECT_TRUE(logs_in(login));
  const auto shown = run({.command = "app show", .name = login.client_id}, false);
  EXPECT_NE(shown.text.find(secret.at("keyId")), std::string::npos) << shown.text;
  EXPECT_EQ(shown.text.find(login.client_secret), std::string::npos);
  ASSERT_TRUE(
      run({.command = "app secret remove", .name = "pipeline", .other = secret.at("keyId")}).done);
  EXPECT_FALSE(logs_in(login));
  // Its secret was shown with a sentence that says it is the only time.
  const auto table = run({.command = "app secret add", .name = "pipeline"}, false);
  EXPECT_NE(table.text.find("shown this once"), std::string::npos);
}

TEST_F(DirectoryCommands, DeletesOnlyWithYes) {
  ASSERT_TRUE(run({.command = "app create", .name = "pipeline"}).done);
  const auto refused = run({.command = "app delete", .name = "pipeline"});
  ASSERT_FALSE(refused.done);
  EXPECT_NE(refused.done.error().message.find("--yes"), std::string::npos);
  EXPECT_TRUE(run({.command = "app show", .name = "pipeline"}).done);
  EXPECT_TRUE(run({.command = "app delete", .name = "pipeline", .yes = true}).done);
  const auto gone = run({.command = "app show", .name = "pipeline"});
  ASSERT_FALSE(gone.done);
  EXPECT_NE(gone.done.error().message.find("pinaco app list"), std::string::npos);
}

TEST_F(DirectoryCommands, ANameOfSeveralAppsIsRefusedWithTheirIds) {
  const auto one = run({.command = "app create", .name = "twin"});
  const auto again = run({.command = "app create", .name = "twin"});
  ASSERT_FALSE(again.done);
  EXPECT_NE(again.done.error().message.find(one.at("appId")), std::string::npos);
  // Others make them by Microsoft Graph, which takes any name.
  const auto waiting = wait_until_stopped();
  Connection connection(admin_, {.clock = system_clock(), .waiting = *waiting});
  const Json twin = JsonObject{{"displayName", "twin"}};
  ASSERT_TRUE(connection.send("POST", "/v1.0/applications", &twin));
  const auto refused = run({.command = "app secret add", .name = "twin"});
  ASSERT_FALSE(refused.done);
  EXPECT_NE(refused.done.error().message.find(one.at("id")), std::string::npos);
}

TEST_F(DirectoryCommands, APasswordComesThroughAPipe) {
  const auto pipe = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::jthread writer([&] {
    std::FILE* into = std::fopen(pipe.c_str(), "we");
    (void)std::fputs("correct horse battery\n", into);
    (void)std::fclose(into);
  });
  const auto ann = run({.command = "user create", .name = "ann", .password_file = pipe});
  ASSERT_TRUE(ann.done) << ann.done.error().message;
  EXPECT_EQ(ann.text.find("correct horse"), std::string::npos);
}

TEST_F(DirectoryCommands, OnlyTheCertificateOfAFileIsSent) {
  ASSERT_TRUE(run({.command = "app create", .name = "pipeline"}).done);
  // The server's own certificate will do; a key before it must not matter.
  auto text = os::read_file(pinaco_->ca_file, 1 << 16).value_or("");
  const auto file = folder_ + "/both.pem";
  const std::string both = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + text;
  ASSERT_TRUE(os::write_file_durably(file, as_bytes(both)));
  const auto added = run({.command = "app certificate add", .name = "pipeline", .other = file});
  ASSERT_TRUE(added.done) << added.done.error().message;
  EXPECT_EQ(added.json().at("keyCredentials").as_array().size(), 1U);
  ASSERT_TRUE(run({.command = "app certificate add", .name = "pipeline", .other = file}).done);
  const auto shown = run({.command = "app show", .name = "pipeline"});
  EXPECT_EQ(shown.json().at("keyCredentials").as_array().size(), 2U);
}

TEST_F(DirectoryCommands, UsersAndGroupsAreMadeFromNames) {
  const auto ann = run({.command = "user create", .name = "ann"});
  ASSERT_TRUE(ann.done) << ann.done.error().message;
  EXPECT_GE(ann.at("password").size(), 20U);
  ASSERT_TRUE(run({.command = "group create", .name = "Image Builders"}).done);
  ASSERT_TRUE(run({.command = "app create", .name = "pipeline"}).done);
  for (const auto& member : {ann.at("userPrincipalName"), std::string("pipeline")}) {
    const auto added =
        run({.command = "group add-member", .name = "Image Builders", .other = member});
    EXPECT_TRUE(added.done) << added.done.error().message;
  }
  const auto group = run({.command = "group show", .name = "Image Builders"});
  EXPECT_EQ(group.json().at("members").as_array().size(), 2U);
  EXPECT_EQ(run({.command = "user show", .name = "ann"}).json().at("groups"),
            JsonArray{"Image Builders"});
  ASSERT_TRUE(
      run({.command = "group remove-member", .name = "Image Builders", .other = "ann"}).done);
  const auto password = run({.command = "user password", .name = "ann"});
  ASSERT_TRUE(password.done);
  EXPECT_NE(password.at("password"), ann.at("password"));
  EXPECT_TRUE(run({.command = "user delete", .name = "ann", .yes = true}).done);
  EXPECT_TRUE(run({.command = "group delete", .name = "Image Builders", .yes = true}).done);
}

TEST_F(DirectoryCommands, ATenantIsSeparateAndMakesNoOther) {
  const auto made = run({.command = "tenant create", .name = "Contoso", .subscription = "First"});
  ASSERT_TRUE(made.done) << made.done.error().message;
  Login login = admin_;
  login.tenant = made.at("tenant");
  login.subscription = made.at("subscription");
  login.client_id = made.at("clientId");
  login.client_secret = made.at("clientSecret");
  ASSERT_TRUE(logs_in(login));
  EXPECT_EQ(run({.command = "tenant list"}).json().as_array().size(), 2U);
  EXPECT_EQ(run(login, {.command = "tenant list"}).json().as_array().size(), 1U);
  EXPECT_EQ(run(login, {.command = "app list"}).json().as_array().size(), 1U);
  const auto refused = run(login, {.command = "tenant create", .name = "Another"});
  ASSERT_FALSE(refused.done);
  EXPECT_EQ(refused.done.error().code, "AuthorizationFailed");
  // Each sees and renames its own subscriptions only.
  const auto second = run(login, {.command = "subscription create", .name = "Second"});
  ASSERT_TRUE(second.done) << second.done.error().message;
  EXPECT_EQ(run(login, {.command = "subscription list"}).json().as_array().size(), 2U);
  EXPECT_EQ(run({.command = "subscription list"}).json().as_array().size(), 1U);
  EXPECT_FALSE(
      run({.command = "subscription rename", .name = second.at("subscription"), .other = "Ours"})
          .done);
  ASSERT_TRUE(
      run(login, {.command = "subscription rename", .name = "Second", .other = "Third"}).done);
  const auto everybody = *pinaco_->identity->directory().roster();
  EXPECT_EQ(everybody->find_subscription(second.at("subscription"))->name, "Third");
  // And works in the new one at once.
  const auto waiting = wait_until_stopped();
  login.subscription = second.at("subscription");
  Connection connection(login, {.clock = system_clock(), .waiting = *waiting});
  const Json group = JsonObject{{"location", "westeurope"}};
  const auto put =
      connection.send("PUT", connection.group_path("rg") + "?api-version=2021-04-01", &group);
  EXPECT_TRUE(put) << put.error().message;
}

TEST_F(DirectoryCommands, WithoutARoleNothingIsMade) {
  const auto made = run({.command = "app create", .name = "pipeline"});
  const auto secret = run({.command = "app secret add", .name = "pipeline"});
  Login login = admin_;
  login.client_id = made.at("appId");
  login.client_secret = secret.at("secretText");
  for (const char* command :
       {"tenant create", "subscription create", "app create", "user create", "group create"}) {
    const auto refused = run(login, {.command = command, .name = "x"});
    ASSERT_FALSE(refused.done) << command;
    EXPECT_EQ(refused.done.error().kind, Kind::denied) << command;
  }
  EXPECT_TRUE(run(login, {.command = "subscription list"}).json().as_array().empty());
}

TEST_F(DirectoryCommands, TheCredentialsFileOfATenantIsALogin) {
  const auto file = folder_ + "/contoso.json";
  const auto made = run({.command = "tenant create",
                         .name = "Contoso",
                         .subscription = "First",
                         .credentials_file = file});
  ASSERT_TRUE(made.done) << made.done.error().message;
  EXPECT_EQ(made.text.find("clientSecret"), std::string::npos);
  const auto text = os::read_file(file, 1 << 16);
  ASSERT_TRUE(text);
  const auto login = parse_login(*text, folder_);
  ASSERT_TRUE(login);
  EXPECT_TRUE(logs_in(*login));
}

}  // namespace
}  // namespace pinaco::app
