// The token endpoint's grants: client_credentials, password, refresh_token, authorization_code
// and device_code, and the start of the last. Answers are in the shape of v1 (a `resource` was
// asked) or of v2 (a `scope`).
//
// Threads: all calls from any thread. Lifetime: the Desk outlives it. Limits and errors: those of
// the Desk.
#pragma once

#include "identity/clients.h"

namespace pinaco::identity {

class Grants {
 public:
  explicit Grants(Desk& desk) : desk_(desk) {}
  Answer<Json> token(const Where& where, const http::Request& request);
  Answer<Json> device_code(const Where& where, const http::Request& request);

 private:
  struct Asked {
    std::string audience;
    std::string resource;  // as asked; set when the request is of v1's shape
    bool refreshable = false;
    bool about_user = false;  // wants an id token
    std::string scope;
    std::string nonce = {};
    bool client_info = false;
  };
  // What a request does not name was named when the sign-in began.
  Answer<Asked> parse_asked(const Where& where, const Form& form, const std::string& begun_scope,
                            const std::string& begun_resource) const;
  Answer<Json> by_client(const Where& where, const Form& form, const Client& client);
  Answer<Json> by_password(const Where& where, const Form& form, const Client& client);
  Answer<Json> by_refresh_token(const Where& where, const Form& form, const Client& client);
  Answer<Json> by_code(const Where& where, const Form& form, const Client& client);
  Answer<Json> by_device_code(const Where& where, const Form& form, const Client& client);
  Answer<Json> for_user(const Where& where, const Client& client, const Principal& user,
                        const Asked& asked, std::string_view how);
  Json issue(const Client& client, const Principal& principal, const std::string& credential,
             const Asked& asked);
  void add_id_token(Json& answer, const Where& where, const Client& client, const Principal& user,
                    const Asked& asked);

  Desk& desk_;
};

std::string oidc_issuer(const Where& where, std::string_view tenant);

}  // namespace pinaco::identity
