// Microsoft.Authorization/roleDefinitions: the built-in roles, and a tenant's own.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/authorization.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view versions[] = {"2015-07-01", "2018-01-01-preview", "2022-04-01",
                                         "2022-05-01-preview"};
constexpr std::string_view right_to_read = "Microsoft.Authorization/roleDefinitions/read";
constexpr std::string_view right_to_write = "Microsoft.Authorization/roleDefinitions/write";
constexpr std::string_view right_to_delete = "Microsoft.Authorization/roleDefinitions/delete";
constexpr std::size_t definition_bytes_max = 8 << 10;
constexpr std::size_t texts_max = 2048;
constexpr std::size_t name_bytes_max = 512;

JsonArray array_of(const std::vector<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

Json show_role(const Call& call, const access::RoleDefinition& role) {
  JsonArray permissions;
  for (const auto& each : role.permissions) {
    JsonObject permission{{"actions", array_of(each.actions)},
                          {"notActions", array_of(each.not_actions)}};
    if (call.api_version > "2015-07-01") {
      permission["dataActions"] = array_of(each.data_actions);
      permission["notDataActions"] = array_of(each.not_data_actions);
    }
    permissions.push_back(std::move(permission));
  }
  JsonObject properties{{"roleName", role.name},
                        {"type", role.is_built_in() ? "BuiltInRole" : "CustomRole"},
                        {"description", role.description},
                        {"assignableScopes", array_of(role.assignable_scopes)},
                        {"permissions", std::move(permissions)}};
  if (!role.is_built_in()) {
    properties["createdOn"] = to_iso8601(role.created);
    properties["updatedOn"] = to_iso8601(role.updated);
    properties["createdBy"] = role.created_by;
    properties["updatedBy"] = role.updated_by;
  }
  // Named from the subscription that was asked, as clients compare it with assignments there.
  const auto subscription = access::shard_of(scope_of(call));
  const auto scope = subscription.empty() ? "/" : "/subscriptions/" + subscription;
  return JsonObject{{"properties", std::move(properties)},
                    {"id", extension_id(scope, "roleDefinitions", role.id)},
                    {"type", "Microsoft.Authorization/roleDefinitions"},
                    {"name", role.id}};
}

Error does_not_exist(std::string_view id) {
  return arm::error(
      Kind::not_found, "RoleDefinitionDoesNotExist",
      fmt::format("The specified role definition with ID '{}' does not exist.", id.substr(0, 100)));
}

Error invalid(std::string message) {
  return arm::error(Kind::invalid, "InvalidRoleDefinition", std::move(message));
}

// Who may read a custom role: readers of the scope that is asked, or of one it is made for.
Result<bool> may_see(const Call& call, const access::RoleDefinition& role) {
  if (role.is_built_in()) return true;
  if (role.tenant != call.caller.tenant) return false;
  if (TRY(call.access.allows(call.caller, right_to_read, scope_of(call)))) return true;
  for (const auto& scope : role.assignable_scopes) {
    if (TRY(call.access.allows(call.caller, right_to_read, scope))) return true;
  }
  return false;
}

Result<Outcome> list_roles(const Call& call) {
  const auto filter = TRY(parse_scope_filter(call));
  const auto around = TRY(Around::scope(call));
  const auto rules = TRY(call.access.rules());
  JsonArray rows;
  const auto add = [&](const access::RoleDefinition& role) {
    if (!filter.role_name.empty() && !iequals(filter.role_name, role.name)) return;
    if (!filter.role_type.empty() &&
        !iequals(filter.role_type, role.is_built_in() ? "BuiltInRole" : "CustomRole")) {
      return;
    }
    rows.push_back(show_role(call, role));
  };
  for (const auto& role : access::built_in_roles()) add(role);
  std::vector<const access::RoleDefinition*> custom;
  for (const auto& [id, role] : rules->custom_roles()) {
    const bool here = std::ranges::any_of(role.assignable_scopes, [&](const std::string& scope) {
      const auto key = access::scope_key(call.caller.tenant, scope);
      return around.is_above(key) ||
             ((filter.below || scope_of(call) == "/") && around.is_below(key));
    });
    if (here && TRY(may_see(call, role))) custom.push_back(&role);
  }
  std::ranges::sort(custom, {}, [](const auto* role) -> const std::string& { return role->id; });
  for (const auto* role : custom) add(*role);
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> get_role(const Call& call) {
  const auto rules = TRY(call.access.rules());
  const auto& name = call.parts.at("name");
  const auto* role = rules->find_role(name);
  if (role == nullptr || !TRY(may_see(call, *role))) return fail(does_not_exist(name));
  return Outcome{.body = show_role(call, *role)};
}

Result<std::vector<std::string>> texts_of(const JsonObject& object, std::string_view name,
                                          bool action) {
  std::vector<std::string> texts;
  const Json* list = find_member(object, name);
  if (list == nullptr || list->is_null()) return texts;
  if (!list->is_array() || list->get_array().size() > texts_max) {
    return fail(invalid(fmt::format("'{}' must be a list of at most {} texts.", name, texts_max)));
  }
  for (const Json& each : list->get_array()) {
    std::string_view text;
    if (each.is_string()) text = {each.get_string().data(), each.get_string().size()};
    bool good = !text.empty() && text.size() <= 1024;
    // "Provider/type/verb", in words of letters, digits and a few signs, or "*".
    for (const char c : action ? text : std::string_view()) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      good = good && (letter || (c >= '0' && c <= '9') ||
                      std::string_view("./*-_$").find(c) != std::string_view::npos);
    }
    if (action && text != "*" && text.find('/') == std::string_view::npos) good = false;
    if (action && (text.starts_with('/') || text.ends_with('/'))) good = false;
    if (action && text.find("//") != std::string_view::npos) good = false;
    if (!good) {
      return fail(arm::error(Kind::invalid, "InvalidActionOrNotAction",
                             fmt::format("'{}' of '{}' is not the name of an action, such as "
                                         "'Microsoft.Compute/galleries/read' or '*/read'.",
                                         text.substr(0, 100), name)));
    }
    texts.emplace_back(text);
  }
  return texts;
}

Result<std::vector<access::Permission>> permissions_of(const Json& properties) {
  std::vector<access::Permission> permissions;
  const Json* list = find_path(properties, "permissions");
  if (list == nullptr || !list->is_array() || list->get_array().size() != 1 ||
      !list->get_array()[0].is_object()) {
    return fail(invalid("A role definition has exactly one element in 'permissions'."));
  }
  const auto& object = list->get_array()[0].get_object();
  access::Permission permission;
  permission.actions = TRY(texts_of(object, "actions", true));
  permission.not_actions = TRY(texts_of(object, "notActions", true));
  permission.data_actions = TRY(texts_of(object, "dataActions", true));
  permission.not_data_actions = TRY(texts_of(object, "notDataActions", true));
  for (const char* member : {"condition", "conditionVersion"}) {
    const Json* condition = find_member(object, member);
    if (condition != nullptr && !condition->is_null()) {
      return fail(invalid("Conditions on permissions are not supported by this server."));
    }
  }
  if (permission.actions.empty() && permission.data_actions.empty()) {
    return fail(invalid("A role definition needs at least one action."));
  }
  permissions.push_back(std::move(permission));
  return permissions;
}

Result<access::RoleDefinition> wanted_role(const Call& call) {
  access::RoleDefinition role{.id = to_lower(call.parts.at("name")),
                              .name = {},
                              .description = {},
                              .tenant = call.caller.tenant};
  if (!arm::is_guid(role.id)) {
    return fail(arm::error(Kind::invalid, "InvalidRoleDefinitionId",
                           fmt::format("The role definition ID '{}' is not valid. The role "
                                       "definition ID must be a GUID.",
                                       role.id.substr(0, 100))));
  }
  const Json* properties = find_path(call.body, "properties");
  if (properties == nullptr || !properties->is_object()) {
    return fail(invalid("The body has no 'properties'."));
  }
  if (to_text(*properties).size() > definition_bytes_max) {
    return fail(
        arm::error(Kind::invalid, "RoleDefinitionTooLarge",
                   fmt::format("A role definition has at most {} bytes.", definition_bytes_max)));
  }
  role.name = trim(string_at(*properties, "roleName"));
  role.description = string_at(*properties, "description");
  if (role.name.empty() || role.name.size() > name_bytes_max) {
    return fail(invalid(fmt::format("'roleName' must have 1 to {} bytes.", name_bytes_max)));
  }
  const auto type = string_at(*properties, "type");
  if (!type.empty() && !iequals(type, "CustomRole")) {
    return fail(invalid("The type of a role definition that is made is 'CustomRole'."));
  }
  role.permissions = TRY(permissions_of(*properties));
  for (const auto& text : TRY(texts_of(properties->get_object(), "assignableScopes", false))) {
    auto scope = TRY(normal_scope(call, text));
    if (scope == "/") {
      return fail(arm::error(Kind::invalid, "InvalidAssignableScope",
                             "A custom role cannot be made for '/'. For all of the tenant name its "
                             "root management group, whose name is the tenant's id."));
    }
    role.assignable_scopes.push_back(std::move(scope));
  }
  if (role.assignable_scopes.empty()) {
    return fail(invalid("A role definition needs at least one assignable scope."));
  }
  return role;
}

Error built_in(const access::RoleDefinition& role) {
  return arm::error(Kind::denied, "RoleDefinitionIsBuiltIn",
                    fmt::format("The built-in role '{}' cannot be changed or deleted. Make a "
                                "custom role instead.",
                                role.name));
}

const access::RoleDefinition* find_built_in(std::string_view id) {
  for (const auto& role : access::built_in_roles()) {
    if (iequals(role.id, id)) return &role;
  }
  return nullptr;
}

// Whoever shapes a role shapes what its holders may do, wherever it can be assigned.
Result<> check_scopes(const Call& call, const access::RoleDefinition& role,
                      std::string_view right) {
  for (const auto& scope : role.assignable_scopes) {
    TRY(call.access.may(call.caller, right, scope));
  }
  return {};
}

// Of the tenant's assignments those of this role.
std::vector<access::RoleAssignment> uses_of(const access::Rules& rules,
                                            const access::RoleDefinition& role) {
  std::vector<access::RoleAssignment> uses;
  for (const auto& each : rules.assignments()) {
    if (each.role == role.id) uses.push_back(each);
  }
  return uses;
}

Result<> check_uses(const Call& call, const access::Rules& rules,
                    const access::RoleDefinition& role) {
  for (const auto& use : uses_of(rules, role)) {
    const auto keys = TRY(call.access.scope_keys(use.tenant, use.scope));
    const bool covered = std::ranges::any_of(role.assignable_scopes, [&](const auto& scope) {
      return std::ranges::find(keys, access::scope_key(role.tenant, scope)) != keys.end();
    });
    if (covered) continue;
    return fail(arm::error(
        Kind::conflict, "RoleDefinitionHasAssignments",
        fmt::format("The role is assigned on '{}', which the new assignable scopes do not cover. "
                    "Delete that assignment first.",
                    use.scope)));
  }
  return {};
}

Result<Outcome> put_role_definition(const Call& call) {
  if (const auto* role = find_built_in(call.parts.at("name"))) return fail(built_in(*role));
  auto wanted = TRY(wanted_role(call));
  TRY(check_scopes(call, wanted, right_to_write));
  const auto rules = TRY(call.access.rules());
  const auto* current = rules->find_role(wanted.id);
  if (current != nullptr) {
    if (current->tenant != call.caller.tenant) {
      return fail(arm::error(Kind::conflict, "RoleDefinitionExists",
                             "A role definition with this id exists. Choose another GUID."));
    }
    TRY(check_scopes(call, *current, right_to_write));
  }
  TRY(check_uses(call, *rules, wanted));
  Outcome outcome{.status = 201};
  TRY(call.model.change("", [&](model::Change& change) -> Result<> {
    std::size_t count = 0;
    wanted.created = change.now();
    wanted.created_by = call.caller.object_id;
    for (const auto& role : TRY(access::read_roles(change))) {
      if (role.id == wanted.id) {
        // The rights were looked at as of a moment before.
        if (current == nullptr || role.assignable_scopes != current->assignable_scopes) {
          return fail(arm::error(Kind::conflict, "Conflict",
                                 "The role definition was changed meanwhile. Try again."));
        }
        wanted.created = role.created;
        wanted.created_by = role.created_by;
      }
      if (role.tenant != wanted.tenant || role.id == wanted.id) continue;
      count++;
      if (iequals(role.name, wanted.name)) {
        return fail(arm::error(
            Kind::conflict, "RoleDefinitionWithSameNameExists",
            fmt::format("A custom role with the same name already exists in this directory. Use a "
                        "different name than '{}'.",
                        wanted.name)));
      }
    }
    for (const auto& role : access::built_in_roles()) {
      if (iequals(role.name, wanted.name)) {
        return fail(arm::error(Kind::conflict, "RoleDefinitionWithSameNameExists",
                               fmt::format("'{}' is the name of a built-in role.", wanted.name)));
      }
    }
    if (count >= access::custom_roles_max) {
      return fail(arm::error(
          Kind::quota, "RoleDefinitionLimitExceeded",
          fmt::format("The tenant has {} custom roles already, as many as it can have.", count)));
    }
    wanted.updated = change.now();
    wanted.updated_by = call.caller.object_id;
    return access::put_role(change, wanted);
  }));
  outcome.body = show_role(call, wanted);
  return outcome;
}

Result<Outcome> delete_role(const Call& call) {
  const auto& name = call.parts.at("name");
  if (const auto* role = find_built_in(name)) return fail(built_in(*role));
  const auto rules = TRY(call.access.rules());
  const auto* role = rules->find_role(name);
  if (role == nullptr || role->tenant != call.caller.tenant) return Outcome{.status = 204};
  TRY(check_scopes(call, *role, right_to_delete));
  if (const auto uses = uses_of(*rules, *role); !uses.empty()) {
    return fail(arm::error(
        Kind::conflict, "RoleDefinitionHasAssignments",
        fmt::format("There are existing role assignments referencing the role '{}', one of them on "
                    "'{}'. Delete them first.",
                    role->name, uses.front().scope)));
  }
  TRY(call.model.change(
      "", [&](model::Change& change) -> Result<> { return access::erase_role(change, *role); }));
  return Outcome{.body = show_role(call, *role)};
}

}  // namespace

const Extension role_definitions{.provider = "Microsoft.Authorization",
                                 .type = "roleDefinitions",
                                 .api_versions = versions,
                                 .locked = true,
                                 .own_reads = true,
                                 .list = list_roles,
                                 .get = get_role,
                                 .put = put_role_definition,
                                 .remove = delete_role};

}  // namespace pinaco::provider
