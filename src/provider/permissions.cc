// Microsoft.Authorization/permissions: what the caller itself may do on a scope; and the kinds of
// rules that are not made here, of which there are none to list.
#include <algorithm>

#include "provider/authorization.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view permission_versions[] = {"2015-07-01", "2018-01-01-preview",
                                                    "2022-04-01"};
constexpr std::string_view deny_versions[] = {"2018-07-01-preview", "2022-04-01"};
constexpr std::string_view classic_versions[] = {"2015-06-01", "2015-07-01"};

JsonArray array_of(const std::vector<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

// Shows nothing but the caller's own, so whoever is of the tenant may ask.
Result<Outcome> list_permissions(const Call& call) {
  const auto everybody = TRY(call.access.directory().roster());
  const auto rules = TRY(call.access.rules());
  const auto keys = TRY(call.access.scope_keys(call.caller.tenant, scope_of(call)));
  const auto& principals = everybody->memberships(call.caller.object_id);
  JsonArray rows;
  std::vector<std::string> shown;
  for (const auto& each : rules->assignments()) {
    if (each.tenant != call.caller.tenant ||
        std::ranges::find(principals, each.principal) == principals.end() ||
        std::ranges::find(keys, access::scope_key(each.tenant, each.scope)) == keys.end() ||
        std::ranges::find(shown, each.role) != shown.end()) {
      continue;
    }
    const auto* role = rules->find_role(each.role);
    if (role == nullptr) continue;
    shown.push_back(each.role);
    for (const auto& permission : role->permissions) {
      rows.push_back(JsonObject{{"actions", array_of(permission.actions)},
                                {"notActions", array_of(permission.not_actions)},
                                {"dataActions", array_of(permission.data_actions)},
                                {"notDataActions", array_of(permission.not_data_actions)}});
    }
  }
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> list_none(const Call&) {
  return Outcome{.body = JsonObject{{"value", JsonArray()}}};
}

}  // namespace

const Extension permissions{.provider = "Microsoft.Authorization",
                            .type = "permissions",
                            .api_versions = permission_versions,
                            .locked = false,
                            .own_reads = true,
                            .list = list_permissions,
                            .get = nullptr,
                            .put = nullptr,
                            .remove = nullptr};

const Extension deny_assignments{.provider = "Microsoft.Authorization",
                                 .type = "denyAssignments",
                                 .api_versions = deny_versions,
                                 .locked = false,
                                 .own_reads = false,
                                 .list = list_none,
                                 .get = nullptr,
                                 .put = nullptr,
                                 .remove = nullptr};

const Extension classic_administrators{.provider = "Microsoft.Authorization",
                                       .type = "classicAdministrators",
                                       .api_versions = classic_versions,
                                       .locked = false,
                                       .own_reads = false,
                                       .list = list_none,
                                       .get = nullptr,
                                       .put = nullptr,
                                       .remove = nullptr};

}  // namespace pinaco::provider
