// A part of a text: where it is. Linear in the text whatever the texts are, unlike
// std::string::find, which two texts of many a's keep busy for hours.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace pinaco::templates {

// From byte `from` on; npos when there is none.
inline std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const std::string_view rest = text.substr(from);
  const void* found = memmem(rest.data(), rest.size(), part.data(), part.size());
  if (found == nullptr) return std::string_view::npos;
  return from + static_cast<std::size_t>(static_cast<const char*>(found) - rest.data());
}

inline std::size_t find_last_text(std::string_view text, std::string_view part) {
  const std::string backwards(text.rbegin(), text.rend());
  const std::string part_backwards(part.rbegin(), part.rend());
  const std::size_t found = find_text(backwards, part_backwards, 0);
  return found == std::string_view::npos ? found : text.size() - found - part.size();
}

}  // namespace pinaco::templates
