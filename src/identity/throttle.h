// Counts failed sign-ins, so that secrets cannot be guessed: of each account and of each address.
//
// Threads: all calls from any thread. Lifetime: the Clock outlives it. Limits: 10,000 names (those
// that failed longest ago make room); a name is blocked after its `failures_max` within ten
// minutes, until the first of them is that old.
#pragma once

#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"

namespace pinaco::identity {

class Throttle {
 public:
  static constexpr std::size_t account_failures_max = 10;
  static constexpr std::size_t user_failures_max = 100;  // from all addresses
  static constexpr std::size_t peer_failures_max = 100;
  static constexpr Seconds window{600};

  explicit Throttle(const Clock& clock, std::size_t names_max = 10'000)
      : clock_(clock), names_max_(names_max) {}

  // How long until the name is free; nullopt when it is.
  std::optional<Seconds> blocked(const std::string& name, std::size_t failures_max) const;
  void failed(const std::string& name);
  void succeeded(const std::string& name);
  // Names that succeeded once: the last 10,000 of them.
  bool knows(const std::string& name) const;
  std::size_t size() const;

 private:
  struct Counted {
    std::deque<SteadyTime> failures;  // oldest first, at most peer_failures_max
    std::list<std::string>::iterator place;
  };
  const Clock& clock_;
  const std::size_t names_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Counted> names_;
  std::list<std::string> order_;  // least recently failed first
  std::unordered_set<std::string> known_;
  std::deque<std::string> known_order_;  // oldest first
};

// "127.0.0.1" of "127.0.0.1:4711".
std::string address_of(const std::string& peer);
// What one party has as a rule: an IPv4 address, or the first 64 bits of an IPv6 one.
std::string network_of(const std::string& address);

}  // namespace pinaco::identity
