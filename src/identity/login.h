// The login surface: the discovery documents, the key set and the token endpoints, in the shapes
// of Entra ID (v1 and v2) and of AD FS. Only applications log in, with a secret
// (client_credentials); everything else is told so.
//
// Threads: all calls from any thread. Lifetime: model, keys and directory outlive it. Limits: a
// form of 64 KiB with 64 fields; four secrets checked at once, 32 wait, more get 503. A refused
// request leaves nothing behind but a line in the log, and of those one a second.
#pragma once

#include <expected>
#include <mutex>

#include "http/http.h"
#include "identity/directory.h"
#include "identity/form.h"
#include "identity/keys.h"
#include "identity/secrets.h"

namespace pinaco::identity {

// An error as OAuth and Entra ID say it: "AADSTS<number>: text".
struct Refusal {
  int status = 400;
  std::string error;
  int number = 0;
  std::string text;
};

class Login {
 public:
  Login(model::Model& model, KeyRing& keys, const Directory& directory)
      : model_(model), keys_(keys), directory_(directory) {}

  // nullopt when the path is not of the login surface.
  std::optional<http::Reply> answer(const http::Request& request, std::string_view base_url);

 private:
  template <typename T>
  using Answer = std::expected<T, Refusal>;
  struct Asked {
    std::string client_id;
    std::string secret;
    std::string audience;
    std::string resource;  // as asked; set when the request is of v1's shape
  };
  // Somebody who may have a token, and what he showed for it.
  struct Known {
    Principal principal;
    std::string credential;
  };

  Answer<Json> discovery(std::string_view tenant, bool v2, std::string_view base_url) const;
  Answer<Json> instance(const Form& query, std::string_view base_url) const;
  Answer<Json> token(std::string_view tenant, bool v2, const http::Request& request);
  Answer<Json> checked(std::string_view tenant, bool v2, const Form& query,
                       const http::Request& request, std::string_view what,
                       std::string_view base_url);
  Answer<Asked> parse_asked(bool v2, const http::Request& request) const;
  Answer<Known> check_secret(std::string_view tenant, const Asked& asked);
  Json issue(const Known& known, const Asked& asked);
  Answer<std::string> check_tenant(std::string_view tenant) const;
  http::Reply refusal(const Refusal& refusal, const std::string& correlation) const;
  void log_refusal(const Refusal& refusal, const std::string& peer);

  model::Model& model_;
  KeyRing& keys_;
  const Directory& directory_;
  Gate gate_{4, 32};
  std::mutex log_mutex_;
  std::optional<SteadyTime> logged_;
  std::size_t unlogged_ = 0;
};

}  // namespace pinaco::identity
