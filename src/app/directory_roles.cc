// `pinaco role` and `pinaco share`.
#include <fmt/format.h>

#include "app/directory.h"
#include "app/reference.h"
#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::string_view authorization = "providers/Microsoft.Authorization";
constexpr std::string_view roles_api = "2022-04-01";

// The id of what --on names; without it, of the subscription.
Result<std::string> scope_of(const DirectoryCall& call) {
  const auto& scope = call.options.scope;
  if (scope.empty()) return call.connection.subscription_path();
  if (scope.starts_with('/')) return scope;
  const auto id = TRY(resolve(call.connection, TRY(parse_reference(scope)), call.options.group));
  return id.text();
}

std::string below(std::string_view scope, std::string_view type, std::string_view more = {}) {
  return fmt::format("{}/{}/{}?api-version={}{}", scope == "/" ? "" : scope, authorization, type,
                     roles_api, more);
}

Result<Json> find_role(const DirectoryCall& call, const std::string& scope) {
  const auto all = TRY(call.connection.list(below(scope, "roleDefinitions")));
  for (const auto& each : all) {
    if (iequals(string_at(each, "properties.roleName"), call.options.name) ||
        iequals(string_at(each, "name"), call.options.name)) {
      return each;
    }
  }
  return fail(Kind::not_found, fmt::format("There is no role '{}'. `pinaco role names` lists them.",
                                           call.options.name));
}

// Those whose scope is the asked one, or also those above it.
Result<std::vector<Json>> assignments_at(const DirectoryCall& call, const std::string& scope) {
  return call.connection.list(below(scope, "roleAssignments", "&$filter=atScope()"));
}

Result<> assign_role(const DirectoryCall& call) {
  const auto scope = TRY(scope_of(call));
  const auto role = TRY(find_role(call, scope));
  const auto principal = TRY(find_principal(call.connection, call.options.other));
  const Json body =
      JsonObject{{"properties", JsonObject{{"roleDefinitionId", string_at(role, "id")},
                                           {"principalId", principal}}}};
  auto sent =
      call.connection.send("PUT", below(scope, "roleAssignments/" + system_random().uuid()), &body);
  if (!sent && sent.error().code == "RoleAssignmentExists") {
    call.console.print(fmt::format("{} is {} there already.\n", call.options.other,
                                   string_at(role, "properties.roleName")));
    return {};
  }
  if (!sent) return fail(sent.error());
  call.console.print(fmt::format("{} is now {} of {}.\n", call.options.other,
                                 string_at(role, "properties.roleName"), scope));
  call.console.print_json(sent->body);
  return {};
}

Result<> remove_role(const DirectoryCall& call) {
  const auto scope = TRY(scope_of(call));
  const auto role = TRY(find_role(call, scope));
  const auto principal = TRY(find_principal(call.connection, call.options.other));
  std::string elsewhere;
  for (const auto& each : TRY(assignments_at(call, scope))) {
    const auto definition = string_at(each, "properties.roleDefinitionId");
    if (!iequals(string_at(each, "properties.principalId"), principal) ||
        !iequals(definition.substr(definition.rfind('/') + 1), string_at(role, "name"))) {
      continue;
    }
    if (!iequals(string_at(each, "properties.scope"), scope)) {
      elsewhere = string_at(each, "properties.scope");
      continue;
    }
    TRY(call.connection.send("DELETE",
                             fmt::format("{}?api-version={}", string_at(each, "id"), roles_api)));
    call.console.print(fmt::format("{} is no longer {} of {}.\n", call.options.other,
                                   string_at(role, "properties.roleName"), scope));
    call.console.print_json(each);
    return {};
  }
  return fail(Kind::not_found,
              fmt::format("{} has not been given {} on {}.{}", call.options.other,
                          string_at(role, "properties.roleName"), scope,
                          elsewhere.empty() ? ""
                                            : fmt::format(" It comes from {}: take it away there, "
                                                          "with --on.",
                                                          elsewhere)));
}

// What the ids of principals mean, as one call to the server tells.
Result<std::vector<Json>> names_of(const DirectoryCall& call, const std::vector<Json>& rows) {
  JsonArray ids;
  for (const auto& each : rows) ids.push_back(Json(string_at(each, "properties.principalId")));
  if (ids.empty()) return std::vector<Json>();
  const Json body = JsonObject{{"ids", std::move(ids)}};
  const auto reply = TRY(call.connection.send("POST", "/v1.0/directoryObjects/getByIds", &body));
  const Json* value = find_path(reply.body, "value");
  std::vector<Json> found;
  if (value == nullptr || !value->is_array()) return found;
  for (const Json& each : value->get_array()) found.push_back(each);
  return found;
}

Result<> list_roles(const DirectoryCall& call) {
  const auto scope = TRY(scope_of(call));
  auto rows = TRY(assignments_at(call, scope));
  const auto people = TRY(names_of(call, rows));
  const auto roles = TRY(call.connection.list(below(scope, "roleDefinitions")));
  Table table{{"WHO", "KIND", "ROLE", "GIVEN ON"}};
  for (const auto& each : rows) {
    std::string who(string_at(each, "properties.principalId"));
    for (const auto& one : people) {
      if (iequals(string_at(one, "id"), who)) who = string_at(one, "displayName");
    }
    const auto definition = string_at(each, "properties.roleDefinitionId");
    std::string role(definition.substr(definition.rfind('/') + 1));
    for (const auto& one : roles) {
      if (iequals(string_at(one, "name"), role)) role = string_at(one, "properties.roleName");
    }
    table.push_back({std::move(who), std::string(string_at(each, "properties.principalType")),
                     std::move(role), std::string(string_at(each, "properties.scope"))});
  }
  call.console.print_table(table);
  call.console.print_json(JsonArray(rows.begin(), rows.end()));
  return {};
}

Result<> list_role_names(const DirectoryCall& call) {
  const auto rows =
      TRY(call.connection.list(below(call.connection.subscription_path(), "roleDefinitions")));
  Table table{{"ROLE", "KIND", "MAY"}};
  for (const auto& each : rows) {
    const bool own = string_at(each, "properties.type") == "CustomRole";
    table.push_back({std::string(string_at(each, "properties.roleName")),
                     own ? "custom" : "built in",
                     std::string(string_at(each, "properties.description"))});
  }
  call.console.print_table(table);
  call.console.print_json(JsonArray(rows.begin(), rows.end()));
  return {};
}

// --- sharing -------------------------------------------------------------------------------------

Result<arm::ResourceId> gallery_of(const DirectoryCall& call) {
  const auto id =
      TRY(resolve(call.connection, TRY(parse_reference(call.options.name)), call.options.group));
  if (iequals(id.type(), "galleries")) return id;
  return fail(Kind::invalid, fmt::format("A gallery is shared as a whole; '{}' is a part of one. "
                                         "`pinaco role assign` shares parts.",
                                         call.options.name));
}

Result<> show_sharing(const DirectoryCall& call) {
  const auto id = TRY(gallery_of(call));
  const auto gallery = TRY(call.connection.get(path_of(id, "$expand=SharingProfile/Groups")));
  const auto permissions = string_at(gallery, "properties.sharingProfile.permissions");
  call.console.print(fmt::format("{} is {}.\n", id.name(),
                                 permissions == "Groups"      ? "shared with the following"
                                 : permissions == "Community" ? "a community gallery"
                                                              : "shared by roles only"));
  Table table{{"KIND", "ID"}};
  const Json* groups = find_path(gallery, "properties.sharingProfile.groups");
  if (groups != nullptr && groups->is_array()) {
    for (const Json& each : groups->get_array()) {
      const Json* ids = find_path(each, "ids");
      if (ids == nullptr || !ids->is_array()) continue;
      const std::string kind = string_at(each, "type") == "AADTenants" ? "tenant" : "subscription";
      for (const Json& one : ids->get_array()) {
        table.push_back({kind, std::string(one.is_string() ? one.get_string().c_str() : "")});
      }
    }
  }
  if (table.size() > 1) call.console.print_table(table);
  const Json* profile = find_path(gallery, "properties.sharingProfile");
  call.console.print_json(profile == nullptr ? Json(JsonObject()) : *profile);
  return {};
}

Result<> change_sharing(const DirectoryCall& call, std::string_view operation) {
  const auto id = TRY(gallery_of(call));
  Json body = JsonObject{{"operationType", operation}};
  if (operation != "Reset") {
    JsonArray groups;
    for (const auto* ids : {&call.options.subscriptions, &call.options.tenants}) {
      for (const auto& each : *ids) {
        if (arm::is_guid(each)) continue;
        return fail(Kind::invalid, fmt::format("'{}' is not the id of a subscription or a tenant: "
                                               "`pinaco subscription list` shows ids.",
                                               each));
      }
    }
    const auto add = [&](std::string_view type, const std::vector<std::string>& ids) {
      if (ids.empty()) return;
      groups.push_back(JsonObject{{"type", type}, {"ids", JsonArray(ids.begin(), ids.end())}});
    };
    add("Subscriptions", call.options.subscriptions);
    add("AADTenants", call.options.tenants);
    if (groups.empty()) {
      return fail(Kind::invalid,
                  "Name them: --subscription ID or --tenant ID, as often as needed.");
    }
    set_path(body, "groups", std::move(groups));
  }
  const auto gallery = TRY(call.connection.get(path_of(id)));
  const auto permissions = string_at(gallery, "properties.sharingProfile.permissions");
  if (operation == "Add" && (permissions.empty() || permissions == "Private")) {
    const Json open = JsonObject{
        {"properties", JsonObject{{"sharingProfile", JsonObject{{"permissions", "Groups"}}}}}};
    TRY(call.connection.run("PATCH", path_of(id), &open));
  }
  TRY(call.connection.run("POST", fmt::format("{}/share?api-version={}", id.text(), galleries_api),
                          &body));
  return show_sharing(call);
}

Result<> add_share(const DirectoryCall& call) {
  return change_sharing(call, "Add");
}
Result<> remove_share(const DirectoryCall& call) {
  return change_sharing(call, "Remove");
}
Result<> reset_share(const DirectoryCall& call) {
  return change_sharing(call, "Reset");
}

}  // namespace

std::vector<NamedCommand> role_commands() {
  return {{"role assign", assign_role}, {"role remove", remove_role},
          {"role list", list_roles},    {"role names", list_role_names},
          {"share add", add_share},     {"share remove", remove_share},
          {"share reset", reset_share}, {"share show", show_sharing}};
}

}  // namespace pinaco::app
