#include "app/advice.h"

#include <fmt/format.h>

#include <algorithm>

#include "work/work.h"

namespace pinaco::app {
namespace {

// The rule is what the server does: more machines than that wait for their turn.
static_assert(machines_a_replica == work::Replicas::creations_max);

std::int64_t up(std::int64_t count, std::int64_t each) {
  return (count + each - 1) / each;
}

std::string replicas_text(std::int64_t count) {
  return fmt::format("{} replica{}", count, count == 1 ? "" : "s");
}

// What a roll-out asks for, and why; 0 when it is none.
std::int64_t asked_by(const RollOut& wanted, std::string_view whose,
                      std::vector<std::string>& why) {
  std::int64_t sum = 0;
  if (wanted.machines_at_once > 0) {
    const auto count = up(wanted.machines_at_once, machines_a_replica);
    why.push_back(fmt::format("{}: {} machine{} at once, {} to a replica: {}", whose,
                              wanted.machines_at_once, wanted.machines_at_once == 1 ? "" : "s",
                              machines_a_replica, replicas_text(count)));
    sum += count;
  }
  if (wanted.sets.empty()) return sum;
  std::int64_t count = 0;
  std::int64_t largest = 0;
  for (const auto instances : wanted.sets) {
    count += std::max<std::int64_t>(up(instances, instances_a_replica), 1);
    largest = std::max(largest, instances);
  }
  why.push_back(fmt::format("{}: {} scale set{} of up to {} instances, {} to a replica: {}", whose,
                            wanted.sets.size(), wanted.sets.size() == 1 ? "" : "s", largest,
                            instances_a_replica, replicas_text(count)));
  return sum + count;
}

}  // namespace

Advice advise(const Replicated& version, const RollOut& described, const RollOut& seen) {
  Advice advice{.region = version.region, .now = version.now, .why = {}};
  const auto by_words = asked_by(described, "described", advice.why);
  auto wanted = std::max(by_words, asked_by(seen, "seen", advice.why));
  if (wanted == 0) advice.why.emplace_back("nothing is made of it there: one replica is enough");
  wanted = std::max<std::int64_t>(wanted, 1);
  // At most twice as many: they are read side by side.
  const auto more = std::min(up(version.image_gb, large_image_gb) - 1, wanted);
  if (more > 0) {
    advice.why.push_back(
        fmt::format("its disks have {} GiB: one more for each {} GiB beyond the "
                    "first, at most twice as many: {} more",
                    version.image_gb, large_image_gb, more));
    wanted += more;
  }
  if (wanted > version.most) {
    advice.why.push_back(
        fmt::format("that would be {}, and {} are the limit of a version in a "
                    "region: make at most {} machines at once",
                    wanted, version.most, version.most * machines_a_replica));
  }
  advice.replicas = std::clamp<std::int64_t>(wanted, 1, version.most);
  if (version.places < static_cast<std::size_t>(advice.replicas)) {
    advice.why.push_back(
        fmt::format("the region has {} place{}: {} share {}, and each still serves "
                    "its {} machines",
                    version.places, version.places == 1 ? "" : "s", replicas_text(advice.replicas),
                    version.places == 1 ? "one copy" : "the copies there", machines_a_replica));
  }
  return advice;
}

RollOut seen_in(const std::vector<VersionUser>& users, const std::string& region, WallTime since) {
  RollOut seen;
  std::vector<WallTime> times;
  for (const auto& user : users) {
    if (user.location != region || user.in_set) continue;
    if (user.scales) {
      seen.sets.push_back(user.instances);
      continue;
    }
    const auto created = parse_iso8601(user.created);
    if (created && *created >= since) times.push_back(*created);
  }
  std::ranges::sort(times);
  std::size_t first = 0;
  for (std::size_t last = 0; last < times.size(); last++) {
    while (times[last] - times[first] >= at_once_within) first++;
    seen.machines_at_once =
        std::max(seen.machines_at_once, static_cast<std::int64_t>(last - first + 1));
  }
  return seen;
}

}  // namespace pinaco::app
