// How many replicas a version should have in a region, and why: the cloud's rules of thumb. A
// replica serves twenty machines that are made at once, or a scale set of 600 instances; large
// images take longer, and so more. Pure.
#pragma once

#include <string>
#include <vector>

#include "app/version_users.h"
#include "base/clock.h"

namespace pinaco::app {

inline constexpr std::int64_t machines_a_replica = 20;    // made at once
inline constexpr std::int64_t instances_a_replica = 600;  // of one scale set
inline constexpr std::int64_t large_image_gb = 128;       // each more of them, a replica more
inline constexpr Seconds at_once_within = Seconds(60);    // machines made so are made at once

// Described by somebody, or seen.
struct RollOut {
  std::int64_t machines_at_once = 0;
  std::vector<std::int64_t> sets;  // instances of each scale set
  bool operator==(const RollOut&) const = default;
};

struct Replicated {
  std::string region;
  std::int64_t now = 0;  // replicas there; 0: it is no target yet
  std::int64_t most = 10;
  std::int64_t image_gb = 0;  // all its disks
  std::size_t places = 1;     // where the region can keep copies
};

struct Advice {
  std::string region;
  std::int64_t now = 0;
  std::int64_t replicas = 1;  // from 1 to the limit
  std::vector<std::string> why;
};

// What both ask for; the greater of the two is advised. Nothing at all: one replica.
Advice advise(const Replicated& version, const RollOut& described, const RollOut& seen);

// Of the users of all versions of a definition: the most machines that were made in a region within
// a minute since then, and the scale sets that are there.
RollOut seen_in(const std::vector<VersionUser>& users, const std::string& region, WallTime since);

}  // namespace pinaco::app
