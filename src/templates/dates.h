// Points in time as templates write and read them: .NET's formats (invariant culture, UTC) and
// durations of ISO 8601.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace pinaco::templates {

// utcNow's: "20261124T150612Z".
inline constexpr std::string_view utc_now_format = "yyyyMMddTHHmmssZ";

// As DateTime.ToString(format) writes it: a standard format of one letter, or a custom one.
// Refused: an empty format, an unknown letter, a format over 200 bytes. `function` stands in the
// error.
Result<std::string> format_time(WallTime time, std::string_view format,
                                std::string_view function = "utcNow");

// ISO 8601: "PT1H", "P1Y2M3DT4H5M6.5S", "P2W", "-P1D". As ARM counts them a year has 365 days and a
// month 30. nullopt: no duration, or one that does not fit.
std::optional<std::chrono::microseconds> parse_any_duration(std::string_view text);

}  // namespace pinaco::templates
