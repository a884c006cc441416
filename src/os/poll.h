// Waiting for many descriptors at once, where a library owns most of them.
#pragma once

#include <poll.h>

#include <span>

#include "base/clock.h"

namespace pinaco::os {

// poll(2): fills revents; all are 0 when the time is over or a signal came. At most 24 hours.
Result<> wait_descriptors(std::span<pollfd> all, Milliseconds timeout);

// Writing to a connection that the other side closed is an error for this thread, not a signal:
// for threads that run libraries which do not ask for that themselves.
void ignore_broken_pipes_of_this_thread();

}  // namespace pinaco::os
