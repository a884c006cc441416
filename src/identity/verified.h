// Tokens whose signature was checked, so that a client's thousandth request costs a digest and
// not an RSA operation. Only good tokens get in, so strangers cannot make it grow.
//
// Threads: all calls from any thread. Limits: 10,000 tokens; the oldest make room.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/digest.h"
#include "identity/tokens.h"

namespace pinaco::identity {

class VerifiedTokens {
 public:
  explicit VerifiedTokens(std::size_t tokens_max = 10'000) : tokens_max_(tokens_max) {}

  // The caller still checks the times of what is found.
  std::optional<Claims> find(const Digest& token) const;
  void add(const Digest& token, const Claims& claims, WallTime now);
  std::size_t size() const;

 private:
  const std::size_t tokens_max_;
  mutable std::mutex mutex_;
  std::unordered_map<Digest, Claims> claims_;
  std::deque<Digest> order_;  // oldest first
};

}  // namespace pinaco::identity
