// Whose turn it is to start. A start may wait long for a processor of the host and keeps a worker
// while it does, so that a few may and no more: the others give their worker back and ask again,
// first come, first served. What else is done to machines then finds a worker.
//
// Threads: any. Lifetime: of a Host. Limits: at_once starts; whoever waits and does not ask again
// within a minute has lost its place.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"

namespace pinaco::work {

class Starts {
 public:
  static constexpr std::size_t at_once = 8;  // a quarter of WorkerOptions::machine_lanes

  // Kept until the hypervisor has started it, or has failed to.
  class Turn {
   public:
    Turn(Starts& starts, std::string machine) : starts_(&starts), machine_(std::move(machine)) {}
    Turn(Turn&& other) noexcept
        : starts_(std::exchange(other.starts_, nullptr)), machine_(std::move(other.machine_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (starts_ != nullptr) starts_->forget(machine_);
    }

   private:
    Starts* starts_;
    std::string machine_;
  };

  // nullopt: it waits, and asks again; also while it has a turn already.
  std::optional<Turn> enter(const std::string& machine, SteadyTime now);
  // It is gone, or its turn has ended.
  void forget(const std::string& machine);

 private:
  struct Waiter {
    std::string machine;
    SteadyTime asked;
  };

  std::mutex mutex_;
  std::set<std::string> starting_;
  std::deque<Waiter> waiting_;
};

}  // namespace pinaco::work
