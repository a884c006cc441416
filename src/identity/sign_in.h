// The two pages where people sign in: /{tenant}/oauth2[/v2.0]/authorize (authorization code with
// PKCE, which is required) and /devicelogin (RFC 8628).
//
// A form is good only with the cookie that came with it and for the request it was made for, so
// that no other page can send it. An answer goes only to an address that the client registered;
// every mistake before that is known is shown here and sent nowhere.
//
// Threads: all calls from any thread. Lifetime: the Desk outlives it. Limits: a form lives 15
// minutes; ten wrong user codes in ten minutes from an address.
#pragma once

#include "identity/clients.h"

namespace pinaco::identity {

class SignInPages {
 public:
  explicit SignInPages(Desk& desk);
  http::Reply authorize(const Where& where, std::string_view path, const Form& query,
                        const http::Request& request);
  http::Reply device_login(const Where& where, const http::Request& request);

 private:
  struct Authorization {
    Client client;
    std::string redirect_uri;
    std::string mode;  // "query", "fragment" or "form_post"
    Form form;         // what was asked, without what the page added
  };
  Answer<Authorization> parse_authorization(const Form& form) const;
  http::Reply sign_in_page(const Authorization& asked, std::string_view path,
                           const std::string& problem, const http::Request& request) const;
  http::Reply finish(const Authorization& asked, Form answer) const;
  http::Reply answer_error(const Authorization& asked, std::string error, std::string text) const;
  http::Reply code_page(const std::string& problem, const http::Request& request) const;
  http::Reply device_page(const std::string& user_code, const std::string& client_name,
                          const std::string& problem, const http::Request& request) const;
  http::Reply answer_device(const Where& where, const Form& form, const http::Request& request);

  // The value of a form's hidden member; sets the cookie when there is none.
  std::string protect(std::string_view what, const http::Request& request,
                      std::vector<std::string>& cookies) const;
  bool is_protected(std::string_view what, const Form& form, const Where& where,
                    const http::Request& request) const;
  std::string mac(std::string_view cookie, std::string_view expires, std::string_view what) const;

  Desk& desk_;
  Bytes key_;  // of the forms of this run
};

}  // namespace pinaco::identity
