// Secrets of principals: made here, shown once, kept only as scrypt (RFC 7914) with the
// parameters beside it, so that a stronger setting later does not invalidate what is stored.
//
// Threads: all calls from any thread. Limits: a secret at most 1 KiB; a verification takes 16 MiB
// and some 40 ms of one core, so at most four run at once. Errors: busy when as many as may
// already wait.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace pinaco::identity {

inline constexpr std::size_t secret_bytes_max = 1024;

// 40 letters and digits, 238 bits: nothing that a shell or a command line takes for its own.
std::string make_secret(Random& random);
// "$scrypt$ln=14,r=8,p=1$<salt>$<hash>"
std::string hash_secret(std::string_view secret, Random& random);
// corrupt when the hash is not one of ours.
Result<bool> matches_secret(std::string_view secret, std::string_view hash);

// Lets a few in at once, makes a few more wait, and turns the rest away.
class Gate {
 public:
  Gate(std::size_t inside_max, std::size_t waiting_max)
      : inside_max_(inside_max), waiting_max_(waiting_max) {}

  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Gate* gate_;
  };
  Result<Pass> enter();  // busy when too many wait

 private:
  void leave();

  const std::size_t inside_max_;
  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable left_;
  std::size_t inside_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace pinaco::identity
