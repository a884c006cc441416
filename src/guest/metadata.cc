// Schema and errors as published for Azure's instance metadata service. The document has all that
// the newest version has, whatever version is asked for: clients skip what they do not know.
#include "guest/metadata.h"

#include <algorithm>

#include "base/text.h"
#include "guest/facts.h"
#include "guest/query.h"

namespace pinaco::guest {
namespace {

constexpr std::string_view versions[] = {
    "2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01",
    "2018-04-02", "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01",
    "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15",
    "2020-09-01", "2020-10-01", "2020-12-01", "2021-01-01", "2021-02-01", "2021-03-01",
    "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01", "2021-11-15", "2021-12-13"};
constexpr std::size_t newest_count = 3;

http::Reply json_reply(int status, const Json& json) {
  http::Reply reply{.status = status};
  reply.headers.add("Content-Type", "application/json; charset=utf-8");
  reply.body = to_text(json);
  return reply;
}

http::Reply error_reply(int status, std::string_view text) {
  return json_reply(status, {{"error", text}});
}

http::Reply text_reply(std::string text) {
  http::Reply reply;
  reply.headers.add("Content-Type", "text/plain; charset=utf-8");
  reply.body = std::move(text);
  return reply;
}

Json image_reference(const Facts& facts) {
  JsonObject result;
  for (const auto member : {"id", "offer", "publisher", "sku", "version"}) {
    result[member] = string_at(facts.image, member);
  }
  return result;
}

Json compute(const Facts& facts) {
  std::string tags;
  JsonArray tags_list;
  for (const auto& [name, value] : facts.tags.get_object()) {
    const std::string_view text = value.is_string() ? std::string_view(value.get_string()) : "";
    tags += fmt::format("{}{}:{}", tags.empty() ? "" : ";", std::string_view(name), text);
    tags_list.push_back({{"name", name}, {"value", text}});
  }
  JsonArray keys;
  for (const auto& one : facts.keys) keys.push_back({{"keyData", one.key}, {"path", one.path}});
  JsonObject result{{"azEnvironment", "AzurePublicCloud"},
                    {"customData", ""},
                    {"evictionPolicy", ""},
                    {"isHostCompatibilityLayerVm", "false"},
                    {"licenseType", ""},
                    {"location", facts.location},
                    {"name", facts.name},
                    {"offer", string_at(facts.image, "offer")}};
  // Without it cloud-init leaves the accounts of a specialized image alone.
  if (facts.generalized) {
    result["osProfile"] = {
        {"adminUsername", facts.user},
        {"computerName", facts.computer_name},
        {"disablePasswordAuthentication", facts.password_login ? "false" : "true"}};
  }
  result["osType"] = facts.os;
  result["placementGroupId"] = "";
  result["plan"] = {{"name", ""}, {"product", ""}, {"publisher", ""}};
  result["platformFaultDomain"] = "0";
  result["platformUpdateDomain"] = "0";
  result["priority"] = "";
  result["provider"] = "Microsoft.Compute";
  result["publicKeys"] = std::move(keys);
  result["publisher"] = string_at(facts.image, "publisher");
  result["resourceGroupName"] = facts.resource_group;
  result["resourceId"] = facts.resource_id;
  result["sku"] = string_at(facts.image, "sku");
  result["storageProfile"] = {{"dataDisks", JsonArray()},
                              {"imageReference", image_reference(facts)}};
  result["subscriptionId"] = facts.subscription;
  result["tags"] = tags;
  result["tagsList"] = std::move(tags_list);
  result["userData"] = facts.user_data;
  result["version"] = string_at(facts.image, "version");
  result["vmId"] = facts.id;
  result["vmScaleSetName"] = "";
  result["vmSize"] = facts.size;
  result["zone"] = facts.zone;
  return result;
}

Json network(const Facts& facts) {
  std::string mac = to_upper(facts.mac);
  std::erase(mac, ':');
  const auto slash = facts.subnet.find('/');
  const auto prefix = slash == facts.subnet.npos ? "" : facts.subnet.substr(slash + 1);
  const JsonObject four{
      {"ipAddress", JsonArray{JsonObject{{"privateIpAddress", facts.address},
                                         {"publicIpAddress", facts.public_address}}}},
      {"subnet",
       JsonArray{JsonObject{{"address", facts.subnet.substr(0, slash)}, {"prefix", prefix}}}}};
  return JsonObject{
      {"interface", JsonArray{JsonObject{{"ipv4", four},
                                         {"ipv6", JsonObject{{"ipAddress", JsonArray()}}},
                                         {"macAddress", mac}}}}};
}

const Json* child_of(const Json& json, std::string_view name) {
  if (json.is_object()) return find_member(json.get_object(), name);
  if (!json.is_array()) return nullptr;
  const auto& array = json.get_array();
  const auto number = parse_int(name, 0, 1'000'000);
  if (!number || static_cast<std::size_t>(*number) >= array.size()) return nullptr;
  return &array[static_cast<std::size_t>(*number)];
}

// The names of what is below, a line each; those with more below end in "/".
std::string names_below(const Json& json) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name, const Json& child) {
    names.push_back(std::string(name) + (child.is_structured() ? "/" : ""));
  };
  if (json.is_object()) {
    for (const auto& [name, child] : json.get_object()) add(name, child);
  } else {
    const auto& array = json.get_array();
    for (std::size_t i = 0; i < array.size(); ++i) add(std::to_string(i), array[i]);
  }
  return join(names, "\n");
}

http::Reply answer_instance(const Facts& facts, std::string_view path, std::string_view format) {
  const Json document = JsonObject{{"compute", compute(facts)}, {"network", network(facts)}};
  const Json* at = &document;
  for (const auto part : split(path, '/')) {
    if (part.empty()) continue;
    at = child_of(*at, part);
    if (at == nullptr) return error_reply(404, "Not found");
  }
  const bool as_plain_text = iequals(format, "text");
  if (!as_plain_text && !format.empty() && !iequals(format, "json")) {
    return error_reply(400, "Bad request. The format must be json or text.");
  }
  if (at->is_structured()) {
    return as_plain_text ? text_reply(names_below(*at)) : json_reply(200, *at);
  }
  if (!as_plain_text) {
    return error_reply(400, "Bad request. A single value is told as text: add format=text.");
  }
  return text_reply(std::string(at->get_string()));
}

http::Reply refuse_version(std::string_view why) {
  JsonArray newest;
  for (std::size_t i = 0; i < newest_count; ++i) {
    newest.push_back(boost::json::string(versions[std::size(versions) - 1 - i]));
  }
  return json_reply(400, {{"error", fmt::format("Bad request. {} For more information refer to "
                                                "https://aka.ms/azureimds",
                                                why)},
                          {"newest-versions", std::move(newest)}});
}

http::Reply all_versions() {
  JsonArray all;
  for (const auto one : versions) all.push_back(boost::json::string(one));
  return json_reply(200, {{"apiVersions", std::move(all)}});
}

}  // namespace

http::Reply answer_metadata(const Facts& facts, const http::Request& request) {
  const Query query(request.target);
  const std::string_view path = query.path();
  // A program that fetches a stranger's link can be led here; it would not send the one header,
  // and a proxy would add the other.
  if (!iequals(trim(request.headers.get("Metadata")), "true")) {
    return error_reply(400, "Bad request. Required metadata header not specified");
  }
  if (request.headers.has("X-Forwarded-For")) {
    return error_reply(400, "Bad request. Requests with X-Forwarded-For are not answered");
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return error_reply(405, "Method not allowed");
  }
  if (path == "/metadata/versions") return all_versions();
  const auto version = query.get("api-version");
  if (path == "/metadata/identity/oauth2/token" || path == "/metadata/identity/info") {
    return json_reply(400,
                      {{"error", "invalid_request"}, {"error_description", "Identity not found"}});
  }
  if (!istarts_with(path, "/metadata/")) return error_reply(404, "Not found");
  if (version.empty()) return refuse_version("api-version was not specified.");
  if (path == "/metadata/scheduledevents") {
    return json_reply(200, {{"DocumentIncarnation", 1}, {"Events", JsonArray()}});
  }
  if (path == "/metadata/attested/document") {
    return error_reply(404, "Not found. Attested documents are not supported here");
  }
  if (path != "/metadata/instance" && !path.starts_with("/metadata/instance/")) {
    return error_reply(404, "Not found");
  }
  if (std::find(std::begin(versions), std::end(versions), version) == std::end(versions)) {
    return refuse_version("This api-version is not known.");
  }
  return answer_instance(facts, path.substr(std::string_view("/metadata/instance").size()),
                         query.get("format"));
}

}  // namespace pinaco::guest
