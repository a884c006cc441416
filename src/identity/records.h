// Who there is, as remembered: tenants, subscriptions, applications with their credentials, and
// principals (users, groups, service principals). The names are Entra ID's and Microsoft Graph's.
//
// Plain values. Ids are GUIDs in lower case. Limits: those at the end of this file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace pinaco::identity {

struct Tenant {
  std::string id;
  std::string name;    // "Contoso"
  std::string domain;  // of its users: "contoso.pinaco"
};

struct Subscription {
  std::string id;
  std::string tenant;
  std::string name;
  std::string management_group = {};  // empty: the tenant's root
};

// An application's password; only its hash is kept.
struct Secret {
  std::string key_id;
  std::string name;  // what the owner calls it
  std::string hint;  // its first three characters
  std::string hash;  // secrets.h
  WallTime start = {};
  WallTime end = {};
};

// A public key that signs an application's assertions (RFC 7523).
struct Certificate {
  std::string key_id;
  std::string name;
  std::string pem;         // the X.509 certificate
  std::string thumbprint;  // SHA-1 of its DER, hex, upper case: what clients name it by
  WallTime start = {};
  WallTime end = {};
};

// An outside workload that may log in as an application: its issuer's tokens are exchanged for
// ours.
struct FederatedCredential {
  std::string id;
  std::string name;
  std::string issuer;
  std::string subject;
  std::vector<std::string> audiences;
  std::string description;
};

struct Application {
  std::string id;      // of the application object
  std::string app_id;  // the client id
  std::string tenant;  // where it is registered
  std::string name;
  bool multi_tenant = false;  // may have service principals in other tenants
  std::vector<std::string> redirect_uris = {};
  std::vector<std::string> public_redirect_uris = {};  // those of them that need no secret
  std::vector<Secret> secrets = {};
  std::vector<Certificate> certificates = {};
  std::vector<FederatedCredential> federated = {};
  WallTime created = {};
};

enum class PrincipalType { user, group, service_principal };
std::string_view to_string(PrincipalType type);  // "User", "Group", "ServicePrincipal"

// One of a tenant to whom roles can be given.
struct Principal {
  std::string object_id;
  std::string tenant;
  PrincipalType type = PrincipalType::service_principal;
  std::string name;
  bool enabled = true;
  std::string app_id = {};                // of a service principal
  std::string user_name = {};             // of a user: "ann@contoso.pinaco"
  std::string mail = {};                  // of a user
  std::string nickname = {};              // of a user or a group: mailNickname
  std::string description = {};           // of a group
  std::string password_hash = {};         // of a user; empty: cannot log in with one
  std::string password_key = {};          // changes with the password
  std::vector<std::string> members = {};  // of a group: object ids, direct
  WallTime created = {};
};

Json to_json(const Tenant& tenant);
Json to_json(const Subscription& subscription);
Json to_json(const Application& application);
Json to_json(const Principal& principal);
Tenant tenant_from(const Json& json);
Subscription subscription_from(const Json& json);
Application application_from(const Json& json);
Principal principal_from(const Json& json);

inline constexpr std::size_t credentials_max = 50;  // of each kind, of an application
inline constexpr std::size_t members_max = 10'000;  // of a group
inline constexpr std::size_t name_bytes_max = 256;  // of anything
inline constexpr std::size_t tenants_max = 1000;
inline constexpr std::size_t principals_max = 100'000;  // of all tenants

}  // namespace pinaco::identity
