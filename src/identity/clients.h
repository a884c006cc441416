// Who asks for a token: the application (a secret, an assertion, or nothing for a public client)
// and the user (his password). What all sign-in flows share stands here as well.
//
// An application without any credential is a public client: nobody else could be meant by it. So
// is the Azure CLI's own id, in every tenant, for users only.
//
// Threads: all calls from any thread. Lifetime: model, keys and directory outlive the Desk.
// Limits: those of the parts; four passwords or secrets are checked at once, 32 wait.
#pragma once

#include "http/http.h"
#include "identity/assertion.h"
#include "identity/codes.h"
#include "identity/directory.h"
#include "identity/form.h"
#include "identity/keys.h"
#include "identity/refresh.h"
#include "identity/refusal.h"
#include "identity/secrets.h"
#include "identity/throttle.h"

namespace pinaco::identity {

inline constexpr std::string_view azure_cli = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

struct Desk {
  Desk(model::Model& model_, KeyRing& keys_, const Directory& directory_, Fetch fetch)
      : model(model_),
        keys(keys_),
        directory(directory_),
        issuers(fetch ? std::move(fetch) : make_fetch(model_.clock()), model_.clock()),
        assertions(issuers, model_.clock()),
        throttle(model_.clock()),
        refresh(model_),
        codes(model_.clock(), model_.random()),
        devices(model_.clock(), model_.random()) {}

  model::Model& model;
  KeyRing& keys;
  const Directory& directory;
  Issuers issuers;
  Assertions assertions;
  Throttle throttle;
  RefreshTokens refresh;
  AuthorizationCodes codes;
  DeviceCodes devices;
  Gate gate{4, 32};
  // The names under which this server is reached, without ports: an assertion for another server
  // must not be good here because of a Host header. Empty: any.
  std::vector<std::string> hosts = {};
};

// The endpoint that was asked.
struct Where {
  std::string tenant;   // an id, or "adfs", "common", "organizations"
  std::string written;  // the same as in the path
  bool v2 = false;
  std::string base_url;  // "https://host:port"
  std::string peer;      // an address without port
};

struct Client {
  std::string app_id;
  std::string name;
  std::string home;  // the tenant it is registered in; empty: every one
  bool is_public = false;
  std::vector<std::string> redirect_uris = {};
  std::string credential = {};  // what it showed
  std::string proof = "0";      // as in Claims
};

// Whoever names himself so; nothing is checked.
Answer<Client> find_client(const Desk& desk, std::string_view app_id);
// By the Authorization header, or client_secret or client_assertion in the form; a public client
// shows nothing.
Answer<Client> check_client(Desk& desk, const Where& where, const Form& form,
                            std::string_view authorization);
// The principal of a client in the tenant that was asked, or in its home.
Answer<Principal> service_principal(const Desk& desk, const Where& where, const Client& client);
// By name and password, if he may use the client in that tenant.
Answer<Principal> check_user(Desk& desk, const Where& where, const Client& client,
                             const std::string& user_name, const std::string& password);
// The user as he is now: enabled, of that tenant, and with the same password.
Answer<Principal> same_user(const Desk& desk, const Where& where, const Client& client,
                            const SignedIn& signed_in);
// Exactly a registered address; for public clients any port of the loopback (RFC 8252).
bool may_redirect(const Client& client, std::string_view uri);

}  // namespace pinaco::identity
