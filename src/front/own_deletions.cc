// Deleting a gallery or a definition with all that is in it, in Pinaco's own interface: what that
// means, and beginning it. It is followed as any long operation.
#include <fmt/format.h>

#include <set>

#include "base/log.h"
#include "base/text.h"
#include "front/own.h"

namespace pinaco::front {
namespace {

constexpr std::string_view operations_api = "2022-03-03";

Result<arm::ResourceId> what_goes(std::string_view text) {
  if (text.empty()) return fail(arm::missing_parameter("id"));
  auto id = TRY(arm::ResourceId::parse(text));
  const bool gallery = id.is_resource() && iequals(id.provider, "Microsoft.Compute") &&
                       (iequals(id.type(), "galleries") || iequals(id.type(), "galleries/images"));
  if (gallery) return id;
  return fail(arm::invalid_parameter(
      "id", fmt::format("'{}' is not a gallery or an image definition. What has nothing in it is "
                        "deleted by its own DELETE.",
                        text.substr(0, 300))));
}

// Of the query of a GET, of the body of a POST.
bool says(const provider::Call& call, const char* name) {
  if (call.method != "GET") return bool_at(call.body, name);
  const auto found = call.query.find(to_lower(name));
  return found != call.query.end() && iequals(found->second, "true");
}

std::string operation_url(const provider::Call& call, const model::Operation& operation,
                          std::string_view query = "") {
  return fmt::format("{}/subscriptions/{}/providers/{}/locations/{}/{}/{}?{}api-version={}",
                     call.base_url, operation.resource.subscription, operation.resource.provider,
                     operation.location, operation.surface, operation.id, query, operations_api);
}

std::set<std::string> keys_of(const std::vector<arm::ResourceId>& ids) {
  std::set<std::string> keys;
  for (const auto& id : ids) keys.insert(id.key());
  return keys;
}

Json shown_bytes(const work::Workers::Freed& freed) {
  std::uint64_t sum = 0;
  JsonObject regions;
  for (const auto& [region, bytes] : freed) {
    regions[region] = bytes;
    sum += bytes;
  }
  return JsonObject{{"bytes", sum}, {"regions", std::move(regions)}};
}

// A store may be away, or a manifest damaged, also of what stays: that keeps nothing from going,
// and how much comes back is not told.
void show_freed(JsonObject& body, std::string_view member,
                const Result<work::Workers::Freed>& freed) {
  if (freed) {
    body[member] = shown_bytes(*freed);
  } else {
    LOG(warning, "front", "what a deletion frees cannot be told: {}", freed.error().message);
  }
}

}  // namespace

Result<Json> OwnInterface::deletion_shown(const provider::Call& call,
                                          const lifecycle::CascadePlan& plan) const {
  auto keys = keys_of(plan.gone);
  const auto goes = [&](const arm::ResourceId& id) { return keys.contains(id.key()); };
  JsonObject body{{"id", plan.top.id.text()},
                  {"definitions", plan.definitions},
                  {"versions", plan.versions},
                  {"restorable", plan.restorable},
                  {"definitionsStaying", plan.staying},
                  {"deletedBefore", plan.recycled},
                  {"underWay", plan.operation.has_value()}};
  if (plan.operation) {
    body["operation"] = operation_url(call, *plan.operation);
    body["total"] = int_at(plan.operation->input, "total");
    body["forGood"] = plan.options.for_good;
    body["inUse"] = plan.options.in_use;
  }
  show_freed(body, "frees", parts_.workers.freed_without(goes));
  if (!plan.kept.empty()) {
    keys.merge(keys_of(plan.kept));
    body["restorableUntil"] = to_iso8601(plan.restorable_until);
    show_freed(body, "freesInTheEnd", parts_.workers.freed_without(goes));
  }
  JsonArray obstacles;
  for (const auto& each : plan.obstacles) {
    obstacles.push_back(JsonObject{{"id", each.id.text()},
                                   {"name", each.id.nested_name()},
                                   {"code", each.code},
                                   {"message", each.why}});
  }
  body["obstacles"] = std::move(obstacles);
  body["obstaclesFound"] = plan.obstacles_found;
  return Json(std::move(body));
}

// What stands in the way names what is there: who asks must be able to read it. The right to delete
// it is asked for of each thing, and part of the plan.
Result<http::Reply> OwnInterface::deletions(const provider::Call& call, const Target&) {
  if (call.method != "GET" && call.method != "POST") {
    return fail(
        arm::error(Kind::invalid, "HttpMethodNotSupported", "Deletions have GET and POST."));
  }
  const auto asked = call.query.find("id");
  const auto text = call.method == "POST"       ? std::string(string_at(call.body, "id"))
                    : asked == call.query.end() ? std::string()
                                                : asked->second;
  auto id = TRY(what_goes(text));
  id.subscription = TRY(check_subscription(call.caller, id.subscription));
  TRY(call.access.may(call.caller, id.full_type() + "/read", id.text()));
  for (const char* below : {"images", "images/versions"}) {
    TRY(call.access.may(call.caller, fmt::format("Microsoft.Compute/galleries/{}/read", below),
                        id.text()));
  }
  const lifecycle::CascadeOptions options{.for_good = says(call, "forGood"),
                                          .in_use = says(call, "inUse")};
  if (call.method == "GET") {
    return json_reply(200, TRY(deletion_shown(call, TRY(parts_.cascade.plan(call, id, options)))));
  }
  const auto operation = TRY(parts_.cascade.start(call, id, options));
  auto reply = json_reply(202, JsonObject{{"id", operation.resource.text()},
                                          {"operation", operation.id},
                                          {"total", int_at(operation.input, "total")}});
  reply.headers.add("Azure-AsyncOperation", operation_url(call, operation));
  reply.headers.add("Location", operation_url(call, operation, "monitor=true&"));
  reply.headers.add("Retry-After", "1");
  return reply;
}

}  // namespace pinaco::front
