#include "base/duration.h"

#include "base/text.h"

namespace pinaco {

std::optional<Seconds> parse_duration(std::string_view text) {
  constexpr std::int64_t longest = 366LL * 24 * 3600;
  struct Unit {
    char letter;
    bool of_time;
    std::int64_t seconds;
  };
  constexpr Unit units[] = {
      {'D', false, 24 * 3600}, {'H', true, 3600}, {'M', true, 60}, {'S', true, 1}};
  if (text.empty() || text.front() != 'P') return std::nullopt;
  text.remove_prefix(1);
  std::int64_t total = 0;
  std::size_t parts = 0;
  bool of_time = false;
  const Unit* next = std::begin(units);
  while (!text.empty()) {
    if (text.front() == 'T') {
      if (of_time) return std::nullopt;
      of_time = true;
      text.remove_prefix(1);
      if (text.empty()) return std::nullopt;
    }
    const auto end = text.find_first_not_of("0123456789");
    if (end == std::string_view::npos) return std::nullopt;
    const auto number = parse_int(text.substr(0, end), 0, longest);
    while (next != std::end(units) && (next->letter != text[end] || next->of_time != of_time)) {
      next++;
    }
    if (!number || next == std::end(units)) return std::nullopt;
    total += *number * next->seconds;
    if (total > longest) return std::nullopt;
    next++;
    parts++;
    text.remove_prefix(end + 1);
  }
  if (parts == 0) return std::nullopt;
  return Seconds(total);
}

}  // namespace pinaco
