// What holds for principals of any kind, and what there is about the tenant itself.
#include <fmt/format.h>

#include <algorithm>

#include "arm/arm.h"
#include "base/text.h"
#include "graph/call.h"

namespace pinaco::graph {
namespace {

constexpr std::size_t ids_max = 1000;

Json show_user(const Principal& user) {
  return JsonObject{{"id", user.object_id},
                    {"displayName", user.name},
                    {"userPrincipalName", user.user_name},
                    {"mail", text_or_null(user.mail)},
                    {"mailNickname", text_or_null(user.nickname)},
                    {"accountEnabled", user.enabled},
                    {"userType", "Member"},
                    {"createdDateTime", time_text(user.created)},
                    {"businessPhones", JsonArray()},
                    {"givenName", nullptr},
                    {"jobTitle", nullptr},
                    {"mobilePhone", nullptr},
                    {"officeLocation", nullptr},
                    {"preferredLanguage", nullptr},
                    {"surname", nullptr}};
}

Json show_group(const Principal& group) {
  return JsonObject{{"id", group.object_id},
                    {"deletedDateTime", nullptr},
                    {"createdDateTime", time_text(group.created)},
                    {"description", text_or_null(group.description)},
                    {"displayName", group.name},
                    {"groupTypes", JsonArray()},
                    {"mail", nullptr},
                    {"mailEnabled", false},
                    {"mailNickname", text_or_null(group.nickname)},
                    {"isAssignableToRole", nullptr},
                    {"onPremisesSyncEnabled", nullptr},
                    {"proxyAddresses", JsonArray()},
                    {"securityEnabled", true},
                    {"visibility", nullptr}};
}

Json show_service_principal(const Call& call, const Principal& principal) {
  const auto* application = call.everybody->find_application(principal.app_id);
  const bool multi = application != nullptr && application->multi_tenant;
  JsonArray replies;
  if (application != nullptr) replies = array_of(application->redirect_uris);
  return JsonObject{{"id", principal.object_id},
                    {"deletedDateTime", nullptr},
                    {"accountEnabled", principal.enabled},
                    {"alternativeNames", JsonArray()},
                    {"appDisplayName", principal.name},
                    {"appId", principal.app_id},
                    {"appOwnerOrganizationId",
                     application == nullptr ? Json(nullptr) : Json(application->tenant)},
                    {"appRoleAssignmentRequired", false},
                    {"createdDateTime", time_text(principal.created)},
                    {"displayName", principal.name},
                    {"homepage", nullptr},
                    {"servicePrincipalNames", JsonArray{Json(principal.app_id)}},
                    {"servicePrincipalType", "Application"},
                    {"signInAudience", multi ? "AzureADMultipleOrgs" : "AzureADMyOrg"},
                    {"replyUrls", std::move(replies)},
                    {"tags", JsonArray()},
                    {"appRoles", JsonArray()},
                    {"oauth2PermissionScopes", JsonArray()},
                    {"passwordCredentials", JsonArray()},
                    {"keyCredentials", JsonArray()}};
}

Json typed(std::string_view type, Json object) {
  JsonObject with{{"@odata.type", fmt::format("#microsoft.graph.{}", type)}};
  for (auto& member : object.get_object()) with[member.key()] = std::move(member.value());
  return with;
}

Json domain_json(const Call& call) {
  return JsonObject{{"id", call.tenant().domain}, {"authenticationType", "Managed"},
                    {"isAdminManaged", true},     {"isDefault", true},
                    {"isInitial", true},          {"isRoot", true},
                    {"isVerified", true},         {"supportedServices", JsonArray()}};
}

Json organization_json(const Call& call) {
  const auto& tenant = call.tenant();
  return JsonObject{{"id", tenant.id},
                    {"displayName", tenant.name},
                    {"tenantType", "AAD"},
                    {"verifiedDomains", JsonArray{JsonObject{{"capabilities", ""},
                                                             {"isDefault", true},
                                                             {"isInitial", true},
                                                             {"name", tenant.domain},
                                                             {"type", "Managed"}}}}};
}

// A collection of one, below its name and by its id.
Result<Answer> answer_one(const Call& call, std::string_view collection, Json only) {
  const std::string id(string_at(only, "id"));
  if (call.is("GET", 1)) return page(call, collection, {only}, only);
  if (!call.is("GET", 2)) return fail(no_such_path(call));
  if (!iequals(call.path[1], id)) return fail(not_found(call.path[1]));
  return entity(call, collection, std::move(only));
}

Result<Json> get_object(const Call& call, std::string_view id) {
  const auto* application = call.everybody->find_application_by_id(id);
  if (application != nullptr && application->tenant == call.caller.tenant) {
    return typed("application", show(*application, call.tenant()));
  }
  return show_typed(call, *TRY(get_principal(call, id)));
}

Result<Answer> get_by_ids(const Call& call) {
  const auto ids = TRY(find_texts(call.body, "ids", ids_max, identity::name_bytes_max));
  if (!ids) return fail(bad_request("'ids' is missing: a list of object ids."));
  const auto types = TRY(find_texts(call.body, "types", 20, identity::name_bytes_max));
  JsonArray found;
  for (const auto& id : *ids) {
    if (!arm::is_guid(id)) {
      return fail(bad_request(fmt::format("Invalid GUID: '{}'.", id.substr(0, 100))));
    }
    auto object = get_object(call, id);
    if (!object) continue;
    const auto& type = object->get_object().at("@odata.type").get_string();
    const auto wanted = [&](const std::string& each) {
      return iequals(each, "directoryObject") ||
             iequals("#microsoft.graph." + each, std::string_view(type));
    };
    if (types && !types->empty() && std::ranges::none_of(*types, wanted)) continue;
    found.push_back(std::move(*object));
  }
  return Answer{.body = JsonObject{
                    {"@odata.context",
                     fmt::format("{}/{}/$metadata#directoryObjects", call.base_url, call.version)},
                    {"value", std::move(found)}}};
}

Result<Answer> answer_directory_objects(const Call& call) {
  if (call.is("POST", 2) && iequals(call.path[1], "getByIds")) return get_by_ids(call);
  if (call.path.size() < 2) return fail(no_such_path(call));
  if (call.is("GET", 2)) {
    return entity(call, "directoryObjects", TRY(get_object(call, call.path[1])));
  }
  return answer_memberships(call, *TRY(get_principal(call, call.path[1])));
}

Result<Answer> answer_me(const Call& call) {
  const auto* self = TRY(get_principal(call, call.caller.object_id));
  if (call.is("GET", 2) && iequals(call.path[1], "ownedObjects")) {
    return page(call, "directoryObjects", {}, JsonObject{{"id", ""}});
  }
  if (self->type != PrincipalType::user) {
    return fail(Error{.kind = Kind::invalid,
                      .message = "/me request is only valid with delegated authentication flow: "
                                 "this token is an application's.",
                      .code = "BadRequest"});
  }
  if (call.is("GET", 1)) return entity(call, "users", show(call, *self));
  // The rest as of the user by his id.
  Call same = call;
  same.path[0] = "users";
  same.path.insert(same.path.begin() + 1, self->object_id);
  return answer_users(same);
}

// Groups of a principal, direct or all, without itself.
std::vector<const Principal*> groups_of(const Call& call, const Principal& principal, bool direct) {
  std::vector<const Principal*> groups;
  for (const auto& id : call.everybody->memberships(principal.object_id)) {
    const auto* group = call.everybody->find_principal(id);
    if (group == nullptr || id == principal.object_id) continue;
    if (direct && std::ranges::find(group->members, principal.object_id) == group->members.end()) {
      continue;
    }
    groups.push_back(group);
  }
  return groups;
}

Answer ids_answer(const Call& call, JsonArray ids) {
  return {.body = JsonObject{
              {"@odata.context",
               fmt::format("{}/{}/$metadata#Collection(Edm.String)", call.base_url, call.version)},
              {"value", std::move(ids)}}};
}

Result<Answer> check_groups(const Call& call, const Principal& principal, const char* member) {
  const auto wanted = TRY(find_texts(call.body, member, ids_max, identity::name_bytes_max));
  if (!wanted) return fail(bad_request(fmt::format("'{}' is missing: a list of ids.", member)));
  JsonArray ids;
  for (const auto* group : groups_of(call, principal, false)) {
    const auto is = [&](const std::string& id) { return iequals(id, group->object_id); };
    if (std::ranges::any_of(*wanted, is)) ids.emplace_back(group->object_id);
  }
  return ids_answer(call, std::move(ids));
}

}  // namespace

Json show(const Call& call, const Principal& principal) {
  if (principal.type == PrincipalType::user) return show_user(principal);
  if (principal.type == PrincipalType::group) return show_group(principal);
  return show_service_principal(call, principal);
}

Json show_typed(const Call& call, const Principal& principal) {
  const char* type = principal.type == PrincipalType::user    ? "user"
                     : principal.type == PrincipalType::group ? "group"
                                                              : "servicePrincipal";
  return typed(type, show(call, principal));
}

Result<Answer> answer_memberships(const Call& call, const Principal& principal) {
  if (call.path.size() != 3) return fail(no_such_path(call));
  const std::string_view what = call.path[2];
  if (call.method == "POST") {
    if (iequals(what, "checkMemberGroups")) return check_groups(call, principal, "groupIds");
    if (iequals(what, "checkMemberObjects")) return check_groups(call, principal, "ids");
    if (iequals(what, "getMemberGroups") || iequals(what, "getMemberObjects")) {
      JsonArray ids;
      for (const auto* group : groups_of(call, principal, false)) {
        ids.emplace_back(group->object_id);
      }
      return ids_answer(call, std::move(ids));
    }
  }
  const bool empty = iequals(what, "owners") || iequals(what, "ownedObjects") ||
                     iequals(what, "appRoleAssignments") || iequals(what, "appRoleAssignedTo") ||
                     iequals(what, "oauth2PermissionGrants");
  if (call.method == "GET" && empty) {
    return page(call, "directoryObjects", {}, JsonObject{{"id", ""}});
  }
  const bool direct = iequals(what, "memberOf");
  if (call.method == "GET" && (direct || iequals(what, "transitiveMemberOf"))) {
    std::vector<Json> shown;
    for (const auto* group : groups_of(call, principal, direct)) {
      shown.push_back(show_typed(call, *group));
    }
    return page(call, "directoryObjects", std::move(shown),
                JsonObject{{"id", ""}, {"displayName", ""}});
  }
  return fail(no_such_path(call));
}

Result<Answer> answer_objects(const Call& call) {
  const std::string_view first = call.path[0];
  if (iequals(first, "directoryObjects")) return answer_directory_objects(call);
  if (iequals(first, "me")) return answer_me(call);
  if (iequals(first, "organization")) {
    return answer_one(call, "organization", organization_json(call));
  }
  if (iequals(first, "domains")) return answer_one(call, "domains", domain_json(call));
  if (iequals(first, "oauth2PermissionGrants") && call.is("GET", 1)) {
    return page(call, "oauth2PermissionGrants", {},
                JsonObject{{"id", ""}, {"clientId", ""}, {"resourceId", ""}});
  }
  // What is deleted is gone.
  if (iequals(first, "directory") && call.path.size() == 3 &&
      iequals(call.path[1], "deletedItems")) {
    return fail(not_found(call.path[2]));
  }
  return fail(no_such_path(call));
}

}  // namespace pinaco::graph
