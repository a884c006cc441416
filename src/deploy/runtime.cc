#include "deploy/runtime.h"

#include <fmt/format.h>

#include "base/text.h"
#include "deploy/records.h"

namespace pinaco::deploy {

Result<Json> Reader::get(const std::string& id, const std::string& api_version) {
  auto outcome = TRY(dispatch_({.method = "GET",
                                .path = id,
                                .api_version = api_version,
                                .caller = caller_,
                                .base_url = base_url_}));
  return std::move(outcome.body);
}

Result<Json> Reader::list(const std::string& action, const std::string& id,
                          const std::string& api_version, const Json& body) {
  auto outcome = TRY(dispatch_({.method = "POST",
                                .path = fmt::format("{}/{}", id, action),
                                .api_version = api_version,
                                .body = body,
                                .caller = caller_,
                                .base_url = base_url_}));
  return std::move(outcome.body);
}

Result<Json> Reader::provider(const std::string& name) {
  const auto slash = name.find('/');
  auto shown =
      TRY(get(fmt::format("/subscriptions/{}/providers/{}", subscription_, name.substr(0, slash)),
              "2021-04-01"));
  if (slash == std::string::npos) return shown;
  if (const Json* types = find_path(shown, "resourceTypes")) {
    for (const auto& each : types->get_array()) {
      if (iequals(string_at(each, "resourceType"), name.substr(slash + 1))) return each;
    }
  }
  return fail(arm::error(Kind::not_found, "InvalidResourceType",
                         fmt::format("There is no resource type '{}'.", cut_text(name, 200))));
}

Result<Json> NotYet::asked() {
  was_asked_ = true;
  return fail(Kind::unavailable, "Nothing is deployed yet.");
}
Result<Json> NotYet::get(const std::string&, const std::string&) {
  return asked();
}
Result<Json> NotYet::list(const std::string&, const std::string&, const std::string&, const Json&) {
  return asked();
}
Result<Json> NotYet::provider(const std::string&) {
  return asked();
}

Result<templates::Surroundings> surroundings_of(const Record& record, model::Model& model,
                                                const access::Access& access) {
  templates::Surroundings around{.scope = record.scope == "/" ? std::string() : record.scope,
                                 .tenant = record.tenant};
  around.now = record.start;
  around.chance = record.chance;
  const auto everybody = TRY(access.directory().roster());
  const auto* tenant = everybody->find_tenant(record.tenant);
  around.tenant_shown = JsonObject{{"tenantId", record.tenant},
                                   {"id", "/tenants/" + record.tenant},
                                   {"displayName", tenant != nullptr ? tenant->name : ""},
                                   {"countryCode", ""}};
  around.deployer =
      JsonObject{{"objectId", record.caller.object_id},
                 {"tenantId", record.caller.tenant},
                 {"userPrincipalName", record.caller.is_user ? record.caller.name : std::string()}};
  JsonObject deployment{
      {"name", record.name},
      {"properties", JsonObject{{"templateHash", record.hash},
                                {"mode", record.complete ? "Complete" : "Incremental"},
                                {"provisioningState", "Accepted"}}}};
  if (!record.link.is_null()) {
    deployment["properties"].get_object()["templateLink"] = record.link;
  }
  if (!record.location.empty()) deployment["location"] = record.location;
  around.deployment = std::move(deployment);
  const auto& base = record.base_url;
  const auto host = base.substr(std::min(base.size(), base.find("//") + 2));
  around.environment =
      JsonObject{{"name", "Pinaco"},
                 {"portal", base},
                 {"resourceManager", base + "/"},
                 {"graph", base + "/"},
                 {"graphAudience", base + "/"},
                 {"authentication", JsonObject{{"loginEndpoint", base + "/"},
                                               {"audiences", JsonArray{Json(base + "/")}},
                                               {"tenant", record.tenant},
                                               {"identityProvider", "AAD"}}},
                 {"suffixes", JsonObject{{"storage", host}, {"keyvaultDns", "." + host}}}};
  if (const auto name = access::management_group_of(record.scope); !name.empty()) {
    around.management_group = name;
    around.management_group_shown =
        JsonObject{{"name", name},
                   {"type", "Microsoft.Management/managementGroups"},
                   {"id", access::management_group_scope(name)},
                   {"properties", JsonObject{{"tenantId", record.tenant}}}};
    return around;
  }
  const auto id = arm::ResourceId::parse(around.scope);
  if (!id || id->subscription.empty()) return around;
  around.subscription = id->subscription;
  const auto* subscription = everybody->find_subscription(id->subscription);
  around.subscription_shown =
      JsonObject{{"id", "/subscriptions/" + id->subscription},
                 {"subscriptionId", id->subscription},
                 {"tenantId", record.tenant},
                 {"displayName", subscription != nullptr ? subscription->name : ""}};
  if (id->group.empty()) return around;
  around.group = id->group;
  const auto group = TRY(model.find(id->group_id()));
  if (!group) return fail(arm::group_not_found(id->group));
  JsonObject shown{{"id", group->id.text()},
                   {"name", group->id.group},
                   {"type", "Microsoft.Resources/resourceGroups"},
                   {"location", group->location},
                   {"properties", JsonObject{{"provisioningState", "Succeeded"}}}};
  shown["tags"] = group->tags;
  around.group_shown = std::move(shown);
  return around;
}

}  // namespace pinaco::deploy
