// Consoles, first starts and logins, against a server in this process that says what the test
// wants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/fake_server.h"
#include "app/machine_start.h"
#include "app/machine_view.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* machine_path =
    "/subscriptions/s/resourcegroups/rg/providers/microsoft.compute/virtualmachines/web";
constexpr const char* network_path =
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg/providers/"
    "microsoft.network/";

// The user stops the command at the third wait.
class ThreeWaits final : public Waiting {
 public:
  Result<> wait(Milliseconds) override {
    if (++waits_ < 3) return {};
    return fail(Kind::cancelled, "Stopped.");
  }
  Result<> check() override { return {}; }

 private:
  int waits_ = 0;
};

class MachineReach : public testing::Test {
 protected:
  MachineReach() {
    const std::string nic = std::string(network_path) + "networkinterfaces/webvmnic";
    const std::string address = std::string(network_path) + "publicipaddresses/webpublicip";
    Json machine = JsonObject{{"location", "westeurope"}};
    set_path(machine, "properties.vmId", "46aae27f");
    set_path(machine, "properties.osProfile.adminUsername", "ann");
    set_path(machine, "properties.networkProfile.networkInterfaces",
             JsonArray{JsonObject{{"id", nic}}});
    set_path(machine, "properties.instanceView.statuses",
             JsonArray{JsonObject{{"code", "PowerState/running"}}});
    Json place = JsonObject{{"privateIPAddress", "10.0.0.4"}};
    set_path(place, "publicIPAddress.id", address);
    Json card = JsonObject();
    set_path(card, "properties.ipConfigurations", JsonArray{JsonObject{{"properties", place}}});
    Json shown = JsonObject();
    set_path(shown, "properties.ipAddress", "127.42.0.9");
    server_.resources()[machine_path] = machine;
    server_.resources()[nic] = card;
    server_.resources()[address] = shown;
  }
  ~MachineReach() override { (void)std::fclose(out_); }

  Json& machine() { return server_.resources()[machine_path]; }
  Result<std::vector<std::string>> arguments(MachineOptions options = {}) {
    options.name = "rg/web";
    Connection connection(server_.login(), patience_);
    Console console({.out = out_, .error = out_}, clock_);
    return ssh_arguments({options, connection, console});
  }
  // What a command prints on standard output.
  std::string printed(const MachineOptions& options) {
    Connection connection(server_.login(), patience_);
    {
      Console console({.out = out_, .error = stderr}, clock_);
      const auto done = machines(options, connection, console);
      EXPECT_TRUE(done) << done.error().message;
    }
    std::rewind(out_);
    std::string text(1 << 16, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), out_));
    return text;
  }

  ManualClock clock_;
  ThreeWaits waiting_;
  Patience patience_{.clock = clock_, .waiting = waiting_, .retry_for = Seconds(60)};
  TemporaryFolder folder_;
  FakeServer server_;
  std::FILE* out_ = std::tmpfile();
};

TEST_F(MachineReach, LogsInWithAHostKeyOfTheMachinesOwn) {
  const auto words = arguments({.key_file = "k", .words = {"uname", "-a"}});
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(words->front(), "ssh");
  EXPECT_THAT(*words, Contains("HostKeyAlias=pinaco-46aae27f"));
  EXPECT_THAT(*words, Contains(HasSubstr("known_hosts")));
  const std::vector<std::string> end(words->end() - 10, words->end());
  EXPECT_THAT(end,
              ElementsAre("-p", "22", "-l", "ann", "-i", "k", "--", "127.42.0.9", "uname", "-a"));
}

TEST_F(MachineReach, LogsInWhereThePortWasMovedTo) {
  set_path(machine(), "properties.instanceView.movedPorts", JsonObject{{"22", 10022}});
  const auto words = arguments();
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_THAT(*words, Contains("10022"));
  Connection connection(server_.login(), patience_);
  const auto id = name_new(connection, machine_sort, "rg/web", "");
  ASSERT_TRUE(id);
  const auto view = view_machine(connection, *id);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(login_command(*view), "ssh -p 10022 ann@127.42.0.9");
  EXPECT_THAT(machine_text(*view), HasSubstr("22 at 10022"));
}

TEST_F(MachineReach, SaysWhyThereIsNoWayIn) {
  erase_path(machine(), "properties.osProfile");
  EXPECT_THAT(arguments().error().message, HasSubstr("--admin-user"));
  EXPECT_TRUE(arguments({.user = "bob"}));
  set_path(machine(), "properties.instanceView.simulated", true);
  EXPECT_THAT(arguments({.user = "bob"}).error().message, HasSubstr("none"));
  set_path(machine(), "properties.instanceView.statuses",
           JsonArray{JsonObject{{"code", "PowerState/stopped"}}});
  EXPECT_THAT(arguments().error().message, HasSubstr("pinaco vm start rg/web"));
  set_path(machine(), "properties.instanceView.statuses",
           JsonArray{JsonObject{{"code", "PowerState/running"}}});
  erase_path(machine(), "properties.networkProfile");
  EXPECT_THAT(arguments().error().message, HasSubstr("no public address"));
}

TEST_F(MachineReach, FollowsAConsoleWithoutATokenAndWithANewLinkWhenItsEnds) {
  const std::vector<std::string> logs = {"one\n", "", "one\n\x1b[2Jtwo\n"};
  std::size_t asked = 0;
  int links = 0;
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.target.find("retrieveBootDiagnosticsData") != std::string::npos) {
      links++;
      http::Reply reply{
          .status = 200,
          .body = to_text(JsonObject{{"serialConsoleLogBlobUri", server_.url() + "/log?sig=1"}})};
      reply.headers.add("Content-Type", "application/json");
      return reply;
    }
    if (!request.target.starts_with("/log")) return std::nullopt;
    EXPECT_FALSE(request.headers.has("Authorization"));
    const auto& log = logs.at(std::min(asked++, logs.size() - 1));
    if (log.empty()) return http::Reply{.status = 403};
    return http::Reply{.status = 200, .body = log};
  });
  EXPECT_EQ(printed({.command = "vm console", .name = "rg/web", .follow = true}), "one\ntwo\n");
  EXPECT_EQ(links, 2);
}

TEST(PlainText, HasNothingThatSteersATerminal) {
  EXPECT_EQ(plain_text("a\x1b[1;31mb\x1b[0m\r\n\tc"), "ab\n\tc");
  EXPECT_EQ(plain_text("a\x1b]0;title\ab\x1b]52;c;eA==\x1b\\c"), "abc");
  EXPECT_EQ(plain_text("a\x1b(Bb\x1b"
                       "7c\x07\x08\x7f"),
            "abc");
  EXPECT_EQ(plain_text("a\xc2\x9b"
                       "1mb"),
            "a1mb");
  EXPECT_EQ(plain_text("gr\xc3\xbc\xc3\x9f"
                       "e\x1b"),
            "gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(plain_text("a\x1b[12"), "a");
}

TEST(NewPart, IsWhatWasAddedAlsoWhenTheBeginningIsGone) {
  EXPECT_EQ(new_part("", "ab"), "ab");
  EXPECT_EQ(new_part("ab", "abcd"), "cd");
  EXPECT_EQ(new_part("ab", "ab"), "");
  EXPECT_EQ(new_part("abcdef", "cdefgh"), "cdefgh") << "nothing of it is known";
  const std::string seen(10'000, 'x');
  EXPECT_EQ(new_part("lost" + seen + "end", seen + "end" + "new"), "new");
}

TEST(FirstStart, TakesTheFirstKeyOfTheUserAndRefusesPrivateOnes) {
  TemporaryFolder home;
  const StartImage image;
  const auto profile = [&](const MachineOptions& options) {
    return os_profile(options, image, "my_web", home / "");
  };
  EXPECT_THAT(profile({}).error().message, HasSubstr("ssh-keygen"));
  ASSERT_TRUE(os::make_folders(home / ".ssh"));
  ASSERT_TRUE(os::write_file_durably(home / ".ssh/id_rsa.pub", as_bytes("ssh-rsa AAAA me\n")));
  const auto made = profile({});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(string_at(*made, "computerName"), "my-web");
  EXPECT_EQ(string_at(*made, "adminUsername"), "azureuser");
  EXPECT_TRUE(bool_at(*made, "linuxConfiguration.disablePasswordAuthentication"));
  const auto& keys = find_path(*made, "linuxConfiguration.ssh.publicKeys")->as_array();
  EXPECT_EQ(string_at(keys.at(0), "keyData"), "ssh-rsa AAAA me");

  ASSERT_TRUE(os::write_file_durably(home / "key", as_bytes("-----BEGIN PRIVATE KEY-----\nx")));
  const auto refused = profile({.key_file = home / "key"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("key.pub"));

  ASSERT_TRUE(os::write_file_durably(home / "password", as_bytes("Quite-Secret-7\n")));
  const auto with_password = profile({.password_file = home / "password"});
  ASSERT_TRUE(with_password);
  EXPECT_EQ(string_at(*with_password, "adminPassword"), "Quite-Secret-7");
  EXPECT_EQ(find_path(*with_password, "linuxConfiguration.ssh"), nullptr);
}

TEST(Advice, IsGivenOnlyToWhoIsElsewhere) {
  EXPECT_EQ(advice_on("127.42.0.1", "https://localhost:8443"), "");
  EXPECT_EQ(advice_on("127.42.0.1", "https://127.0.0.1:8443"), "");
  EXPECT_EQ(advice_on("192.0.2.7", "https://images.example"), "");
  EXPECT_THAT(advice_on("127.42.0.1", "https://images.example"), HasSubstr("own host"));
}

}  // namespace
}  // namespace pinaco::app
