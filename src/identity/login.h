// The login surface: the discovery documents, the key set, the token endpoints and the pages where
// people sign in, in the shapes of Entra ID (v1 and v2) and of AD FS.
//
// Threads: all calls from any thread. Lifetime: model, keys and directory outlive it. Limits: a
// form of 64 KiB with 64 fields; those of the Desk. A refused request leaves nothing behind but a
// line in the log, and of those one a second.
#pragma once

#include "identity/clients.h"
#include "identity/grants.h"
#include "identity/sign_in.h"

namespace pinaco::identity {

class Login {
 public:
  Login(model::Model& model, KeyRing& keys, const Directory& directory, Fetch fetch = {})
      : desk_(model, keys, directory, std::move(fetch)), grants_(desk_), pages_(desk_) {}

  // nullopt when the path is not of the login surface.
  std::optional<http::Reply> answer(const http::Request& request, std::string_view base_url);
  Desk& desk() { return desk_; }

 private:
  Answer<Json> discovery(const Where& where) const;
  Answer<Json> instance(const Form& query, const Where& where) const;
  Json user_realm(std::string_view user_name, const Where& where) const;
  http::Reply answer_shape(Where where, std::string_view shape, const Form& query,
                           const http::Request& request, const std::string& correlation);
  Answer<Json> answer_json(const Where& where, std::string_view shape, const Form& query,
                           const http::Request& request);
  Answer<std::string> check_tenant(std::string_view tenant) const;
  http::Reply refusal(const Refusal& refusal, const http::Request& request,
                      const std::string& correlation);
  void log_refusal(const Refusal& refusal, const std::string& peer);

  Desk desk_;
  Grants grants_;
  SignInPages pages_;
  std::mutex log_mutex_;
  std::optional<SteadyTime> logged_;
  std::size_t unlogged_ = 0;
};

}  // namespace pinaco::identity
