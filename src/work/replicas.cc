#include "work/replicas.h"

#include <algorithm>
#include <span>

namespace pinaco::work {
namespace {

constexpr Seconds patience = Seconds(60);

}  // namespace

std::optional<std::size_t> Replicas::enter(const std::string& image, std::size_t replicas,
                                           const std::string& machine, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  if (const auto place = places_.find(machine); place != places_.end()) {
    return place->second.replica;
  }
  Image& entry = images_[image];
  // Fewer than before: those that are in use go on.
  if (entry.replicas.size() < replicas) entry.replicas.resize(std::max<std::size_t>(replicas, 1));
  auto& waiting = entry.waiting;
  std::erase_if(waiting, [&](const Waiter& each) {
    return each.machine != machine && now - each.asked > patience;
  });
  auto mine = std::ranges::find(waiting, machine, &Waiter::machine);
  if (mine == waiting.end()) {
    waiting.push_back({.machine = machine, .asked = now});
    mine = std::prev(waiting.end());
  }
  mine->asked = now;
  std::size_t room = 0;
  const auto usable = std::span(entry.replicas).first(std::max<std::size_t>(replicas, 1));
  for (const auto& replica : usable) {
    room += creations_max - std::min(replica.creating, creations_max);
  }
  if (static_cast<std::size_t>(std::distance(waiting.begin(), mine)) >= room) return std::nullopt;
  waiting.erase(mine);
  const auto least = std::ranges::min_element(usable, [](const Load& a, const Load& b) {
    return std::pair(a.creating, a.created) < std::pair(b.creating, b.created);
  });
  least->creating++;
  least->created++;
  const auto chosen = static_cast<std::size_t>(least - usable.begin());
  places_[machine] = {.image = image, .replica = chosen};
  return chosen;
}

void Replicas::leave(const std::string& machine) {
  const std::lock_guard lock(mutex_);
  for (auto& [image, entry] : images_) {
    std::erase_if(entry.waiting, [&](const Waiter& each) { return each.machine == machine; });
  }
  const auto place = places_.find(machine);
  if (place == places_.end()) return;
  images_[place->second.image].replicas[place->second.replica].creating--;
  places_.erase(place);
}

Replicas::Loads Replicas::loads(const std::string& image) const {
  const std::lock_guard lock(mutex_);
  const auto found = images_.find(image);
  if (found == images_.end()) return {};
  return {.replicas = found->second.replicas, .waiting = found->second.waiting.size()};
}

}  // namespace pinaco::work
