// Outside issuers of tokens (OpenID Connect Discovery 1.0): their keys, fetched and remembered.
//
// Nothing is fetched but for an issuer that the caller names, and callers name only those that an
// application's federated credential or the configuration holds. An issuer's address is https
// without user, query or fragment; plain http only to the loopback, for an issuer that is there.
//
// Threads: all calls from any thread; those that need the same issuer's keys wait for one fetch.
// Lifetime: the Clock outlives it. Limits: answers of 256 KiB, 5 s each; 100 keys an issuer; 1,000
// issuers remembered. Keys are fetched again after an hour, or for an unknown key id, but never
// twice within 30 s; when that fails the last good ones count for 24 h. Errors: denied when the
// token is not good; unavailable when the keys could not be had.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "identity/fetch.h"
#include "identity/jwt.h"

namespace pinaco::identity {

inline constexpr std::size_t issuer_keys_max = 100;
inline constexpr std::size_t issuers_max = 1000;

Result<> check_issuer_url(std::string_view url);

class Issuers {
 public:
  Issuers(Fetch fetch, const Clock& clock) : fetch_(std::move(fetch)), clock_(clock) {}

  // Whether the issuer signed it. The caller has compared `iss`, and checks all other claims.
  Result<> check_signature(const std::string& issuer, const Jwt& jwt);

 private:
  struct Key {
    std::string id;
    VerifyKey key;
  };
  struct Issuer {
    std::mutex mutex;
    std::vector<Key> keys;
    std::optional<SteadyTime> fetched;  // when the keys were got
    std::optional<SteadyTime> tried;
    std::string why;  // the last try failed
  };
  std::shared_ptr<Issuer> find_issuer(const std::string& url);
  Result<std::vector<Key>> fetch_keys(const std::string& url) const;

  const Fetch fetch_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Issuer>> issuers_;
};

}  // namespace pinaco::identity
