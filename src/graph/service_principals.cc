// Service principals: applications as members of a tenant.
#include <fmt/format.h>

#include "base/text.h"
#include "graph/call.h"

namespace pinaco::graph {
namespace {

Result<const Principal*> get_one(const Call& call, std::string_view id) {
  constexpr std::string_view by_app_id = "(appId='";
  if (!id.starts_with(by_app_id)) {
    return get_principal(call, id, PrincipalType::service_principal);
  }
  const auto app_id = id.substr(by_app_id.size(), id.size() - by_app_id.size() - 2);
  const auto* found = call.everybody->find_service_principal(call.caller.tenant, app_id);
  if (found == nullptr) return fail(not_found(app_id));
  return found;
}

Result<Answer> create(const Call& call) {
  TRY(may_write(call, "servicePrincipals"));
  const auto app_id = TRY(get_text(call.body, "appId"));
  const auto* application = call.everybody->find_application(app_id);
  // One of another tenant that is not for everybody is as good as none.
  if (application == nullptr ||
      (application->tenant != call.caller.tenant && !application->multi_tenant)) {
    return fail(
        bad_request(fmt::format("The appId '{}' of the service principal does not "
                                "reference a valid application object.",
                                app_id)));
  }
  if (call.everybody->find_service_principal(call.caller.tenant, app_id) != nullptr) {
    return fail(Error{.kind = Kind::conflict,
                      .message = fmt::format("The service principal cannot be created, updated, or "
                                             "restored because the service principal name {} is "
                                             "already in use.",
                                             application->app_id),
                      .code = "Request_MultipleObjectsWithSameKeyValue"});
  }
  if (call.everybody->principals().size() >= identity::principals_max) {
    return fail(too_many("principals", identity::principals_max));
  }
  const auto enabled = TRY(find_bool(call.body, "accountEnabled"));
  const Principal made{.object_id = call.model.random().uuid(),
                       .tenant = call.caller.tenant,
                       .type = PrincipalType::service_principal,
                       .name = application->name,
                       .enabled = enabled.value_or(true),
                       .app_id = application->app_id,
                       .created = call.model.clock().now()};
  TRY(call.directory.edit([&](Edit& edit) { return edit.put(made); }));
  return entity(call, "servicePrincipals", show(call, made), 201);
}

Result<Answer> update(const Call& call, const Principal& principal) {
  const auto enabled = TRY(find_bool(call.body, "accountEnabled"));
  if (!enabled || *enabled == principal.enabled) return nothing();
  if (!*enabled) {
    TRY(check_owner_left(call, principal.tenant, {.gone = {principal.object_id}}));
  }
  TRY(change_principal(call, principal, [&](Principal& changed) -> Result<> {
    changed.enabled = *enabled;
    return {};
  }));
  return nothing();
}

}  // namespace

Result<Answer> answer_service_principals(const Call& call) {
  if (call.is("GET", 1)) {
    std::vector<Json> shown;
    for (const auto& [id, each] : call.everybody->principals()) {
      if (each.tenant != call.caller.tenant || each.type != PrincipalType::service_principal) {
        continue;
      }
      shown.push_back(show(call, each));
    }
    return page(call, "servicePrincipals", std::move(shown),
                show(call, Principal{.type = PrincipalType::service_principal}));
  }
  if (call.is("POST", 1)) return create(call);
  if (call.path.size() < 2) return fail(no_such_path(call));
  const auto* principal = TRY(get_one(call, call.path[1]));
  if (call.is("GET", 2)) return entity(call, "servicePrincipals", show(call, *principal));
  if (call.is("PATCH", 2) || call.is("DELETE", 2)) {
    TRY(may_write(call, "servicePrincipals"));
    TRY(may_take_over(call, {principal->object_id}));
    if (call.method == "PATCH") return update(call, *principal);
    TRY(erase_principals(call, {*principal}));
    return nothing();
  }
  if (call.path.size() < 3) return fail(no_such_path(call));
  // Its passwords are those of its application, which may be another tenant's.
  if (iequals(call.path[2], "addPassword") || iequals(call.path[2], "removePassword")) {
    const auto* application = call.everybody->find_application(principal->app_id);
    if (application == nullptr || application->tenant != call.caller.tenant) {
      return fail(
          bad_request("The application of this service principal is registered in another "
                      "tenant, which keeps its passwords."));
    }
    TRY(may_write(call, "applications"));
    std::vector<std::string> ids;
    for (const auto& each : service_principals_of(*call.everybody, principal->app_id)) {
      ids.push_back(each.object_id);
    }
    TRY(may_take_over(call, ids));
    return answer_credentials(call, *application);
  }
  return answer_memberships(call, *principal);
}

}  // namespace pinaco::graph
