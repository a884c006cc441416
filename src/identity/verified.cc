#include "identity/verified.h"

namespace pinaco::identity {

std::optional<Claims> VerifiedTokens::find(const Digest& token) const {
  const std::lock_guard lock(mutex_);
  const auto found = claims_.find(token);
  if (found == claims_.end()) return std::nullopt;
  return found->second;
}

void VerifiedTokens::add(const Digest& token, const Claims& claims, WallTime now) {
  const std::lock_guard lock(mutex_);
  if (!claims_.emplace(token, claims).second) return;
  order_.push_back(token);
  // All tokens live equally long, so the oldest here are about the first to expire.
  while (claims_.size() > tokens_max_ || now > claims_.at(order_.front()).expires + clock_skew) {
    claims_.erase(order_.front());
    order_.pop_front();
    if (order_.empty()) break;
  }
}

std::size_t VerifiedTokens::size() const {
  const std::lock_guard lock(mutex_);
  return claims_.size();
}

}  // namespace pinaco::identity
