// Who may boot now: at most so many guests at once, in the order in which they came. A guest that
// boots needs a processor; with many at once each misses its timers.
//
// Threads: any. Limits: a guest counts as booting for 90 s at most.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace pinaco::machine {

class Admission {
 public:
  // `is_up` tells whether a guest that was started has reported, or is gone.
  Admission(std::size_t booting_max, const Clock& clock,
            std::function<bool(const std::string& id)> is_up, std::function<bool()> stopped)
      : booting_max_(booting_max),
        clock_(clock),
        is_up_(std::move(is_up)),
        stopped_(std::move(stopped)) {}

  // Waits its turn; from then on `id` is booting, and must be told how its start went. cancelled
  // when stopped.
  Result<> enter(const std::string& id);
  void started(const std::string& id, bool successful);
  std::size_t waiting() const;

 private:
  struct Booting {
    SteadyTime since;
    bool started = false;
  };
  bool has_room();  // with the mutex held; forgets those that are up

  const std::size_t booting_max_;
  const Clock& clock_;
  const std::function<bool(const std::string&)> is_up_;
  const std::function<bool()> stopped_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::uint64_t> queue_;
  std::uint64_t next_ticket_ = 0;
  std::map<std::string, Booting> booting_;
};

}  // namespace pinaco::machine
