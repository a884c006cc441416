#include "identity/throttle.h"

#include <arpa/inet.h>

#include "base/digest.h"
#include "base/text.h"

namespace pinaco::identity {

std::optional<Seconds> Throttle::blocked(const std::string& name, std::size_t failures_max) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(name);
  if (found == names_.end()) return std::nullopt;
  const auto& failures = found->second.failures;
  if (failures.size() < failures_max) return std::nullopt;
  const auto free = failures[failures.size() - failures_max] + window;
  const auto now = clock_.steady();
  if (now >= free) return std::nullopt;
  return std::chrono::ceil<Seconds>(free - now);
}

void Throttle::failed(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto [found, made] = names_.try_emplace(name);
  if (made) {
    found->second.place = order_.insert(order_.end(), name);
  } else {
    order_.splice(order_.end(), order_, found->second.place);
  }
  auto& failures = found->second.failures;
  failures.push_back(clock_.steady());
  if (failures.size() > peer_failures_max) failures.pop_front();
  if (names_.size() > names_max_) {
    names_.erase(order_.front());
    order_.pop_front();
  }
}

void Throttle::succeeded(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (known_.insert(name).second) {
    known_order_.push_back(name);
    if (known_order_.size() > names_max_) {
      known_.erase(known_order_.front());
      known_order_.pop_front();
    }
  }
  const auto found = names_.find(name);
  if (found == names_.end()) return;
  order_.erase(found->second.place);
  names_.erase(found);
}

bool Throttle::knows(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return known_.contains(name);
}

std::size_t Throttle::size() const {
  const std::lock_guard lock(mutex_);
  return names_.size();
}

std::string address_of(const std::string& peer) {
  const auto colon = peer.rfind(':');
  return colon == std::string::npos || peer.ends_with(']') ? peer : peer.substr(0, colon);
}

std::string network_of(const std::string& address) {
  std::string plain = address;
  if (plain.starts_with('[') && plain.ends_with(']')) plain = plain.substr(1, plain.size() - 2);
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET6, plain.c_str(), bytes) != 1) return address;
  return to_hex(ByteView(bytes, 8));
}

}  // namespace pinaco::identity
