// Outside issuers of tokens (OpenID Connect Discovery 1.0): their keys, fetched and remembered.
//
// Nothing is fetched but for an issuer that the caller names, and callers name only those that an
// application's federated credential or the configuration holds. An issuer's address is https
// without user, query or fragment; plain http only to the loopback, for an issuer that is there.
// Whoever may change an application names issuers, so those that the configuration does not hold
// are reached in the public network only, unless it allows their host.
//
// Threads: all calls from any thread; those that need the same issuer's keys wait for one fetch.
// Lifetime: the Clock outlives it. Limits: answers of 256 KiB, 5 s each; 100 keys an issuer; 1,000
// issuers remembered besides the configured ones, which never make room. Four fetches at once, two
// of one tenant, and four threads that wait for them; each configured issuer has its own. Keys are
// fetched again after an hour, or for an unknown key id, but never twice within 30 s; when that
// fails the last good ones count for 24 h. Errors: denied when the token is not good; unavailable
// when the keys could not be had, or too many others are just being fetched.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

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

  // Before all else: the issuers of the configuration, and the hosts (without ports) beyond the
  // public network at which those of users may be.
  void trust(const std::vector<std::string>& configured, std::vector<std::string> hosts);
  // Whether the issuer signed it. The caller has compared `iss`, and checks all other claims.
  // `tenant` is that of whoever named the issuer.
  Result<> check_signature(const std::string& issuer, const Jwt& jwt,
                           const std::string& tenant = {});

 private:
  struct Key {
    std::string id;
    VerifyKey key;
  };
  using Keys = std::vector<Key>;
  // Who may fetch at once: so that slow issuers do not hold all threads of the server.
  struct Lane {
    std::size_t fetching = 0;
    std::size_t waiting = 0;
    std::map<std::string, std::size_t> tenants = {};
  };
  struct Issuer {
    std::shared_ptr<Lane> lane;
    bool configured = false;
    std::shared_ptr<const Keys> keys = std::make_shared<Keys>();
    std::optional<SteadyTime> fetched = {};  // when the keys were got
    std::optional<SteadyTime> tried = {};
    std::string why = {};  // the last try failed
    bool fetching = false;
    std::uint64_t used = 0;  // larger: later
  };
  std::shared_ptr<Issuer> find_issuer(const std::string& url);
  // Of those: fetches or waits when that is needed and possible; false when too many do.
  bool refresh(std::unique_lock<std::mutex>& lock, const std::string& url, Issuer& issuer,
               const std::string& kid, const std::string& tenant);
  bool fetch_in_lane(std::unique_lock<std::mutex>& lock, const std::string& url, Issuer& issuer,
                     const std::string& tenant);
  bool is_fresh(const Issuer& issuer) const;
  bool is_good(const Issuer& issuer) const;
  Result<std::string> fetch_one(const std::string& url, bool configured, bool loopback) const;
  Result<Keys> fetch_keys(const std::string& url, bool configured) const;

  const Fetch fetch_;
  const Clock& clock_;
  std::vector<std::string> hosts_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  std::shared_ptr<Lane> common_ = std::make_shared<Lane>();
  std::map<std::string, std::shared_ptr<Issuer>> issuers_;
  std::size_t configured_ = 0;
  std::uint64_t uses_ = 0;
};

}  // namespace pinaco::identity
