// The lines for other clients: as text, and as a shell reads them.
#include "app/cloud.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "os/process.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;
using testing::Not;

const Login sample = {.endpoint = "https://images.example:8443",
                      .ca_file = "/etc/pin aco/ca.pem",
                      .tenant = "t",
                      .subscription = "s",
                      .client_id = "c",
                      .client_secret = "se'cr$t`"};

std::string text_of(std::string_view name, const CloudOptions& options = {},
                    const Login& from = sample) {
  for (const auto& client : cloud_clients()) {
    if (client.name == name) return client.text(options, from);
  }
  return "no such client";
}

std::string in_bash(const std::string& script) {
  const auto done = os::run_program({"bash", "-euc", script}, Seconds(60));
  if (!done) return done.error().message;
  return done->status == 0 ? done->output : done->errors;
}

TEST(Cloud, VariablesSurviveTheShell) {
  EXPECT_EQ(in_bash(text_of("env") + "echo \"$AZURE_CLIENT_SECRET|$ARM_CLIENT_SECRET|"
                                     "$REQUESTS_CA_BUNDLE|$ARM_METADATA_HOSTNAME\""),
            "se'cr$t`|se'cr$t`|/etc/pin aco/ca.pem|images.example:8443\n");
  Login plain = sample;
  plain.ca_file.clear();
  EXPECT_THAT(text_of("env", {}, plain), Not(HasSubstr("REQUESTS_CA_BUNDLE")));
}

TEST(Cloud, TheSecretIsInTheVariablesOnly) {
  for (const auto& client : cloud_clients()) {
    const auto text = client.text({}, sample);
    EXPECT_EQ(text.find("cr$t") != text.npos, client.name == "env") << client.name;
    if (client.name == "env") continue;
    EXPECT_THAT(text, HasSubstr("eval \"$(pinaco cloud env)\"")) << client.name;
  }
}

TEST(Cloud, EveryClientsLinesAreGoodShell) {
  for (const auto& client : cloud_clients()) {
    const auto done = os::run_program({"bash", "-nc", client.text({}, sample)}, Seconds(60));
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->status, 0) << client.name << ": " << done->errors;
  }
}

// az as a shell sees it: its arguments a line each.
std::string az_arguments(const CloudOptions& options) {
  return in_bash(
      "pinaco() { :; }\nAZURE_CLIENT_ID=c AZURE_CLIENT_SECRET=x AZURE_TENANT_ID=t\n"
      "az() { printf '%s\\n' \"$@\"; }\n" +
      text_of("az", options));
}

TEST(Cloud, DescribesTheServerToAz) {
  const auto said = az_arguments({});
  const auto lines = split(said, '\n');
  ASSERT_GE(lines.size(), 6U) << said;
  const auto described = parse_json(lines[5]);
  ASSERT_TRUE(described) << said;
  EXPECT_EQ(string_at(*described, "endpoints.activeDirectory"), "https://images.example:8443/adfs");
  EXPECT_EQ(string_at(*described, "endpoints.resourceManager"), "https://images.example:8443/");
  EXPECT_EQ(string_at(*described, "suffixes.storageEndpoint"), "images.example:8443");
  EXPECT_EQ(string_at(*described, "profile"), "");
  EXPECT_EQ(string_at(az_cloud(sample, true), "profile"), "2020-09-01-hybrid");
  EXPECT_THAT(text_of("az", {.hybrid = true}), HasSubstr("AZURE_CONFIG_DIR="));
}

TEST(Cloud, SendsPackerThroughTheProxy) {
  EXPECT_THAT(text_of("packer"), HasSubstr("names no proxy"));
  Login with = sample;
  with.proxy = "http://127.0.0.1:4711";
  const auto text = text_of("packer", {}, with);
  EXPECT_THAT(text, Not(HasSubstr("names no proxy")));
  EXPECT_THAT(text, HasSubstr("HTTPS_PROXY='http://127.0.0.1:4711'"));
  EXPECT_THAT(text, HasSubstr("SSL_CERT_FILE='/etc/pin aco/ca.pem'"));
  const auto begin = text.find("<<'END'\n") + 8;
  EXPECT_TRUE(parse_json(text.substr(begin, text.find("\nEND\n") - begin))) << text;
}

TEST(Cloud, ShowsWhatThereIs) {
  std::FILE* out = std::tmpfile();
  Console console({.out = out}, system_clock());
  ASSERT_TRUE(cloud({.command = "cloud"}, sample, console));
  std::rewind(out);
  std::string text(4096, ' ');
  text.resize(std::fread(text.data(), 1, text.size(), out));
  std::fclose(out);
  EXPECT_THAT(text, HasSubstr("https://images.example:8443"));
  EXPECT_THAT(text, HasSubstr("pinaco cloud packer"));
  EXPECT_THAT(text, Not(HasSubstr("cr$t")));
}

}  // namespace
}  // namespace pinaco::app
