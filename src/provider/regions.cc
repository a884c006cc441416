// Restricted regions: who may use them, and what is said to others. The list is no configuration,
// since it changes while the server runs: a fact "region/NAME" in the shard of each subscription.
#include "provider/regions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view facts = "region/";

RegionUse use_from(std::string_view fact, const Json& json) {
  return {.region = std::string(fact.substr(facts.size())),
          .state = std::string(string_at(json, "state")),
          .reason = std::string(string_at(json, "reason")),
          .by = std::string(string_at(json, "by")),
          .since = parse_iso8601(string_at(json, "since")).value_or(WallTime())};
}

}  // namespace

Result<std::vector<RegionUse>> region_uses(const model::View& view) {
  std::vector<RegionUse> uses;
  for (const auto& [name, json] : TRY(view.facts(facts))) uses.push_back(use_from(name, json));
  return uses;
}

Result<> put_region_use(model::Change& change, const RegionUse& use) {
  return change.put_fact(std::string(facts) + use.region,
                         JsonObject{{"state", use.state},
                                    {"reason", use.reason},
                                    {"by", use.by},
                                    {"since", to_iso8601(use.since)}});
}

Result<bool> may_use(const model::View& view, const Location& location) {
  if (!location.restricted) return true;
  const auto fact = TRY(view.find_fact(std::string(facts) + location.name));
  return fact && string_at(*fact, "state") == "Allowed";
}

Result<std::vector<const Location*>> usable_regions(const World& world, const model::View& view) {
  std::vector<const Location*> usable;
  for (const auto& location : world.locations) {
    if (TRY(may_use(view, location))) usable.push_back(&location);
  }
  return usable;
}

Result<> check_region(const World& world, const model::View& view, std::string_view asked,
                      std::string_view code, std::string_view what, std::string target) {
  const Location* location = world.find_location(asked);
  if (location != nullptr && TRY(may_use(view, *location))) return {};
  std::vector<std::string> names;
  for (const auto* each : TRY(usable_regions(world, view))) names.push_back(each->name);
  auto message = fmt::format(
      "The provided location '{}' is not available for {}. List of available regions{} is '{}'.",
      location == nullptr ? asked.substr(0, 100) : std::string_view(location->name), what,
      what.starts_with("resource type ") ? " for the resource type" : "", join(names, ","));
  if (location != nullptr) {
    message += view.subscription().empty()
                   ? fmt::format(
                         " The region '{}' is restricted to subscriptions that are allowed "
                         "there. Use another one for what is above subscriptions.",
                         location->name)
                   : fmt::format(
                         " The region '{0}' is restricted, and the subscription '{1}' is "
                         "not allowed there. Ask for it with: pinaco region request {0}",
                         location->name, view.subscription());
  }
  return fail(arm::error(Kind::invalid, std::string(code), std::move(message), std::move(target)));
}

Result<> check_location(const ResourceType& type, const Call& call, const model::View& view,
                        std::string_view asked) {
  return check_region(call.world, view, asked, "LocationNotAvailableForResourceType",
                      fmt::format("resource type '{}/{}'", type.provider, type.type));
}

Result<> check_zones(const ResourceType& type, const Call& call, const model::Resource& wanted) {
  const Location* location = call.world.find_location(wanted.location);
  if (location == nullptr || !wanted.zones.is_array()) return {};
  const auto resource = fmt::format("{}/{}/{}", type.provider, type.type, wanted.id.name());
  for (const Json& zone : wanted.zones.get_array()) {
    if (location->zones.empty()) {
      return fail(arm::error(
          Kind::invalid, "LocationNotSupportAvailabilityZones",
          fmt::format("The resource '{}' does not support availability zones at location '{}'.",
                      resource, location->name)));
    }
    const std::string name(zone.get_string());
    if (std::ranges::find(location->zones, name) != location->zones.end()) continue;
    return fail(arm::error(
        Kind::invalid, "InvalidAvailabilityZone",
        fmt::format("The zone(s) '{}' for resource '{}' is not supported. The supported zones for "
                    "location '{}' are '{}'",
                    name, resource, location->name, join(location->zones, ","))));
  }
  return {};
}

}  // namespace pinaco::provider
