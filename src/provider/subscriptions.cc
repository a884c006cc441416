// Tenants, subscriptions and resource providers: what a client reads before it does anything.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/platform.h"
#include "provider/regions.h"
#include "provider/tags.h"

namespace pinaco::provider {
namespace {

Result<JsonObject> show_subscription(const Call& call, const identity::Subscription& subscription) {
  JsonObject body{{"id", "/subscriptions/" + subscription.id},
                  {"subscriptionId", subscription.id},
                  {"tenantId", subscription.tenant},
                  {"displayName", subscription.name},
                  {"state", "Enabled"},
                  {"subscriptionPolicies", JsonObject{{"locationPlacementId", "Public_2014-09-01"},
                                                      {"quotaId", "PayAsYouGo_2014-09-01"},
                                                      {"spendingLimit", "Off"}}},
                  {"authorizationSource", "RoleBased"},
                  {"managedByTenants", JsonArray()}};
  const Json tags = TRY(tags_of_subscription(call.model, subscription.id));
  if (!tags.get_object().empty()) body["tags"] = tags;
  return body;
}

using Regions = std::vector<const Location*>;

// Those where the subscription may have resources: others are not among its locations.
Result<Regions> regions_of(const Call& call) {
  Regions regions;
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    regions = TRY(usable_regions(call.world, view));
    return {};
  }));
  return regions;
}

JsonObject show_type(const Regions& regions, std::string_view type,
                     std::span<const std::string_view> api_versions, bool tracked) {
  JsonArray versions;
  for (auto version = api_versions.rbegin(); version != api_versions.rend(); ++version) {
    versions.emplace_back(*version);
  }
  JsonArray locations;
  JsonArray zones;
  for (const auto* location : regions) {
    locations.emplace_back(location->display_name);
    if (location->zones.empty()) continue;
    JsonArray names;
    for (const auto& zone : location->zones) names.emplace_back(zone);
    zones.push_back(JsonObject{{"location", location->display_name}, {"zones", std::move(names)}});
  }
  return {{"resourceType", type},
          {"locations", std::move(locations)},
          {"apiVersions", std::move(versions)},
          {"zoneMappings", std::move(zones)},
          {"capabilities", tracked ? "SupportsTags, SupportsLocation" : "None"}};
}

JsonObject show_provider(const Regions& regions, std::string_view subscription,
                         std::string_view name) {
  JsonArray rows;
  for (const auto& type : types()) {
    if (type.provider == name) {
      rows.push_back(show_type(regions, type.type, type.api_versions, true));
    }
  }
  for (const auto& each : extensions()) {
    if (each.provider == name) {
      rows.push_back(show_type(regions, each.type, each.api_versions, false));
    }
  }
  // Operations that live below a provider, "locations/capsOperations", and the platform's own.
  for (const auto& route : routes()) {
    const auto below = fmt::format("/providers/{}/", name);
    // The last one: a quota of Microsoft.Compute is no type of it.
    const auto at = route.pattern.rfind("/providers/");
    std::string type;
    if (at != std::string_view::npos && route.pattern.substr(at).starts_with(below)) {
      std::vector<std::string> words;
      for (const auto part : split(route.pattern.substr(at + below.size()), '/')) {
        if (!part.starts_with('{')) words.emplace_back(part);
      }
      type = join(words, "/");
    } else if (name == "Microsoft.Resources") {
      if (route.pattern.ends_with("/resourcegroups/{group}") && route.method == "PUT") {
        type = "resourceGroups";
      } else if (route.pattern == "/subscriptions/{subscription}") {
        type = "subscriptions";
      } else if (route.pattern == "/tenants") {
        type = "tenants";
      }
    }
    // Once: clients that look for a type's api-versions want one row.
    const bool there = std::ranges::any_of(
        rows, [&](const Json& row) { return string_at(row, "resourceType") == type; });
    if (type.empty() || there) continue;
    rows.push_back(show_type(regions, type, route.api_versions, false));
  }
  return {{"id", fmt::format("/subscriptions/{}/providers/{}", subscription, name)},
          {"namespace", name},
          {"registrationState", "Registered"},
          {"registrationPolicy", "RegistrationFree"},
          {"resourceTypes", std::move(rows)}};
}

}  // namespace

// Of the caller, and those of its other tokens.
Result<Outcome> list_tenants(const Call& call) {
  const auto everybody = TRY(call.access.directory().roster());
  JsonArray rows;
  const auto add = [&](const identity::Caller& caller) {
    const auto* tenant = everybody->find_tenant(caller.tenant);
    if (tenant == nullptr) return;
    rows.push_back(JsonObject{{"id", "/tenants/" + tenant->id},
                              {"tenantId", tenant->id},
                              {"tenantCategory", "Home"},
                              {"displayName", tenant->name},
                              {"defaultDomain", tenant->domain},
                              {"countryCode", ""},
                              {"domains", JsonArray{Json(tenant->domain)}}});
  };
  add(call.caller);
  for (const auto& each : call.caller.auxiliary) {
    if (each.tenant != call.caller.tenant) add(each);
  }
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> list_subscriptions(const Call& call) {
  const auto everybody = TRY(call.access.directory().roster());
  JsonArray rows;
  for (const auto& [id, each] : everybody->subscriptions()) {
    if (TRY(call.access.sees_subscription(call.caller, id))) {
      rows.push_back(TRY(show_subscription(call, each)));
    }
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  return Outcome{.body = JsonObject{{"value", std::move(rows)},
                                    {"count", JsonObject{{"type", "Total"}, {"value", count}}}}};
}

Result<Outcome> get_subscription(const Call& call) {
  const auto& id = call.parts.at("subscription");
  const auto everybody = TRY(call.access.directory().roster());
  const auto* found = everybody->find_subscription(id);
  CHECK(found != nullptr);  // the router looked
  if (!TRY(call.access.sees_subscription(call.caller, id))) {
    TRY(call.access.may(call.caller, "Microsoft.Resources/subscriptions/read",
                        "/subscriptions/" + id));
  }
  Json shown = TRY(show_subscription(call, *found));
  return Outcome{.body = std::move(shown)};
}

Result<Outcome> list_providers(const Call& call) {
  const auto regions = TRY(regions_of(call));
  JsonArray rows;
  for (const auto name : namespaces()) {
    rows.push_back(show_provider(regions, call.parts.at("subscription"), name));
  }
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> get_provider(const Call& call) {
  const auto regions = TRY(regions_of(call));
  for (const auto name : namespaces()) {
    if (iequals(name, call.parts.at("provider"))) {
      return Outcome{.body = show_provider(regions, call.parts.at("subscription"), name)};
    }
  }
  return fail(arm::error(
      Kind::not_found, "InvalidResourceNamespace",
      fmt::format("The resource namespace '{}' is invalid.", call.parts.at("provider"))));
}

Result<Outcome> unregister_provider(const Call& call) {
  TRY(get_provider(call));
  return fail(arm::error(Kind::conflict, "OperationNotAllowed",
                         fmt::format("The resource provider '{}' is registered with every "
                                     "subscription of this server and cannot be unregistered.",
                                     call.parts.at("provider"))));
}

Result<Outcome> list_resources_of_group(const Call& call) {
  JsonArray rows;
  const auto filter = call.query.find("$filter");
  const auto conditions =
      TRY(parse_filter(filter == call.query.end() ? std::string_view() : filter->second));
  const auto group = call.parts.find("group");
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    arm::ResourceId collection{.subscription = view.subscription(),
                               .group = group == call.parts.end() ? "" : group->second,
                               .provider = {},
                               .types = {},
                               .names = {}};
    if (!collection.group.empty()) TRY(view.get(collection));
    for (const auto& type : types()) {
      collection.provider = type.provider;
      collection.types.clear();
      for (const auto part : split(type.type, '/')) collection.types.emplace_back(part);
      for (const auto& row : TRY(view.list_all(collection))) {
        if (!fits(row, conditions) || !TRY(call.may_read(row.id))) continue;
        JsonObject item{{"id", row.id.text()},
                        {"name", row.id.nested_name()},
                        {"type", row.id.full_type()},
                        {"location", row.location}};
        if (!row.tags.get_object().empty()) item["tags"] = row.tags;
        if (!row.sku.is_null()) item["sku"] = row.sku;
        item["provisioningState"] = row.provisioning;
        item["createdTime"] = to_iso8601(row.created);
        rows.push_back(std::move(item));
      }
    }
    return {};
  }));
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

}  // namespace pinaco::provider
