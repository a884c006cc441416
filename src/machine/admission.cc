#include "machine/admission.h"

#include <algorithm>

namespace pinaco::machine {

bool Admission::has_room() {
  constexpr auto boot_longest = std::chrono::seconds(90);
  const auto now = clock_.steady();
  std::erase_if(booting_, [&](const auto& each) {
    return each.second.started && (now - each.second.since >= boot_longest || is_up_(each.first));
  });
  return booting_.size() < booting_max_;
}

Result<> Admission::enter(const std::string& id) {
  std::unique_lock lock(mutex_);
  const auto ticket = next_ticket_++;
  queue_.push_back(ticket);
  while (queue_.front() != ticket || !has_room()) {
    if (stopped_ && stopped_()) {
      std::erase(queue_, ticket);
      changed_.notify_all();
      return fail(Kind::cancelled, "The start was stopped before it was its turn.");
    }
    // Reports come as files of other processes, so the first in line looks again and again.
    changed_.wait_for(lock, std::chrono::milliseconds(100));
  }
  queue_.pop_front();
  booting_[id] = {.since = clock_.steady()};
  changed_.notify_all();
  return {};
}

void Admission::started(const std::string& id, bool successful) {
  const std::lock_guard lock(mutex_);
  if (successful) {
    booting_[id] = {.since = clock_.steady(), .started = true};
  } else {
    booting_.erase(id);
  }
  changed_.notify_all();
}

std::size_t Admission::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace pinaco::machine
