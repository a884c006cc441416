// Functions of dates that need no clock, and the durations that they take.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "templates/dates.h"
#include "templates/errors.h"
#include "templates/function.h"

namespace pinaco::templates {
namespace {

using std::chrono::microseconds;

constexpr std::string_view iso_format = "yyyy'-'MM'-'dd'T'HH':'mm':'ss'Z'";

// The years 1 to 9999, which .NET has.
const WallTime time_min = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
const WallTime time_max = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);

std::unexpected<Error> invalid(const Call& call, std::string_view what) {
  return refuse(
      fmt::format("The template function '{}' has an invalid parameter. {} Please see "
                  "https://aka.ms/arm-syntax-functions .",
                  call.name(), what));
}

Result<WallTime> time_of(const Call& call) {
  const auto time = parse_iso8601(trim(call.text(0)));
  if (time && *time >= time_min && *time <= time_max) return *time;
  return invalid(call, fmt::format("The first parameter '{}' is not a valid ISO8601 timestamp.",
                                   shown(call.text(0))));
}

Result<Json> date_time_add(Call& call) {
  const WallTime time = TRY(time_of(call));
  const auto duration = parse_any_duration(call.text(1));
  if (!duration) {
    return invalid(call, fmt::format("The second parameter '{}' is not a valid ISO8601 Duration "
                                     "string.",
                                     shown(call.text(1))));
  }
  if (*duration > time_max - time || *duration < time_min - time) {
    return invalid(call, "The result is outside of the years 1 to 9999.");
  }
  const std::string_view format = call.size() > 2 ? call.text(2) : iso_format;
  return Result<Json>(Json(TRY(format_time(time + *duration, format, call.name()))));
}

Result<Json> date_time_from_epoch(Call& call) {
  const std::int64_t seconds = call.integer(0);
  const auto low = time_min.time_since_epoch() / std::chrono::seconds(1);
  const auto high = time_max.time_since_epoch() / std::chrono::seconds(1);
  if (seconds < low || seconds > high) {
    return invalid(call, fmt::format("The value '{}' is outside of the years 1 to 9999.", seconds));
  }
  const WallTime time{std::chrono::seconds(seconds)};
  return Result<Json>(Json(TRY(format_time(time, iso_format, call.name()))));
}

Result<Json> date_time_to_epoch(Call& call) {
  const WallTime time = TRY(time_of(call));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return Result<Json>(Json(static_cast<std::int64_t>(seconds)));
}

// One of a duration's numbers and its letter.
struct Amount {
  double count = 0;
  char letter = 0;
};

std::optional<Amount> take_amount(std::string_view& text) {
  Amount amount;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount.count,
                                            std::chars_format::fixed);
  const bool digit = !text.empty() && text[0] >= '0' && text[0] <= '9';
  if (!digit || error != std::errc() || end == text.data() + text.size()) return std::nullopt;
  amount.letter = *end;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return amount;
}

constexpr std::array functions = {
    Function{.name = "dateTimeAdd", .parameters = "ss?s", .pure = date_time_add},
    Function{.name = "dateTimeFromEpoch", .parameters = "i", .pure = date_time_from_epoch},
    Function{.name = "dateTimeToEpoch", .parameters = "s", .pure = date_time_to_epoch},
};

}  // namespace

std::optional<microseconds> parse_any_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (!text.starts_with('P')) return std::nullopt;
  text.remove_prefix(1);
  constexpr double day = 86'400;
  double seconds = 0;
  bool some = false;
  // Each part has its letters in this order, each at most once.
  for (const std::string_view letters : {"YMWD", "HMS"}) {
    const bool of_day = letters == "HMS";
    if (of_day) {
      if (text.empty()) break;
      if (!text.starts_with('T')) return std::nullopt;
      text.remove_prefix(1);
      some = false;
    }
    std::size_t next = 0;
    while (!text.empty() && text[0] != 'T') {
      const auto amount = take_amount(text);
      if (!amount) return std::nullopt;
      const std::size_t at = letters.find(amount->letter, next);
      if (at == std::string_view::npos) return std::nullopt;
      next = at + 1;
      some = true;
      constexpr std::array<double, 4> of_days = {365 * day, 30 * day, 7 * day, day};
      constexpr std::array<double, 3> of_hours = {3600, 60, 1};
      seconds += amount->count * (of_day ? of_hours[at] : of_days[at]);
    }
  }
  constexpr double seconds_max = 9999 * 366 * day;
  if (!some || !text.empty() || !(seconds <= seconds_max)) return std::nullopt;
  const auto whole = static_cast<std::int64_t>(std::llround(seconds * 1e6));
  return microseconds(negative ? -whole : whole);
}

std::span<const Function> date_functions() {
  return functions;
}

}  // namespace pinaco::templates
