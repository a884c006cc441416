// The small part of Microsoft Graph that command lines and infrastructure tools need beside ARM:
// applications and their credentials, service principals, users and groups of the caller's tenant.
//
// What it is: paths below /v1.0 and /beta, both answered alike. Everybody of a tenant reads all of
// it, and nothing of another tenant: what is there is answered as what is nowhere. Writing takes
// the action "Microsoft.Directory/applications/write" (servicePrincipals, users, groups) at "/",
// which Owner and Contributor of the tenant have. Whoever changes somebody that has roles, by
// himself or through groups, could act as him; that takes "Microsoft.Authorization/
// roleAssignments/write" at "/" as well, which only who may give roles has.
//
// Threads: all calls from any thread; changes go one after another. Lifetime: everything it is
// given outlives it. Limits: identity/records.h; 100 objects a page (999 when asked for with
// $top), filters of 2 KiB. Errors: replies in Graph's envelope, with Graph's codes.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "access/access.h"
#include "http/http.h"
#include "identity/identity.h"
#include "model/model.h"

namespace pinaco::graph {

struct Request {
  std::string method;
  std::vector<std::string> path;             // "v1.0", "users", "ann@contoso.pinaco"; decoded
  std::map<std::string, std::string> query;  // names in lower case, "$filter" with its sign
  Json body = nullptr;                       // null when there is none
  std::string base_url;                      // "https://host:port", as the client used it
};

// Whether a path is Graph's.
bool is_path(const std::vector<std::string>& path);

class Graph {
 public:
  Graph(model::Model& model, identity::Directory& directory, const access::Access& access)
      : model_(model), directory_(directory), access_(access) {}

  http::Reply answer(const identity::Caller& caller, Request request);

 private:
  model::Model& model_;
  identity::Directory& directory_;
  const access::Access& access_;
  std::mutex changing_;  // a change is judged by what the one before it left
};

}  // namespace pinaco::graph
