// Regions in Pinaco's own interface: what there is of them, and the list of those who may use the
// restricted ones. Whoever works in a subscription asks, whoever runs the server decides.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "front/own.h"

namespace pinaco::front {
namespace {

constexpr std::string_view ask_right = "Pinaco/regions/request/action";
constexpr std::string_view read_right = "Pinaco/regions/read";
constexpr std::string_view decide_right = "Pinaco/regions/write";

Json shown(const provider::RegionUse& use, const identity::Subscription& subscription) {
  return JsonObject{{"region", use.region},
                    {"subscription", subscription.id},
                    {"subscriptionName", subscription.name},
                    {"tenant", subscription.tenant},
                    {"state", use.state},
                    {"reason", use.reason},
                    {"by", use.by},
                    {"since", to_iso8601(use.since)}};
}

Error no_such_region(const provider::World& world, std::string_view asked) {
  std::vector<std::string> names;
  for (const auto& each : world.locations) names.push_back(each.name);
  return arm::error(Kind::not_found, "NotFound",
                    fmt::format("This server has no region '{}'. It has: {}.", asked.substr(0, 100),
                                join(names, ", ")));
}

// A subscription by its id or as a scope.
std::string_view subscription_in(std::string_view text) {
  constexpr std::string_view before = "/subscriptions/";
  return istarts_with(text, before) ? text.substr(before.size()) : text;
}

Result<std::string> reason_of(const Json& body) {
  const std::string reason(trim(string_at(body, "reason")));
  const bool clean = std::ranges::none_of(
      reason, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (clean && reason.size() <= provider::region_reason_bytes_max) return reason;
  return fail(arm::invalid_parameter(
      "reason", fmt::format("The reason must be a text of at most {} bytes without control "
                            "characters.",
                            provider::region_reason_bytes_max)));
}

Result<std::optional<provider::RegionUse>> find_use(const model::View& view,
                                                    std::string_view region) {
  for (auto& use : TRY(provider::region_uses(view))) {
    if (use.region == region) return std::optional(std::move(use));
  }
  return std::optional<provider::RegionUse>();
}

}  // namespace

bool OwnInterface::runs_server(const identity::Caller& caller) const {
  return caller.tenant == parts_.identity.directory().first_tenant();
}

Result<http::Reply> OwnInterface::regions(const provider::Call& call, const Target& target) {
  const auto& parts = target.segments;
  const bool reads = call.method == "GET";
  if (parts.size() == 3 && reads) return list_regions(call);
  if (parts.size() == 4 && parts[3] == "requests" && reads) return list_region_uses(call);
  if (parts.size() != 5 || (parts[4] != "request" && parts[4] != "allow" && parts[4] != "deny")) {
    return fail(arm::error(Kind::not_found, "NotFound",
                           "Below regions there are requests, and of each region request, allow "
                           "and deny."));
  }
  if (call.method != "POST") {
    return fail(arm::error(Kind::invalid, "HttpMethodNotSupported",
                           "To ask for a region, to allow and to deny it take POST."));
  }
  const auto* location = parts_.world.find_location(parts[3]);
  const bool known = location != nullptr;
  // What is left of a region that is no longer in the catalogue can still be taken back.
  if (!known && parts[4] != "deny") return fail(no_such_region(parts_.world, parts[3]));
  if (parts[4] == "request") return ask_for_region(call, *location);
  if (parts[4] == "allow" && !location->restricted) {
    return fail(
        arm::error(Kind::conflict, "OperationNotAllowed",
                   fmt::format("The region '{}' is open to all subscriptions.", location->name)));
  }
  return decide_on_region(call, known ? location->name : arm::normalize_location(parts[3]),
                          parts[4] == "allow");
}

Result<http::Reply> OwnInterface::list_regions(const provider::Call& call) {
  std::map<std::string, std::string> states;
  const auto asked = call.query.find("subscription");
  const bool for_one = asked != call.query.end() && !asked->second.empty();
  if (for_one) {
    const auto id = TRY(check_subscription(call.caller, asked->second));
    if (!TRY(call.access.sees_subscription(call.caller, id))) {
      TRY(call.access.may(call.caller, "Microsoft.Resources/subscriptions/read",
                          "/subscriptions/" + id));
    }
    TRY(parts_.model.read(id, [&](const model::View& view) -> Result<> {
      states.clear();
      for (const auto& use : TRY(provider::region_uses(view))) states[use.region] = use.state;
      return {};
    }));
  }
  JsonArray rows;
  for (const auto& region : parts_.depot.regions()) {
    const auto* location = parts_.world.find_location(region->name());
    const bool restricted = location != nullptr && location->restricted;
    JsonArray zones;
    if (location != nullptr) {
      for (const auto& zone : location->zones) zones.emplace_back(zone);
    }
    const auto usage = TRY(region->usage());
    JsonArray places;
    for (const auto& place : region->places()) {
      const bool away = std::ranges::find(usage.away, place.name) != usage.away.end();
      places.push_back(JsonObject{
          {"zone", place.zone}, {"name", place.name}, {"premium", place.premium}, {"away", away}});
    }
    JsonObject row{{"name", region->name()},
                   {"displayName", location == nullptr ? region->name() : location->display_name},
                   {"zones", std::move(zones)},
                   {"places", std::move(places)},
                   {"restricted", restricted},
                   {"usage", JsonObject{{"packs", usage.packs},
                                        {"manifests", usage.manifests},
                                        {"bytes", usage.bytes}}}};
    if (for_one) {
      const auto state = states.find(region->name());
      row["access"] = !restricted ? "Open" : state == states.end() ? "Restricted" : state->second;
    }
    rows.push_back(std::move(row));
  }
  return json_reply(200, JsonObject{{"value", std::move(rows)}});
}

// The same for all: whoever runs the server sees every tenant's, others those of subscriptions that
// they may see.
Result<http::Reply> OwnInterface::list_region_uses(const provider::Call& call) {
  const bool all =
      runs_server(call.caller) && TRY(call.access.allows(call.caller, read_right, "/"));
  const auto everybody = TRY(parts_.identity.directory().roster());
  JsonArray rows;
  for (const auto& [id, subscription] : everybody->subscriptions()) {
    if (!all && !TRY(call.access.sees_subscription(call.caller, id))) continue;
    std::vector<provider::RegionUse> uses;
    TRY(parts_.model.read(id, [&](const model::View& view) -> Result<> {
      uses = TRY(provider::region_uses(view));
      return {};
    }));
    for (const auto& use : uses) rows.push_back(shown(use, subscription));
  }
  return json_reply(200, JsonObject{{"value", std::move(rows)}});
}

Result<http::Reply> OwnInterface::ask_for_region(const provider::Call& call,
                                                 const provider::Location& location) {
  const auto id = TRY(check_subscription(call.caller, subscription_in(string_at(call.body, "id"))));
  TRY(call.access.may(call.caller, ask_right, "/subscriptions/" + id));
  if (!location.restricted) {
    return fail(arm::error(Kind::conflict, "OperationNotAllowed",
                           fmt::format("The region '{}' is open to all subscriptions: there is "
                                       "nothing to ask for.",
                                       location.name)));
  }
  const auto reason = TRY(reason_of(call.body));
  provider::RegionUse use;
  TRY(parts_.model.change(id, [&](model::Change& change) -> Result<> {
    const auto now = TRY(find_use(change, location.name));
    use = now.value_or(provider::RegionUse{});
    if (now && now->state == "Allowed") return {};  // it has what it asks for
    use = {.region = location.name,
           .state = "Requested",
           .reason = reason,
           .by = call.caller.name,
           .since = change.now()};
    return provider::put_region_use(change, use);
  }));
  const auto everybody = TRY(parts_.identity.directory().roster());
  return json_reply(200, shown(use, *everybody->find_subscription(id)));
}

Result<http::Reply> OwnInterface::decide_on_region(const provider::Call& call,
                                                   const std::string& region, bool allow) {
  if (!runs_server(call.caller)) {
    return fail(arm::error(Kind::denied, "AuthorizationFailed",
                           "Only administrators of the tenant that the server was set up with may "
                           "decide on regions. Log in as one of them."));
  }
  TRY(call.access.may(call.caller, decide_right, "/"));
  // Of any tenant.
  const auto everybody = TRY(parts_.identity.directory().roster());
  const std::string asked(subscription_in(string_at(call.body, "id")));
  const auto* subscription = everybody->find_subscription(asked);
  if (subscription == nullptr) {
    return fail(
        arm::error(Kind::not_found, "SubscriptionNotFound",
                   fmt::format("The subscription '{}' could not be found.", asked.substr(0, 100))));
  }
  provider::RegionUse use;
  TRY(parts_.model.change(subscription->id, [&](model::Change& change) -> Result<> {
    const auto now = TRY(find_use(change, region));
    if (!allow && !now) {
      return fail(arm::error(Kind::not_found, "NotFound",
                             fmt::format("The subscription '{}' has neither asked for the region "
                                         "'{}' nor been allowed there.",
                                         subscription->id, region)));
    }
    use = now.value_or(provider::RegionUse{.region = region, .state = {}});
    use.state = allow ? "Allowed" : "Denied";
    // Another tenant's people learn what was decided, here and in their activity log, and not the
    // names of whoever runs the server: those are in the server's log.
    const bool own = subscription->tenant == call.caller.tenant;
    use.by = own ? call.caller.name : "Pinaco";
    use.since = change.now();
    TRY(provider::put_region_use(change, use));
    if (own) return {};
    return provider::record_deed(
        change, allow ? "Pinaco/regions/allow/action" : "Pinaco/regions/deny/action",
        "/subscriptions/" + subscription->id, JsonObject{{"region", region}});
  }));
  LOG(info, "front", "region {} is {} for subscription {} by {}", region,
      allow ? "allowed" : "denied", subscription->id, call.caller.object_id);
  return json_reply(200, shown(use, *subscription));
}

}  // namespace pinaco::front
