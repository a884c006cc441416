#include "os/poll.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace pinaco::os {
namespace {

epoll_event wanted(Poller::Interest interest, void* of) {
  epoll_event event = {};
  event.events = (interest.readable ? EPOLLIN : 0U) | (interest.writable ? EPOLLOUT : 0U);
  event.data.ptr = of;
  return event;
}

}  // namespace

Result<Poller> Poller::open() {
  const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) return std::unexpected(system_error("opening an epoll", errno));
  return Poller(descriptor);
}

Poller::~Poller() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<> Poller::add(int descriptor, Interest interest, void* of) const {
  auto event = wanted(interest, of);
  if (::epoll_ctl(descriptor_, EPOLL_CTL_ADD, descriptor, &event) == 0) return {};
  return std::unexpected(system_error("waiting for a descriptor", errno));
}

Result<> Poller::change(int descriptor, Interest interest, void* of) const {
  auto event = wanted(interest, of);
  if (::epoll_ctl(descriptor_, EPOLL_CTL_MOD, descriptor, &event) == 0) return {};
  return std::unexpected(system_error("waiting for a descriptor", errno));
}

void Poller::remove(int descriptor) const {
  (void)::epoll_ctl(descriptor_, EPOLL_CTL_DEL, descriptor, nullptr);
}

std::span<const Poller::Event> Poller::wait(std::optional<Milliseconds> timeout) {
  std::array<epoll_event, std::tuple_size_v<decltype(events_)>> ready;
  const auto time = timeout ? std::clamp<std::int64_t>(timeout->count(), 0, 24 * 3600 * 1000) : -1;
  const int count = ::epoll_wait(descriptor_, ready.data(), static_cast<int>(ready.size()),
                                 static_cast<int>(time));
  const auto some = static_cast<std::size_t>(std::max(count, 0));  // less when a signal came
  for (std::size_t i = 0; i < some; ++i) {
    const auto told = ready[i].events;
    events_[i] = {.of = ready[i].data.ptr,
                  .readable = (told & EPOLLIN) != 0,
                  .writable = (told & EPOLLOUT) != 0,
                  .ended = (told & (EPOLLHUP | EPOLLERR)) != 0};
  }
  return std::span(events_).first(some);
}

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
