#include "guest/wire_server.h"

#include "guest/guest_testing.h"
#include "guest/xml.h"

namespace pinaco::guest {
namespace {

WireAnswer post(const std::string& target, const std::string& body) {
  return answer_wire(test_facts(), ask(target, "POST", body));
}

std::string health(std::string_view state, std::string_view details = "") {
  return fmt::format(
      "<?xml version=\"1.0\"?><Health><Container><RoleInstanceList><Role><Health><State>{}</State>"
      "{}</Health></Role></RoleInstanceList></Container></Health>",
      state, details);
}

TEST(WireServer, LeadsFromTheGoalStateToEachDocument) {
  const auto goal = answer_wire(test_facts(), ask("/machine/?comp=goalstate")).reply.body;
  EXPECT_EQ(xml_element(goal, "Incarnation"), "1");
  EXPECT_EQ(xml_element(goal, "InstanceId"), test_facts().id + "._web-1");
  for (const auto name : {"HostingEnvironmentConfig", "SharedConfig", "ExtensionsConfig"}) {
    auto url = xml_unescape(xml_element(goal, name));
    const std::string host = "http://168.63.129.16:80";
    ASSERT_TRUE(url.starts_with(host)) << url;
    const auto reply = answer_wire(test_facts(), ask(url.substr(host.size()))).reply;
    EXPECT_EQ(reply.status, 200) << name;
    EXPECT_NE(reply.body.find("goalStateIncarnation=\"1\""), reply.body.npos) << name;
  }
}

TEST(WireServer, TellsItsVersions) {
  const auto reply = answer_wire(test_facts(), ask("/?comp=versions")).reply;
  EXPECT_NE(reply.body.find("<Version>2012-11-30</Version>"), reply.body.npos);
  EXPECT_EQ(reply.headers.get("Content-Type"), "text/xml; charset=utf-8");
}

TEST(WireServer, TakesReadyForAReport) {
  const auto answer = post("/machine?comp=health", health("Ready"));
  EXPECT_EQ(answer.reply.status, 200);
  EXPECT_EQ(answer.report.health, Health::ready);
}

TEST(WireServer, TakesAFailureWithItsWords) {
  const auto answer =
      post("/machine?comp=health", health("NotReady",
                                          "<Details><SubStatus>ProvisioningFailed</SubStatus>"
                                          "<Description>no &lt;user&gt;\nhere</Description>"
                                          "</Details>"));
  EXPECT_EQ(answer.report.health, Health::failed);
  EXPECT_EQ(answer.report.text, "no <user> here");
}

TEST(WireServer, CutsLongWords) {
  const auto answer =
      post("/machine?comp=health", health("NotReady",
                                          "<SubStatus>ProvisioningFailed</SubStatus>"
                                          "<Description>" +
                                              std::string(9000, 'x') + "</Description>"));
  EXPECT_EQ(answer.report.text.size(), 4096);
}

TEST(WireServer, DoesNotTakeAnAgentAtWorkForAFailure) {
  EXPECT_EQ(post("/machine?comp=health", health("NotReady")).report.health, Health::unknown);
  const auto starting = health("NotReady",
                               "<SubStatus>Provisioning</SubStatus>"
                               "<Description>Starting</Description>");
  EXPECT_EQ(post("/machine?comp=health", starting).report.health, Health::unknown);
  EXPECT_EQ(post("/machine?comp=health", "<State>Ready").report.health, Health::unknown);
  EXPECT_EQ(post("/machine?comp=telemetrydata", health("Ready")).report.health, Health::unknown);
}

TEST(WireServer, KnowsTheAgentButNotCloudInit) {
  auto request = ask("/machine/?comp=goalstate");
  request.headers.add("User-Agent", "WALinuxAgent/2.7.3.0");
  EXPECT_EQ(answer_wire(test_facts(), request).report.agent, "WALinuxAgent/2.7.3.0");
  auto other = ask("/machine/?comp=goalstate");
  other.headers.add("User-Agent", "Cloud-Init/22.4.2");
  other.headers.add("x-ms-agent-name", "WALinuxAgent");
  EXPECT_EQ(answer_wire(test_facts(), other).report.agent, "");
}

TEST(WireServer, HasNothingElse) {
  for (const auto* target : {"/vmSettings", "/versions", "/health", "/", "/machine?comp=config",
                             "/machinex?comp=goalstate"}) {
    EXPECT_EQ(answer_wire(test_facts(), ask(target)).reply.status, 404) << target;
  }
  EXPECT_EQ(post("/machine?comp=roleProperties", "<x/>").reply.status, 200);
  EXPECT_EQ(post("/HealthService", "{}").reply.status, 200);
  EXPECT_EQ(post("/status", "{}").reply.status, 404);
  EXPECT_EQ(answer_wire(test_facts(), ask("/", "DELETE")).reply.status, 405);
}

}  // namespace
}  // namespace pinaco::guest
