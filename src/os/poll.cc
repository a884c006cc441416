#include "os/poll.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace pinaco::os {

Result<> wait_descriptors(std::span<pollfd> all, Milliseconds timeout) {
  const auto wait = std::clamp<std::int64_t>(timeout.count(), 0, 24 * 3600 * 1000);
  if (::poll(all.data(), all.size(), static_cast<int>(wait)) >= 0) return {};
  if (errno != EINTR) return std::unexpected(system_error("waiting for descriptors", errno));
  for (auto& one : all) one.revents = 0;
  return {};
}

void ignore_broken_pipes_of_this_thread() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  (void)::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace pinaco::os
