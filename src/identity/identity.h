// Who calls: tenants, principals, logins and tokens. What they may do is the room access.
//
// Threads: all calls from any thread. Lifetime: the Model outlives it. Limits: a token at most
// 16 KiB; 10,000 verified tokens remembered until they expire. Errors of authenticate carry the
// codes and texts of ARM's front door and are answered 401.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/http.h"
#include "identity/directory.h"
#include "identity/fetch.h"
#include "model/model.h"

namespace pinaco::identity {

struct Caller {
  std::string tenant;
  std::string object_id;
  std::string client_id;  // the application that the caller uses
  std::string name;
  std::string token_id = {};
  bool is_user = false;
  std::string peer = {};  // the address it calls from
  // The other tokens of the request (x-ms-authorization-auxiliary): the same client in other
  // tenants, for what it reads there.
  std::vector<Caller> auxiliary = {};
  // Object ids of groups that an outside issuer says the caller is in, and of the groups that hold
  // those: they count like the groups of the directory.
  std::vector<std::string> groups = {};
};

inline constexpr std::size_t auxiliary_tokens_max = 3;

// An OpenID Connect issuer whose tokens are taken as they are: its people and workloads are
// principals of one tenant. Their object ids follow from issuer and subject and never change.
struct TrustedIssuer {
  std::string name;         // "corp"; its group "x" is the directory's group "corp/x"
  std::string issuer;       // exactly as `iss` says it
  std::string audience;     // must be among `aud`
  std::string tenant = {};  // empty: the first one
  std::string subject_claim = "sub";
  std::string name_claim = "name";
  std::string groups_claim = "groups";
  bool auto_create = false;  // makes the principal at first sight; otherwise it must be there
};

// The object id of a trusted issuer's subject: a GUID of version 8, from their SHA-256.
std::string outside_object_id(std::string_view issuer, std::string_view subject);

struct Options {
  Directory::Welcome welcome = {};
  std::vector<TrustedIssuer> issuers = {};
  // The names under which this server is reached, without ports: a client's assertion for another
  // server is refused whatever Host header it comes with. Empty: any.
  std::vector<std::string> hosts = {};
  // Hosts beyond the public network at which issuers of federated credentials may be.
  std::vector<std::string> issuer_hosts = {};
  Fetch fetch = {};  // empty: over HTTPS
};

class Identity {
 public:
  // `folder` holds the signing keys (private). At the first start makes one tenant, one
  // subscription and one administrator service principal; see Directory.
  static Result<std::unique_ptr<Identity>> open(model::Model& model, const std::string& folder,
                                                Directory::Welcome welcome = {});
  // invalid when an issuer's address is no https address, or two have the same name or address.
  static Result<std::unique_ptr<Identity>> open(model::Model& model, const std::string& folder,
                                                Options options);
  virtual ~Identity() = default;

  virtual Directory& directory() = 0;
  virtual const Directory& directory() const = 0;

  // The caller of an ARM request, by its bearer tokens. Refused at once: principals that are gone
  // or disabled, and tokens got with a secret that is gone. A token in a URL is never read.
  virtual Result<Caller> authenticate(const http::Request& request) const = 0;
  // The WWW-Authenticate header of a 401, from which clients learn where to log in. An empty
  // tenant is the first one.
  virtual std::string challenge(std::string_view base_url, std::string_view tenant,
                                const Error& error) const = 0;

  // The login surface: discovery, keys and token endpoints, v1 and v2, AAD- and ADFS-shaped.
  // nullopt when the path is not part of it. base_url: "https://host:port" as the client used it.
  virtual std::optional<http::Reply> answer(const http::Request& request,
                                            std::string_view base_url) = 0;
};

// A good token, but of another tenant than the subscription's.
Error wrong_tenant(std::string_view token_tenant, std::string_view tenant);

}  // namespace pinaco::identity
