#include "templates/dates.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"

namespace pinaco::templates {
namespace {

constexpr std::array<std::string_view, 7> days = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};

// What a standard format stands for; empty: there is none.
std::string_view standard_format(char letter) {
  switch (letter) {
    case 'd':
      return "MM/dd/yyyy";
    case 'D':
      return "dddd, dd MMMM yyyy";
    case 'f':
      return "dddd, dd MMMM yyyy HH:mm";
    case 'F':
    case 'U':
      return "dddd, dd MMMM yyyy HH:mm:ss";
    case 'g':
      return "MM/dd/yyyy HH:mm";
    case 'G':
      return "MM/dd/yyyy HH:mm:ss";
    case 'm':
    case 'M':
      return "MMMM dd";
    case 'o':
    case 'O':
      return "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK";
    case 'r':
    case 'R':
      return "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'";
    case 's':
      return "yyyy'-'MM'-'dd'T'HH':'mm':'ss";
    case 't':
      return "HH:mm";
    case 'T':
      return "HH:mm:ss";
    case 'u':
      return "yyyy'-'MM'-'dd HH':'mm':'ss'Z'";
    case 'y':
    case 'Y':
      return "yyyy MMMM";
    default:
      return {};
  }
}

struct Parts {
  int year = 0;
  unsigned month = 0, day = 0, weekday = 0;
  int hour = 0, minute = 0, second = 0;
  std::int64_t ticks = 0;  // tenths of microseconds
};

Parts parts_of(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<unsigned>(date.month()),
          .day = static_cast<unsigned>(date.day()),
          .weekday = std::chrono::weekday(day).c_encoding(),
          .hour = static_cast<int>(clock.hours().count()),
          .minute = static_cast<int>(clock.minutes().count()),
          .second = static_cast<int>(clock.seconds().count()),
          .ticks = clock.subseconds().count() * 10};
}

// 'f' keeps its digits, 'F' drops zeros at the end and then a point before them.
void append_fraction(std::string& out, const Parts& parts, char letter, std::size_t count) {
  std::string digits = fmt::format("{:07}", parts.ticks).substr(0, count);
  if (letter == 'F') {
    while (digits.ends_with('0')) digits.pop_back();
    if (digits.empty() && out.ends_with('.')) out.pop_back();
  }
  out += digits;
}

// A run of one letter; false: it is no letter of a date.
bool append_run(std::string& out, const Parts& parts, char letter, std::size_t count) {
  const auto number = [&](auto value) {
    out += fmt::format("{:0{}}", value, std::min<std::size_t>(count, 2));
  };
  switch (letter) {
    case 'd':
      if (count >= 3) {
        out += count == 3 ? days[parts.weekday].substr(0, 3) : days[parts.weekday];
      } else {
        number(parts.day);
      }
      return true;
    case 'M':
      if (count >= 3) {
        out += count == 3 ? months[parts.month - 1].substr(0, 3) : months[parts.month - 1];
      } else {
        number(parts.month);
      }
      return true;
    case 'y':
      out += count <= 2 ? fmt::format("{:0{}}", parts.year % 100, count)
                        : fmt::format("{:0{}}", parts.year, count);
      return true;
    case 'H':
      number(parts.hour);
      return true;
    case 'h':
      number(parts.hour % 12 == 0 ? 12 : parts.hour % 12);
      return true;
    case 'm':
      number(parts.minute);
      return true;
    case 's':
      number(parts.second);
      return true;
    case 't':
      out += std::string_view(parts.hour < 12 ? "AM" : "PM").substr(0, count);
      return true;
    case 'f':
    case 'F':
      append_fraction(out, parts, letter, count);
      return true;
    case 'K':
      out += 'Z';
      return true;
    case 'z':
      out += count == 1 ? "+0" : count == 2 ? "+00" : "+00:00";
      return true;
    case 'g':
      out += "A.D.";
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::string> format_time(WallTime time, std::string_view format, std::string_view function) {
  const auto bad = [&] {
    return refuse(
        fmt::format("The template function '{}' has an invalid parameter. The format '{}' is not a "
                    "valid date and time format. Please see https://aka.ms/arm-syntax-functions .",
                    function, shown(format)));
  };
  constexpr std::size_t format_bytes_max = 200;
  if (format.empty() || format.size() > format_bytes_max) return bad();
  if (format.size() == 1) {
    format = standard_format(format[0]);
    if (format.empty()) return bad();
  }
  const Parts parts = parts_of(time);
  std::string out;
  for (std::size_t i = 0; i < format.size();) {
    const char c = format[i];
    if (c == '\'' || c == '"') {
      const std::size_t end = format.find(c, i + 1);
      if (end == std::string_view::npos) return bad();
      out += format.substr(i + 1, end - i - 1);
      i = end + 1;
    } else if (c == '\\') {
      if (i + 1 == format.size()) return bad();
      out += format[i + 1];
      i += 2;
    } else if (c == '%') {
      i++;
      if (i == format.size() || format[i] == '%') return bad();
    } else {
      std::size_t end = i + 1;
      while (end < format.size() && format[end] == c) end++;
      if ((c == 'f' || c == 'F') && end - i > 7) return bad();
      if (!append_run(out, parts, c, end - i)) out += format.substr(i, end - i);
      i = end;
    }
  }
  return out;
}

}  // namespace pinaco::templates
