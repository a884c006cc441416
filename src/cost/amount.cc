#include "cost/amount.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace pinaco::cost {
namespace {

using std::chrono::days;
using std::chrono::floor;

constexpr Nanos most = std::numeric_limits<Nanos>::max();

std::chrono::year_month year_month_of(WallTime time) {
  const std::chrono::year_month_day date(floor<days>(time));
  return date.year() / date.month();
}

WallTime beginning(std::chrono::year_month month) {
  return std::chrono::sys_days(month / std::chrono::day(1));
}

}  // namespace

Nanos price_of(Wide amount, Wide unit, Nanos price) {
  const auto each = static_cast<Wide>(price);
  const Wide whole = amount / unit;
  if (each != 0 && whole > static_cast<Wide>(most) / each) return most;
  // The rest is less than a unit, so that nothing here is longer than 128 bits.
  const Wide nanos = whole * each + (amount % unit * each + unit / 2) / unit;
  return nanos > static_cast<Wide>(most) ? most : static_cast<Nanos>(nanos);
}

double quotient(Wide amount, Wide unit) {
  return static_cast<double>(static_cast<long double>(amount) / static_cast<long double>(unit));
}

Nanos sum(Nanos a, Nanos b) {
  return a > most - b ? most : a + b;
}

WallTime month_of(WallTime time) {
  return beginning(year_month_of(time));
}

WallTime month_after(WallTime time, int months) {
  return beginning(year_month_of(time) + std::chrono::months(months));
}

std::string month_name(WallTime time) {
  return to_iso8601(time).substr(0, 7);
}

std::optional<WallTime> parse_month(std::string_view text) {
  if (text.size() != 7 || text[4] != '-') return std::nullopt;
  const auto year = parse_int(text.substr(0, 4), 1970, 9999);
  const auto month = parse_int(text.substr(5), 1, 12);
  if (!year || !month) return std::nullopt;
  return beginning(std::chrono::year(static_cast<int>(*year)) /
                   std::chrono::month(static_cast<unsigned>(*month)));
}

WallTime day_of(WallTime time) {
  return floor<days>(time);
}

Wide month_unit(WallTime month) {
  return static_cast<Wide>((month_after(month, 1) - month).count()) * gib;
}

std::uint64_t overlap(WallTime from, WallTime to, WallTime begin, WallTime end) {
  const auto first = std::max(from, begin);
  const auto last = std::min(to, end);
  return last > first ? static_cast<std::uint64_t>((last - first).count()) : 0;
}

}  // namespace pinaco::cost
