#include "templates/net_number.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"

namespace pinaco::templates {
namespace {

constexpr std::int64_t digits_max = 99;

struct Number {
  bool integral = false;
  bool negative = false;
  std::uint64_t magnitude = 0;  // of an integer
  double floating = 0;          // not negative
};

Number read(const Json& json) {
  if (json.is_double()) {
    return {.negative = json.get_double() < 0, .floating = std::abs(json.get_double())};
  }
  Number number{.integral = true};
  if (json.is_uint64()) {
    number.magnitude = json.get_uint64();
  } else {
    const std::int64_t value = json.get_int64();
    number.negative = value < 0;
    number.magnitude =
        value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  }
  number.floating = static_cast<double>(number.magnitude);
  return number;
}

// "1234.50": no sign, `decimals` digits behind the point.
std::string fixed(const Number& number, std::size_t decimals) {
  if (!number.integral) return fmt::format("{:.{}f}", number.floating, decimals);
  std::string text = fmt::format("{}", number.magnitude);
  if (decimals > 0) text += "." + std::string(decimals, '0');
  return text;
}

// Commas between thousands.
std::string grouped(std::string text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  for (std::size_t i = point; i > 3;) {
    i -= 3;
    text.insert(i, ",");
  }
  return text;
}

std::string exponential(const Number& number, char letter, std::size_t decimals) {
  std::string text = fmt::format("{:.{}e}", number.floating, decimals);
  const std::size_t e = text.find('e');
  std::string digits = text.substr(e + 2);
  if (digits.size() < 3) digits.insert(0, 3 - digits.size(), '0');
  return text.substr(0, e) + letter + text[e + 1] + digits;
}

bool is_zero_text(std::string_view text) {
  return text.find_first_not_of("0.,") == std::string_view::npos;
}

std::string with_sign(const Number& number, const std::string& text) {
  return number.negative && !is_zero_text(text) ? "-" + text : text;
}

std::optional<std::string> hexadecimal(const Json& json, bool upper, std::size_t digits) {
  if (json.is_double()) return std::nullopt;
  const auto bits =
      json.is_uint64() ? json.get_uint64() : static_cast<std::uint64_t>(json.get_int64());
  return upper ? fmt::format("{:0{}X}", bits, digits) : fmt::format("{:0{}x}", bits, digits);
}

std::optional<std::string> standard(const Json& json, char letter,
                                    std::optional<std::size_t> digits) {
  const Number number = read(json);
  switch (letter | 0x20) {
    case 'd': {
      if (!number.integral) return std::nullopt;
      std::string text = fmt::format("{:0{}}", number.magnitude, digits.value_or(0));
      return number.negative ? "-" + text : text;
    }
    case 'x':
      return hexadecimal(json, letter == 'X', digits.value_or(0));
    case 'f':
      return with_sign(number, fixed(number, digits.value_or(2)));
    case 'n':
      return with_sign(number, grouped(fixed(number, digits.value_or(2))));
    case 'e':
      return with_sign(number, exponential(number, letter, digits.value_or(6)));
    case 'p': {
      const Number hundred{.floating = number.floating * 100};
      const std::string text = grouped(fixed(hundred, digits.value_or(2)));
      return with_sign(number, text) + " %";
    }
    case 'c': {
      const std::string text = grouped(fixed(number, digits.value_or(2)));
      return number.negative && !is_zero_text(text) ? "(¤" + text + ")" : "¤" + text;
    }
    case 'g':
    case 'r': {
      const bool some = digits && *digits > 0;
      std::string text = number.integral && !some ? fmt::format("{}", number.magnitude)
                         : some                   ? fmt::format("{:.{}g}", number.floating, *digits)
                                                  : fmt::format("{}", number.floating);
      if (letter == 'G') text = to_upper(text);
      return with_sign(number, text);
    }
    default:
      return std::nullopt;
  }
}

// A custom format: of what its placeholders ask.
struct Picture {
  std::string before, after;  // what stands around the number
  std::size_t whole_least = 0, decimals_least = 0, decimals_most = 0;
  bool placed = false, groups = false, percent = false;
};

Picture parse_picture(std::string_view format) {
  Picture picture;
  bool point = false;
  for (std::size_t i = 0; i < format.size(); i++) {
    const char c = format[i];
    std::string& around = picture.placed ? picture.after : picture.before;
    if (c == '0' || c == '#') {
      picture.placed = true;
      if (point) {
        picture.decimals_most++;
        if (c == '0') picture.decimals_least = picture.decimals_most;
      } else if (c == '0' || picture.whole_least > 0) {
        picture.whole_least++;
      }
    } else if (c == '.') {
      point = true;
    } else if (c == ',') {
      picture.groups = picture.groups || picture.placed;
    } else if (c == '\'' || c == '"') {
      const std::size_t end = std::min(format.find(c, i + 1), format.size());
      around += format.substr(i + 1, end - i - 1);
      i = end;
    } else if (c == '\\' && i + 1 < format.size()) {
      around += format[++i];
    } else {
      picture.percent = picture.percent || c == '%';
      around += c;
    }
  }
  return picture;
}

std::optional<std::string> custom(const Json& json, std::string_view format) {
  Number number = read(json);
  const auto sections = split(format, ';');
  std::string_view chosen = sections[0];
  bool sign = number.negative;
  if (number.negative && sections.size() > 1 && !sections[1].empty()) {
    chosen = sections[1];
    sign = false;
  } else if (number.floating == 0 && sections.size() > 2) {
    chosen = sections[2];
  }
  const Picture picture = parse_picture(chosen);
  if (picture.whole_least > digits_max || picture.decimals_most > digits_max) return std::nullopt;
  if (!picture.placed) return (sign ? "-" : "") + picture.before;
  if (picture.percent) {
    number.integral = false;
    number.floating *= 100;
  }
  std::string text = fixed(number, picture.decimals_most);
  std::size_t point = std::min(text.find('.'), text.size());
  while (point < text.size() && text.size() - point - 1 > picture.decimals_least &&
         text.back() == '0') {
    text.pop_back();
  }
  if (text.ends_with('.')) text.pop_back();
  if (point < picture.whole_least) text.insert(0, picture.whole_least - point, '0');
  if (picture.whole_least == 0 && text.starts_with('0')) text.erase(0, 1);
  if (picture.groups) text = grouped(std::move(text));
  return (sign && !is_zero_text(text) ? "-" : "") + picture.before + text + picture.after;
}

}  // namespace

std::optional<std::string> net_number(const Json& number, std::string_view format) {
  const bool letter =
      (format[0] >= 'a' && format[0] <= 'z') || (format[0] >= 'A' && format[0] <= 'Z');
  const std::string_view rest = format.substr(1);
  const bool digits = rest.find_first_not_of("0123456789") == std::string_view::npos;
  if (!letter || !digits) return custom(number, format);
  if (rest.empty()) return standard(number, format[0], std::nullopt);
  const auto count = parse_int(rest, 0, digits_max);
  if (!count) return std::nullopt;
  return standard(number, format[0], static_cast<std::size_t>(*count));
}

}  // namespace pinaco::templates
