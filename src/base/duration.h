// Durations as ISO 8601 writes them: "PT30S", "PT1H5M", "P1D". Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace pinaco {

// Days, hours, minutes and whole seconds, in this order; at most 366 days. Months and years have no
// length of their own and are not taken.
std::optional<Seconds> parse_duration(std::string_view text);

}  // namespace pinaco
