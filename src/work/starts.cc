#include "work/starts.h"

#include <algorithm>

namespace pinaco::work {
namespace {

constexpr Seconds patience = Seconds(60);

}  // namespace

std::optional<Starts::Turn> Starts::enter(const std::string& machine, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  if (starting_.contains(machine)) return std::nullopt;
  std::erase_if(waiting_, [&](const Waiter& each) {
    return each.machine != machine && now - each.asked > patience;
  });
  auto mine = std::ranges::find(waiting_, machine, &Waiter::machine);
  if (mine == waiting_.end()) {
    waiting_.push_back({.machine = machine, .asked = now});
    mine = std::prev(waiting_.end());
  }
  mine->asked = now;
  const auto before = static_cast<std::size_t>(std::distance(waiting_.begin(), mine));
  if (starting_.size() + before >= at_once) return std::nullopt;
  waiting_.erase(mine);
  starting_.insert(machine);
  return std::optional<Turn>(std::in_place, *this, machine);
}

void Starts::forget(const std::string& machine) {
  const std::lock_guard lock(mutex_);
  starting_.erase(machine);
  std::erase_if(waiting_, [&](const Waiter& each) { return each.machine == machine; });
}

}  // namespace pinaco::work
