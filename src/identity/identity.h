// Who calls and what they may do: tenants, principals, tokens, and the one place where an
// operation is allowed.
//
// Threads: all calls from any thread. Lifetime: the Model outlives it. Limits: a token at most
// 16 KiB; 10,000 verified tokens remembered until they expire. Errors of authenticate carry the
// codes and texts of ARM's front door and are answered 401; those of may() 403.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/http.h"
#include "model/model.h"

namespace pinaco::identity {

struct Caller {
  std::string tenant;
  std::string object_id;
  std::string client_id;
  std::string name;
};

struct FirstCredentials {  // shown once, then only the secret's hash is left
  std::string tenant;
  std::string subscription;
  std::string client_id;
  std::string client_secret;
};

struct Subscription {
  std::string id;
  std::string tenant;
  std::string name;
};

class Identity {
 public:
  // `folder` holds the signing keys (private). At the first start makes one tenant, one
  // subscription and one administrator service principal.
  static Result<std::unique_ptr<Identity>> open(model::Model& model, const std::string& folder);
  virtual ~Identity() = default;

  // Set only by the open() that made them.
  virtual const std::optional<FirstCredentials>& first_credentials() const = 0;
  // A new secret for the administrator; the old one is refused from then on.
  virtual Result<FirstCredentials> reset_administrator() = 0;

  virtual const std::string& tenant() const = 0;
  virtual Result<std::vector<Subscription>> subscriptions() const = 0;

  // The caller of an ARM request, by its bearer token. `login` is this server's login address for
  // the WWW-Authenticate header of a 401, see challenge().
  virtual Result<Caller> authenticate(const http::Request& request) const = 0;
  virtual std::string challenge(std::string_view base_url, const Error& error) const = 0;

  // The one place that allows or refuses an action on a scope ("/subscriptions/...").
  virtual Result<> may(const Caller& caller, std::string_view action,
                       std::string_view scope) const = 0;

  // The login surface: discovery, keys and token endpoints, v1 and v2, AAD- and ADFS-shaped.
  // nullopt when the path is not part of it. base_url: "https://host:port" as the client used it.
  virtual std::optional<http::Reply> answer(const http::Request& request,
                                            std::string_view base_url) = 0;
};

}  // namespace pinaco::identity
