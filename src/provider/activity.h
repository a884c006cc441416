// Where the activity log is: a fact for each event, "<rows><20 digits of microseconds>-<6 of a
// counter>". That of a subscription is in its shard; that of a tenant, for what is at its root and
// at its management groups, in the shard "".
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/clock.h"

namespace pinaco::provider {

constexpr std::chrono::hours activity_kept{24 * 90};
constexpr std::size_t activity_text_bytes_max = 2048;

struct ActivityLog {
  std::string shard;  // a subscription, or ""
  std::string rows;   // what the names of its facts start with
  std::string count;  // the fact with their number

  static ActivityLog of_subscription(std::string_view id) {
    return {.shard = std::string(id), .rows = "activity/", .count = "activity-count"};
  }
  static ActivityLog of_tenant(std::string_view id) {
    return {.shard = {},
            .rows = fmt::format("tenant-activity/{}/", id),
            .count = fmt::format("tenant-activity-count/{}", id)};
  }
  // Up to the counter: names are in the order of time.
  std::string name_of(WallTime time) const {
    const auto micros = std::max<std::int64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count(), 0);
    return fmt::format("{}{:020}", rows, micros);
  }
  // After all of them: ':' comes after '9'.
  std::string end() const { return rows + ":"; }
};

}  // namespace pinaco::provider
