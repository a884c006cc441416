#include "guest/wire_server.h"

#include "base/digest.h"
#include "base/text.h"
#include "guest/query.h"
#include "guest/xml.h"

namespace pinaco::guest {
namespace {

constexpr std::size_t report_bytes_max = 4 << 10;
constexpr std::size_t agent_bytes_max = 64;
constexpr std::string_view address = "168.63.129.16";
constexpr std::string_view declaration = R"(<?xml version="1.0" encoding="utf-8"?>)";

constexpr std::string_view supported =
    "<Versions><Preferred><Version>2015-04-05</Version></Preferred><Supported>"
    "<Version>2015-04-05</Version><Version>2012-11-30</Version></Supported></Versions>";

// There are no extensions, no certificates and no other roles: the documents say just that.
constexpr std::string_view no_extensions =
    R"(<Extensions version="1.0.0.0" goalStateIncarnation="1"><GuestAgentExtension><GAFamilies/>)"
    "<Location></Location></GuestAgentExtension><Plugins/><PluginSettings/></Extensions>";

// Another GUID that belongs to the guest.
std::string container_of(const Facts& facts) {
  const auto hex = Digest::of(as_bytes("container of " + to_lower(facts.id))).hex();
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20, 12));
}

std::string role_of(const Facts& facts) {
  return fmt::format("{}._{}", facts.id,
                     markup_escape(facts.computer_name.empty() ? facts.name : facts.computer_name));
}

std::string goal_state(const Facts& facts) {
  const auto container = container_of(facts);
  const auto role = role_of(facts);
  std::string parts;
  for (const auto& [name, type] :
       {std::pair("HostingEnvironmentConfig", "hostingEnvironmentConfig"),
        std::pair("SharedConfig", "sharedConfig"),
        std::pair("ExtensionsConfig", "extensionsConfig"), std::pair("FullConfig", "fullConfig")}) {
    parts += fmt::format(
        "<{0}>http://{1}:80/machine/{2}/{3}?comp=config&amp;type={4}&amp;incarnation=1</{0}>", name,
        address, container, role, type);
  }
  return fmt::format(
      "<GoalState xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
      "<Version>2012-11-30</Version><Incarnation>1</Incarnation>"
      "<Machine><ExpectedState>Started</ExpectedState>"
      "<StopRolesDeadlineHint>300000</StopRolesDeadlineHint>"
      "<LBProbePorts><Port>16001</Port></LBProbePorts>"
      "<ExpectHealthReport>FALSE</ExpectHealthReport></Machine>"
      "<Container><ContainerId>{}</ContainerId><RoleInstanceList><RoleInstance>"
      "<InstanceId>{}</InstanceId><State>Started</State><Configuration>{}"
      "<ConfigName>{}.0.xml</ConfigName></Configuration></RoleInstance></RoleInstanceList>"
      "</Container></GoalState>",
      container, role, parts, container);
}

std::string hosting_environment(const Facts& facts) {
  const auto guid = container_of(facts);
  const auto role = role_of(facts);
  return fmt::format(
      "<HostingEnvironmentConfig version=\"1.0.0.0\" goalStateIncarnation=\"1\">"
      "<StoredCertificates/><Deployment name=\"{0}\" guid=\"{{{0}}}\" incarnation=\"0\">"
      "<Service name=\"{1}\" guid=\"{{{0}}}\"/><ServiceInstance name=\"{1}.0\" guid=\"{{{0}}}\"/>"
      "</Deployment><Incarnation number=\"1\" instance=\"{1}\" guid=\"{{{0}}}\"/>"
      "<Role guid=\"{{{0}}}\" name=\"{1}\" hostingEnvironmentVersion=\"1\" software=\"\" "
      "softwareType=\"ApplicationPackage\" entryPoint=\"\" parameters=\"\" "
      "settleTimeSeconds=\"10\"/></HostingEnvironmentConfig>",
      guid, role);
}

std::string shared_config(const Facts& facts) {
  return fmt::format(
      "<SharedConfig version=\"1.0.0.0\" goalStateIncarnation=\"1\">"
      "<Deployment name=\"{0}\" guid=\"{{{0}}}\" incarnation=\"0\"/><Instances/></SharedConfig>",
      container_of(facts));
}

http::Reply xml_reply(std::string_view text) {
  http::Reply reply;
  reply.headers.add("Content-Type", "text/xml; charset=utf-8");
  reply.body = fmt::format("{}\n{}", declaration, text);
  return reply;
}

http::Reply plain_reply(int status, std::string_view text) {
  http::Reply reply{.status = status};
  reply.headers.add("Content-Type", "text/plain; charset=utf-8");
  reply.body = text;
  return reply;
}

// One line that can be logged and shown.
std::string clean(std::string_view text, std::size_t bytes_max) {
  if (!is_utf8(text)) return "(not UTF-8)";
  std::string result(cut_text(text, bytes_max));
  for (auto& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
  }
  return result;
}

std::string agent_of(const http::Request& request, const Query& query) {
  const auto agent = request.headers.get("User-Agent");
  if (istarts_with(agent, "WALinuxAgent")) return clean(agent, agent_bytes_max);
  // cloud-init calls itself an agent too, but has its own User-Agent and asks for no versions.
  const auto name = request.headers.get("x-ms-agent-name");
  if (istarts_with(name, "WALinuxAgent") && query.get("comp") == "versions") {
    return clean(name, agent_bytes_max);
  }
  return "";
}

Report health_of(std::string_view body) {
  const auto state = trim(xml_element(body, "State"));
  if (iequals(state, "Ready")) return {.health = Health::ready};
  if (!iequals(state, "NotReady")) return {};
  // NotReady without details is an agent that has not finished yet.
  const auto status = trim(xml_element(body, "SubStatus"));
  const auto description = xml_unescape(xml_element(body, "Description"));
  if (iequals(status, "Provisioning") || (status.empty() && description.empty())) return {};
  return {.health = Health::failed, .text = clean(description, report_bytes_max)};
}

http::Reply get(const Facts& facts, const Query& query) {
  const auto what = query.get("comp");
  if (iequals(what, "versions")) return xml_reply(supported);
  if (iequals(what, "goalstate")) return xml_reply(goal_state(facts));
  const auto type = query.get("type");
  if (iequals(type, "hostingEnvironmentConfig")) return xml_reply(hosting_environment(facts));
  if (iequals(type, "sharedConfig")) return xml_reply(shared_config(facts));
  if (iequals(type, "extensionsConfig")) return xml_reply(no_extensions);
  return plain_reply(404, "There is no such thing here.");
}

}  // namespace

WireAnswer answer_wire(const Facts& facts, const http::Request& request) {
  const Query query(request.target);
  WireAnswer answer;
  const bool own =
      query.path() == "/" || query.path() == "/machine" || query.path().starts_with("/machine/");
  if (request.method == "GET" || request.method == "HEAD") {
    answer.reply = own ? get(facts, query) : plain_reply(404, "There is no such thing here.");
    // /vmSettings and the rest of port 32526 are another service's, which agents do without.
  } else if (request.method == "POST" || request.method == "PUT") {
    const auto what = query.get("comp");
    if (own && iequals(what, "health")) {
      answer.report = health_of(request.body);
      answer.reply = plain_reply(200, "");
    } else if ((own && (iequals(what, "roleProperties") || iequals(what, "telemetrydata"))) ||
               query.path() == "/HealthService") {
      answer.reply = plain_reply(200, "");
    } else {
      answer.reply = plain_reply(404, "There is no such thing here.");
    }
  } else {
    answer.reply = plain_reply(405, "Only GET and POST are answered.");
  }
  answer.report.agent = agent_of(request, query);
  return answer;
}

}  // namespace pinaco::guest
