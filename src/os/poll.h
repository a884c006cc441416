// Waiting for many descriptors at once.
#pragma once

#include <poll.h>

#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/clock.h"

namespace pinaco::os {

// epoll(7): many descriptors that stay the same, level-triggered. Threads: one waits; the others
// leave it alone. Lifetime: a descriptor is removed before it is closed.
class Poller {
 public:
  static Result<Poller> open();
  Poller(Poller&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Poller& operator=(Poller&&) = delete;
  ~Poller();

  struct Interest {
    bool readable = false;
    bool writable = false;
    bool operator==(const Interest&) const = default;
  };
  struct Event {
    void* of = nullptr;  // what was given to add()
    bool readable = false;
    bool writable = false;
    bool ended = false;  // both directions: told whatever the interest
  };
  Result<> add(int descriptor, Interest interest, void* of) const;
  Result<> change(int descriptor, Interest interest, void* of) const;
  void remove(int descriptor) const;
  // At most 64 at a time; empty when the time is over. Without a timeout it waits for ever.
  std::span<const Event> wait(std::optional<Milliseconds> timeout);

 private:
  explicit Poller(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
  std::array<Event, 64> events_;
};

// poll(2), where a library owns most of the descriptors: fills revents; all are 0 when the time is
// over or a signal came. At most 24 hours.
Result<> wait_descriptors(std::span<pollfd> all, Milliseconds timeout);

// Writing to a connection that the other side closed is an error for this thread, not a signal:
// for threads that run libraries which do not ask for that themselves.
void ignore_broken_pipes_of_this_thread();

}  // namespace pinaco::os
