// Texts are counted in the units of UTF-16, as ARM counts them: a character beyond U+FFFF is two.
// Here they are UTF-8; ASCII is quick.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pinaco::templates {

std::int64_t count_units(std::string_view text);
// `count` units from unit `first` on, both within the text. Half of a character that is cut in two
// becomes U+FFFD.
std::string cut_units(std::string_view text, std::int64_t first, std::int64_t count);
// How many units are before this byte.
std::int64_t units_before(std::string_view text, std::size_t byte);

// Letters of Latin, Greek and Cyrillic; others stay as they are.
std::string lower(std::string_view text);
std::string upper(std::string_view text);

// Bytes as UTF-8; each that is none becomes U+FFFD.
std::string to_utf8(std::string_view bytes);

}  // namespace pinaco::templates
