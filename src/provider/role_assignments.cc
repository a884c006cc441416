// Microsoft.Authorization/roleAssignments: who has which role on which scope. A right to write
// them is a right to give any role on that scope, so nothing here asks for more than the router.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/authorization.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view versions[] = {
    "2015-07-01",         "2018-01-01-preview", "2018-09-01-preview", "2020-04-01-preview",
    "2020-08-01-preview", "2020-10-01-preview", "2022-04-01"};
constexpr std::string_view right_to_read = "Microsoft.Authorization/roleAssignments/read";
constexpr std::size_t description_bytes_max = 2048;

Json show_assignment(const Call& call, const access::RoleAssignment& each) {
  const auto subscription = access::shard_of(each.scope);
  const auto role_scope = subscription.empty() ? "/" : "/subscriptions/" + subscription;
  JsonObject properties{
      {"roleDefinitionId", extension_id(role_scope, "roleDefinitions", each.role)},
      {"principalId", each.principal}};
  if (call.api_version >= "2018-09-01-preview") properties["principalType"] = each.principal_type;
  properties["scope"] = each.scope;
  if (call.api_version >= "2020-04-01-preview") {
    properties["condition"] = nullptr;
    properties["conditionVersion"] = nullptr;
    properties["description"] = each.description.empty() ? Json(nullptr) : Json(each.description);
    properties["delegatedManagedIdentityResourceId"] = nullptr;
  }
  properties["createdOn"] = to_iso8601(each.created);
  properties["updatedOn"] = to_iso8601(each.updated);
  properties["createdBy"] = each.created_by;
  properties["updatedBy"] = each.updated_by;
  return JsonObject{{"properties", std::move(properties)},
                    {"id", extension_id(each.scope, "roleAssignments", each.id)},
                    {"type", "Microsoft.Authorization/roleAssignments"},
                    {"name", each.id}};
}

Error not_found(const Call& call) {
  return arm::error(
      Kind::not_found, "RoleAssignmentNotFound",
      fmt::format("The role assignment '{}' is not found.", call.parts.at("name").substr(0, 100)));
}

Error update_not_permitted() {
  return arm::error(Kind::invalid, "RoleAssignmentUpdateNotPermitted",
                    "Tenant ID, application ID, principal ID, and scope are not allowed to be "
                    "updated.");
}

bool is_here(const Call& call, const access::RoleAssignment& each) {
  return each.tenant == call.caller.tenant &&
         access::scope_key(each.tenant, each.scope) ==
             access::scope_key(call.caller.tenant, scope_of(call));
}

Result<Outcome> list_assignments(const Call& call) {
  TRY(call.access.may(call.caller, right_to_read, scope_of(call)));
  const auto filter = TRY(parse_scope_filter(call));
  const auto around = TRY(Around::scope(call));
  const auto everybody = TRY(call.access.directory().roster());
  const auto rules = TRY(call.access.rules());
  std::vector<std::string> principals;
  if (!filter.assigned_to.empty()) principals = everybody->memberships(filter.assigned_to);
  std::vector<const access::RoleAssignment*> found;
  for (const auto& each : rules->assignments()) {
    if (each.tenant != call.caller.tenant) continue;
    const auto key = access::scope_key(each.tenant, each.scope);
    const bool inside = filter.exact
                            ? around.is_at(key)
                            : around.is_above(key) || (!filter.at_scope && around.is_below(key));
    if (!inside) continue;
    if (!filter.principal.empty() && each.principal != filter.principal) continue;
    if (!filter.assigned_to.empty() && each.principal != filter.assigned_to &&
        std::ranges::find(principals, each.principal) == principals.end()) {
      continue;
    }
    found.push_back(&each);
  }
  JsonArray rows;
  for (const auto* each : found) rows.push_back(show_assignment(call, *each));
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> get_assignment(const Call& call) {
  const auto rules = TRY(call.access.rules());
  for (const auto& each : rules->assignments()) {
    if (is_here(call, each) && iequals(each.id, call.parts.at("name"))) {
      return Outcome{.body = show_assignment(call, each)};
    }
  }
  return fail(not_found(call));
}

// The GUID at the end of ".../providers/Microsoft.Authorization/roleDefinitions/<guid>".
Result<std::string> role_of(const Call& call, std::string_view text) {
  constexpr std::string_view before = "/providers/microsoft.authorization/roledefinitions/";
  const auto at = to_lower(text).rfind(before);
  const auto id =
      to_lower(at == std::string::npos ? std::string_view() : text.substr(at + before.size()));
  if (!arm::is_guid(id)) {
    return fail(
        arm::error(Kind::invalid, "InvalidRoleDefinitionId",
                   fmt::format("The role definition ID '{}' is not valid: it ends with "
                               "'/providers/Microsoft.Authorization/roleDefinitions/' and a GUID.",
                               text.substr(0, 300))));
  }
  const auto rules = TRY(call.access.rules());
  const auto* role = rules->find_role(id);
  const auto missing = [&](std::string_view why) {
    return arm::error(
        Kind::not_found, "RoleDefinitionDoesNotExist",
        fmt::format("The specified role definition with ID '{}' does not exist{}.", id, why));
  };
  if (role == nullptr) return fail(missing(""));
  if (role->is_built_in()) return id;
  if (role->tenant != call.caller.tenant) return fail(missing(""));
  const auto keys = TRY(call.access.scope_keys(call.caller.tenant, scope_of(call)));
  for (const auto& scope : role->assignable_scopes) {
    if (std::ranges::find(keys, access::scope_key(role->tenant, scope)) != keys.end()) return id;
  }
  return fail(missing(" at this scope: it is outside its assignable scopes"));
}

Result<> find_principal(const Call& call, const Json& properties, access::RoleAssignment& wanted) {
  wanted.principal = to_lower(string_at(properties, "principalId"));
  if (!arm::is_guid(wanted.principal)) {
    return fail(arm::error(Kind::invalid, "InvalidPrincipalId",
                           fmt::format("A valid principal ID must be provided for role assignment, "
                                       "not '{}'.",
                                       wanted.principal.substr(0, 100))));
  }
  const auto everybody = TRY(call.access.directory().roster());
  const auto* principal = everybody->find_principal(wanted.principal);
  if (principal == nullptr || principal->tenant != call.caller.tenant) {
    return fail(arm::error(
        Kind::invalid, "PrincipalNotFound",
        fmt::format("Principal {} does not exist in the directory {}. Check that you have the "
                    "correct principal ID. If you are creating this principal and then immediately "
                    "assigning a role, this error might be related to a replication delay. In this "
                    "case, set the role assignment principalType property to a value, such as "
                    "ServicePrincipal, User, or Group.",
                    wanted.principal, call.caller.tenant)));
  }
  wanted.principal_type = identity::to_string(principal->type);
  const auto said = string_at(properties, "principalType");
  if (!said.empty() && !iequals(said, wanted.principal_type)) {
    return fail(arm::error(
        Kind::invalid, "UnmatchedPrincipalType",
        fmt::format("The PrincipalId '{}' has type '{}', which is different from specified "
                    "PrincipalType '{}'.",
                    wanted.principal, wanted.principal_type, said.substr(0, 40))));
  }
  return {};
}

Result<access::RoleAssignment> wanted_assignment(const Call& call) {
  access::RoleAssignment wanted{.id = to_lower(call.parts.at("name")),
                                .tenant = call.caller.tenant,
                                .scope = scope_of(call),
                                .role = {},
                                .principal = {},
                                .principal_type = {}};
  if (!arm::is_guid(wanted.id)) {
    return fail(arm::error(Kind::invalid, "InvalidRoleAssignmentId",
                           fmt::format("The role assignment ID '{}' is not valid. The role "
                                       "assignment ID must be a GUID.",
                                       wanted.id.substr(0, 100))));
  }
  const Json* properties = find_path(call.body, "properties");
  if (properties == nullptr || !properties->is_object()) {
    return fail(
        arm::error(Kind::invalid, "InvalidRoleAssignmentRequest", "The body has no 'properties'."));
  }
  for (const char* member : {"condition", "conditionVersion"}) {
    if (!string_at(*properties, member).empty()) {
      return fail(arm::error(Kind::invalid, "ConditionsNotSupported",
                             "Conditions on role assignments are not supported by this server: "
                             "assign the role on a narrower scope instead."));
    }
  }
  if (bool_at(*properties, "canDelegate") ||
      !string_at(*properties, "delegatedManagedIdentityResourceId").empty()) {
    return fail(arm::error(Kind::invalid, "InvalidRoleAssignmentRequest",
                           "Delegation of role assignments is not supported by this server."));
  }
  wanted.description = string_at(*properties, "description");
  if (wanted.description.size() > description_bytes_max) {
    return fail(
        arm::error(Kind::invalid, "InvalidRoleAssignmentRequest",
                   fmt::format("The description has at most {} bytes.", description_bytes_max)));
  }
  wanted.role = TRY(role_of(call, string_at(*properties, "roleDefinitionId")));
  TRY(find_principal(call, *properties, wanted));
  return wanted;
}

// Against what is there, in the transaction of the scope's shard. What it replaces, if any.
Result<std::optional<access::RoleAssignment>> check_wanted(const model::View& view,
                                                           const access::RoleAssignment& wanted) {
  std::optional<access::RoleAssignment> replaces;
  std::size_t count = 0;
  const auto key = access::scope_key(wanted.tenant, wanted.scope);
  for (const auto& each : TRY(access::read_assignments(view))) {
    if (each.tenant != wanted.tenant) continue;
    count++;
    const bool same_scope = access::scope_key(each.tenant, each.scope) == key;
    const bool same = same_scope && each.role == wanted.role && each.principal == wanted.principal;
    if (each.id == wanted.id) {
      if (!same) return fail(update_not_permitted());
      replaces = each;
    } else if (same) {
      return fail(arm::error(
          Kind::conflict, "RoleAssignmentExists",
          fmt::format("The role assignment already exists. The ID of the conflicting role "
                      "assignment is {}.",
                      each.id)));
    }
  }
  if (!replaces && count >= access::assignments_max) {
    return fail(arm::error(
        Kind::quota, "RoleAssignmentLimitExceeded",
        fmt::format("The maximum allowed role assignments for this scope is already reached. "
                    "Current count {}, limit {}. Give roles to groups, or on wider scopes.",
                    count, access::assignments_max)));
  }
  return replaces;
}

Result<Outcome> put_assignment(const Call& call) {
  auto wanted = TRY(wanted_assignment(call));
  const auto rules = TRY(call.access.rules());
  for (const auto& each : rules->assignments()) {
    // Ids are unique in the tenant, also over its subscriptions.
    if (each.id == wanted.id && each.tenant == wanted.tenant && !is_here(call, each)) {
      return fail(update_not_permitted());
    }
  }
  TRY(call.model.change(access::shard_of(wanted.scope), [&](model::Change& change) -> Result<> {
    TRY(check_scope_exists(change, wanted.tenant, wanted.scope));
    const auto replaces = TRY(check_wanted(change, wanted));
    if (replaces) wanted.scope = replaces->scope;
    wanted.created = replaces ? replaces->created : change.now();
    wanted.created_by = replaces ? replaces->created_by : call.caller.object_id;
    wanted.updated = change.now();
    wanted.updated_by = call.caller.object_id;
    return access::put_rule(change, wanted);
  }));
  return Outcome{.status = 201, .body = show_assignment(call, wanted)};
}

// Somebody must be left who can give roles on all of the tenant.
Result<> check_last_owner(const model::View& view, const identity::Roster& everybody,
                          const access::RoleAssignment& goes) {
  const auto is_owner = [&](const access::RoleAssignment& each) {
    return each.tenant == goes.tenant && each.scope == "/" && each.role == access::owner_role;
  };
  if (!is_owner(goes)) return {};
  for (const auto& each : TRY(access::read_assignments(view))) {
    if (!is_owner(each) || each.id == goes.id) continue;
    const auto* principal = everybody.find_principal(each.principal);
    if (principal != nullptr && principal->enabled) return {};
  }
  return fail(arm::error(Kind::conflict, "RoleAssignmentDeleteNotPermitted",
                         "This is the last Owner of the tenant: without one nobody could give "
                         "roles on all of it again. Give that role on '/' to another first."));
}

Result<Outcome> delete_assignment(const Call& call) {
  const auto everybody = TRY(call.access.directory().roster());
  std::optional<access::RoleAssignment> gone;
  TRY(call.model.change(access::shard_of(scope_of(call)), [&](model::Change& change) -> Result<> {
    gone.reset();
    for (auto& each : TRY(access::read_assignments(change))) {
      if (!is_here(call, each) || !iequals(each.id, call.parts.at("name"))) continue;
      TRY(check_last_owner(change, *everybody, each));
      TRY(access::erase_assignment(change, each));
      gone = std::move(each);
    }
    return {};
  }));
  if (!gone) return Outcome{.status = 204};
  return Outcome{.body = show_assignment(call, *gone)};
}

}  // namespace

const Extension role_assignments{.provider = "Microsoft.Authorization",
                                 .type = "roleAssignments",
                                 .api_versions = versions,
                                 .locked = true,
                                 .own_reads = false,
                                 .list = list_assignments,
                                 .get = get_assignment,
                                 .put = put_assignment,
                                 .remove = delete_assignment};

}  // namespace pinaco::provider
