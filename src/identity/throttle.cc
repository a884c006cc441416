#include "identity/throttle.h"

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
  const auto found = names_.find(name);
  if (found == names_.end()) return;
  order_.erase(found->second.place);
  names_.erase(found);
}

std::size_t Throttle::size() const {
  const std::lock_guard lock(mutex_);
  return names_.size();
}

std::string address_of(const std::string& peer) {
  const auto colon = peer.rfind(':');
  return colon == std::string::npos || peer.ends_with(']') ? peer : peer.substr(0, colon);
}

}  // namespace pinaco::identity
