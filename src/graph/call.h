// What the handlers of all kinds of objects share: the request with everybody at its moment,
// rights, the reading of bodies, and the shapes of answers.
//
// A Call lives for one request on one thread.
#pragma once

#include <functional>
#include <set>

#include "graph/graph.h"

namespace pinaco::graph {

using identity::Application;
using identity::Edit;
using identity::Principal;
using identity::PrincipalType;
using identity::Roster;

struct Call {
  model::Model& model;
  identity::Directory& directory;
  const access::Access& access;
  const identity::Caller& caller;
  std::string method;
  std::string version;            // "v1.0"
  std::vector<std::string> path;  // without it; "applications(appId='x')" is two segments
  const std::map<std::string, std::string>& query;
  const Json& body;
  const std::string& base_url;
  std::shared_ptr<const Roster> everybody;

  bool is(std::string_view wanted, std::size_t segments) const {
    return method == wanted && path.size() == segments;
  }
  const identity::Tenant& tenant() const { return *everybody->find_tenant(caller.tenant); }
};

struct Answer {
  int status = 200;
  Json body = nullptr;    // null: no body
  std::string text = {};  // instead of it
};
inline Answer nothing() {
  return {.status = 204};
}

// --- errors --------------------------------------------------------------------------------------

Error bad_request(std::string message);
Error not_found(std::string_view what);
Error no_such_path(const Call& call);  // a segment or method that is not there
Error too_many(std::string_view what, std::size_t most);

// --- rights --------------------------------------------------------------------------------------

// Whether the caller may change such objects ("users").
Result<> may_write(const Call& call, std::string_view objects);
// Whether he may change somebody who may have roles.
Result<> may_take_over(const Call& call, const std::vector<std::string>& object_ids);

// What a change takes away: principals, or one member of a group.
struct Loss {
  std::set<std::string> gone;
  std::string group = {};
  std::string member = {};
};
// Refuses what would leave a tenant that has an Owner at "/" without any.
Result<> check_owner_left(const Call& call, const std::string& tenant, const Loss& loss);
// Erases them with their role assignments; refused when a tenant would lose its last Owner.
// `also` runs in the same transaction.
Result<> erase_principals(const Call& call, const std::vector<Principal>& gone,
                          const std::function<Result<>(Edit&)>& also = {});

// --- bodies --------------------------------------------------------------------------------------

// nullopt when it is not there or null.
Result<std::optional<std::string>> find_text(const Json& body, std::string_view path,
                                             std::size_t bytes_max = identity::name_bytes_max);
Result<std::string> get_text(const Json& body, std::string_view path);  // there and not empty
Result<std::optional<bool>> find_bool(const Json& body, std::string_view path);
Result<std::optional<WallTime>> find_time(const Json& body, std::string_view path);
Result<std::optional<std::vector<std::string>>> find_texts(const Json& body, std::string_view path,
                                                           std::size_t texts_max,
                                                           std::size_t bytes_max);
// The id at the end of "https://.../directoryObjects/{id}".
Result<std::string> id_of_reference(std::string_view url);

// --- answers -------------------------------------------------------------------------------------

std::string time_text(WallTime time);  // "2026-11-24T15:06:12Z"
Json text_or_null(std::string_view text);
JsonArray array_of(const std::vector<std::string>& texts);
// One object, as of the collection "users"; honours $select.
Answer entity(const Call& call, std::string_view collection, Json object, int status = 200);
// A page of them, in the order of their ids, by $filter, $top and $skiptoken. `shape` is an object
// with the properties that a filter may name.
Result<Answer> page(const Call& call, std::string_view collection, std::vector<Json> objects,
                    const Json& shape);

// --- the objects ---------------------------------------------------------------------------------

Json show(const Application& application, const identity::Tenant& tenant);
Json show(const Call& call, const Principal& principal);
// With "@odata.type", where objects of several kinds are together.
Json show_typed(const Call& call, const Principal& principal);

// In the caller's tenant; Request_ResourceNotFound.
Result<const Principal*> get_principal(const Call& call, std::string_view id);
Result<const Principal*> get_principal(const Call& call, std::string_view id, PrincipalType type);
Result<const Application*> get_application(const Call& call, std::string_view id);
std::vector<Principal> service_principals_of(const Roster& everybody, std::string_view app_id);

// Each answers the paths of its objects.
Result<Answer> answer_applications(const Call& call);
Result<Answer> answer_credentials(const Call& call, const Application& application);
Result<Answer> answer_federated(const Call& call, const Application& application);
Result<Answer> answer_service_principals(const Call& call);
Result<Answer> answer_users(const Call& call);
Result<Answer> answer_groups(const Call& call);
Result<Answer> answer_objects(const Call& call);  // directoryObjects, organization, domains, me
// What a principal is in, with the path "{collection}/{id}/...".
Result<Answer> answer_memberships(const Call& call, const Principal& principal);

// The certificates that a body's keyCredentials means; those that it only names stay.
Result<std::vector<identity::Certificate>> read_certificates(
    const Call& call, const Json& body, const std::vector<identity::Certificate>& present);
// One transaction on the application as it is then.
Result<> change_application(const Call& call, const Application& application,
                            const std::function<Result<>(Edit&, Application&)>& function);
Result<> change_principal(const Call& call, const Principal& principal,
                          const std::function<Result<>(Principal&)>& function);

}  // namespace pinaco::graph
