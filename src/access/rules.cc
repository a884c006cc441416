#include "access/rules.h"

#include <algorithm>

#include "base/text.h"

namespace pinaco::access {
namespace {

constexpr std::string_view management_groups = "/providers/Microsoft.Management/managementGroups/";

std::string text_of(const Json& json, std::string_view name) {
  return std::string(string_at(json, name));
}

WallTime time_of(const Json& json, std::string_view name) {
  return parse_iso8601(string_at(json, name)).value_or(WallTime{});
}

std::vector<std::string> texts_of(const Json& json, std::string_view name) {
  std::vector<std::string> texts;
  const Json* found = find_path(json, name);
  if (found == nullptr || !found->is_array()) return texts;
  for (const Json& each : found->get_array()) {
    if (each.is_string()) texts.emplace_back(each.get_string());
  }
  return texts;
}

JsonArray array_of(const std::vector<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view action) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return matches_action(pattern, action); });
}

}  // namespace

bool matches_action(std::string_view pattern, std::string_view action) {
  std::size_t p = 0, a = 0, star = std::string_view::npos, resume = 0;
  while (a < action.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = a;
    } else if (p < pattern.size() && lower(pattern[p]) == lower(action[a])) {
      ++p;
      ++a;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      a = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool Permission::allows(std::string_view action) const {
  return any_matches(actions, action) && !any_matches(not_actions, action);
}

bool RoleDefinition::allows(std::string_view action) const {
  return std::ranges::any_of(permissions,
                             [&](const Permission& each) { return each.allows(action); });
}

std::string_view to_string(LockLevel level) {
  return level == LockLevel::read_only ? "ReadOnly" : "CanNotDelete";
}

std::string shard_of(std::string_view scope) {
  constexpr std::string_view start = "/subscriptions/";
  if (!istarts_with(scope, start)) return "";
  scope.remove_prefix(start.size());
  return to_lower(scope.substr(0, scope.find('/')));
}

std::string scope_key(std::string_view tenant, std::string_view scope) {
  auto key = to_lower(scope);
  while (key.ends_with('/')) key.pop_back();
  if (key.starts_with("/subscriptions/")) return key;
  return "/tenants/" + to_lower(tenant) + key;
}

std::string management_group_scope(std::string_view id) {
  return std::string(management_groups) + std::string(id);
}

std::string management_group_of(std::string_view scope) {
  if (!istarts_with(scope, management_groups)) return "";
  const auto id = scope.substr(management_groups.size());
  return id.find('/') == std::string_view::npos ? std::string(id) : "";
}

Json to_json(const ManagementGroup& group) {
  return JsonObject{
      {"id", group.id}, {"tenant", group.tenant}, {"name", group.name}, {"parent", group.parent}};
}

ManagementGroup management_group_from(const Json& json) {
  return ManagementGroup{.id = text_of(json, "id"),
                         .tenant = text_of(json, "tenant"),
                         .name = text_of(json, "name"),
                         .parent = text_of(json, "parent")};
}

Json to_json(const RoleDefinition& role) {
  JsonArray permissions;
  for (const Permission& each : role.permissions) {
    permissions.push_back(JsonObject{{"actions", array_of(each.actions)},
                                     {"notActions", array_of(each.not_actions)},
                                     {"dataActions", array_of(each.data_actions)},
                                     {"notDataActions", array_of(each.not_data_actions)}});
  }
  return JsonObject{{"id", role.id},
                    {"name", role.name},
                    {"description", role.description},
                    {"tenant", role.tenant},
                    {"permissions", std::move(permissions)},
                    {"assignableScopes", array_of(role.assignable_scopes)},
                    {"created", to_iso8601(role.created)},
                    {"updated", to_iso8601(role.updated)},
                    {"createdBy", role.created_by},
                    {"updatedBy", role.updated_by}};
}

RoleDefinition role_from(const Json& json) {
  RoleDefinition role{.id = text_of(json, "id"),
                      .name = text_of(json, "name"),
                      .description = text_of(json, "description"),
                      .tenant = text_of(json, "tenant"),
                      .assignable_scopes = texts_of(json, "assignableScopes"),
                      .created = time_of(json, "created"),
                      .updated = time_of(json, "updated"),
                      .created_by = text_of(json, "createdBy"),
                      .updated_by = text_of(json, "updatedBy")};
  const Json* permissions = find_path(json, "permissions");
  if (permissions == nullptr || !permissions->is_array()) return role;
  for (const Json& each : permissions->get_array()) {
    role.permissions.push_back(Permission{.actions = texts_of(each, "actions"),
                                          .not_actions = texts_of(each, "notActions"),
                                          .data_actions = texts_of(each, "dataActions"),
                                          .not_data_actions = texts_of(each, "notDataActions")});
  }
  return role;
}

Json to_json(const RoleAssignment& assignment) {
  return JsonObject{{"id", assignment.id},
                    {"tenant", assignment.tenant},
                    {"scope", assignment.scope},
                    {"role", assignment.role},
                    {"principal", assignment.principal},
                    {"principalType", assignment.principal_type},
                    {"description", assignment.description},
                    {"created", to_iso8601(assignment.created)},
                    {"updated", to_iso8601(assignment.updated)},
                    {"createdBy", assignment.created_by},
                    {"updatedBy", assignment.updated_by}};
}

RoleAssignment assignment_from(const Json& json) {
  return RoleAssignment{.id = text_of(json, "id"),
                        .tenant = text_of(json, "tenant"),
                        .scope = text_of(json, "scope"),
                        .role = text_of(json, "role"),
                        .principal = text_of(json, "principal"),
                        .principal_type = text_of(json, "principalType"),
                        .description = text_of(json, "description"),
                        .created = time_of(json, "created"),
                        .updated = time_of(json, "updated"),
                        .created_by = text_of(json, "createdBy"),
                        .updated_by = text_of(json, "updatedBy")};
}

Json to_json(const Lock& lock) {
  return JsonObject{{"name", lock.name},
                    {"tenant", lock.tenant},
                    {"scope", lock.scope},
                    {"level", to_string(lock.level)},
                    {"notes", lock.notes}};
}

Lock lock_from(const Json& json) {
  return Lock{.name = text_of(json, "name"),
              .tenant = text_of(json, "tenant"),
              .scope = text_of(json, "scope"),
              .level = string_at(json, "level") == "ReadOnly" ? LockLevel::read_only
                                                              : LockLevel::cannot_delete,
              .notes = text_of(json, "notes")};
}

}  // namespace pinaco::access
