#include "templates/units.h"

#include <algorithm>

#include "base/text.h"

namespace pinaco::templates {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::size_t width_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

int units_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return (byte & 0xc0) == 0x80 ? 0 : byte >= 0xf0 ? 2 : 1;
}

constexpr std::string_view replacement = "\xef\xbf\xbd";

// Of two bytes: U+0080 to U+07FF, where all the letters are whose case is known here.
char32_t code_of(std::string_view two) {
  return static_cast<char32_t>((two[0] & 0x1f) << 6 | (two[1] & 0x3f));
}

void append_code(std::string& text, char32_t code) {
  text += static_cast<char>(0xc0 | code >> 6);
  text += static_cast<char>(0x80 | (code & 0x3f));
}

char32_t lower_code(char32_t code) {
  if ((code >= 0xc0 && code <= 0xde && code != 0xd7) || (code >= 0x391 && code <= 0x3a9) ||
      (code >= 0x410 && code <= 0x42f)) {
    return code + 0x20;
  }
  if (code >= 0x400 && code <= 0x40f) return code + 0x50;
  const bool even_is_upper = (code >= 0x100 && code <= 0x12f) || (code >= 0x132 && code <= 0x137) ||
                             (code >= 0x14a && code <= 0x177);
  const bool odd_is_upper = (code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17e);
  if (even_is_upper && code % 2 == 0) return code + 1;
  if (odd_is_upper && code % 2 == 1) return code + 1;
  if (code == 0x178) return 0xff;
  return code;
}

char32_t upper_code(char32_t code) {
  if ((code >= 0xe0 && code <= 0xfe && code != 0xf7) ||
      (code >= 0x3b1 && code <= 0x3c9 && code != 0x3c2) || (code >= 0x430 && code <= 0x44f)) {
    return code - 0x20;
  }
  if (code >= 0x450 && code <= 0x45f) return code - 0x50;
  if (code == 0xff) return 0x178;
  if (code >= 0x101 && code <= 0x17e && lower_code(code - 1) == code) return code - 1;
  return code;
}

std::string mapped(std::string_view text, char32_t (*map)(char32_t), std::string ascii) {
  if (is_ascii(text)) return ascii;
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t width = std::min(width_of(text[i]), text.size() - i);
    if (width == 2) {
      append_code(result, map(code_of(text.substr(i, 2))));
    } else {
      result += ascii.substr(i, width);
    }
    i += width;
  }
  return result;
}

}  // namespace

std::int64_t count_units(std::string_view text) {
  std::int64_t units = 0;
  for (const char c : text) units += units_of(c);
  return units;
}

std::string cut_units(std::string_view text, std::int64_t first, std::int64_t count) {
  if (is_ascii(text)) {
    return std::string(
        text.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
  }
  std::string cut;
  const std::int64_t last = first + count;
  std::int64_t unit = 0;
  for (std::size_t i = 0; i < text.size() && unit < last;) {
    const std::size_t width = width_of(text[i]);
    const std::int64_t end = unit + std::max(1, units_of(text[i]));
    if (unit >= first && end <= last) {
      cut += text.substr(i, width);
    } else if (end > first && unit < last) {
      cut += replacement;
    }
    unit = end;
    i += width;
  }
  return cut;
}

std::int64_t units_before(std::string_view text, std::size_t byte) {
  return count_units(text.substr(0, byte));
}

std::string lower(std::string_view text) {
  return mapped(text, lower_code, to_lower(text));
}
std::string upper(std::string_view text) {
  return mapped(text, upper_code, to_upper(text));
}

std::string to_utf8(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  std::string text;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t width = width_of(bytes[i]);
    if (i + width <= bytes.size() && is_utf8(bytes.substr(i, width))) {
      text += bytes.substr(i, width);
      i += width;
    } else {
      text += replacement;
      i++;
    }
  }
  return text;
}

}  // namespace pinaco::templates
