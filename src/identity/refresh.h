// Refresh tokens of users: opaque, 256 bits of chance, of which only the SHA-256 is kept.
//
// A sign-in begins a family, one fact "refresh/<user>/<family>"; each use puts the next token in
// the place of the one that was used. An old one that comes back was copied: the family goes. A
// client that lost our answer, or runs twice at once, may repeat the last one within 30 s and gets
// no new one then.
//
// Threads: all calls from any thread. Lifetime: the Model outlives it. Limits: 90 days without
// use; 1,000 families a user (the ones unused longest make room). Errors: denied when the token is
// not good; those of the Model.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/model.h"

namespace pinaco::identity {

struct RefreshGrant {
  std::string user;  // object id
  std::string tenant;
  std::string client;        // whose it is
  std::string password_key;  // of the user when he signed in
};

inline constexpr std::size_t refresh_families_max = 1000;

class RefreshTokens {
 public:
  explicit RefreshTokens(model::Model& model) : model_(model) {}

  Result<std::string> begin(const RefreshGrant& grant);
  struct Used {
    RefreshGrant grant;
    std::string next;  // empty: the client has it already
  };
  Result<Used> use(std::string_view token, std::string_view client);
  Result<> revoke(std::string_view token);  // its family

 private:
  model::Model& model_;
};

}  // namespace pinaco::identity
