// Small text work that the standard library of g++ 12 lacks: case, splitting, trimming, hex,
// base64, percent-encoding, numbers, sizes for people. Pure; ASCII rules only, so that no locale
// changes what a name means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace pinaco {

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);  // keeps empty parts
std::string join(const std::vector<std::string>& parts, std::string_view separator);

std::string to_hex(ByteView bytes);
std::optional<Bytes> from_hex(std::string_view text);
std::string to_base64(ByteView bytes);
std::string to_base64url(ByteView bytes);                    // no padding (RFC 7515 section 2)
std::optional<Bytes> from_base64(std::string_view text);     // padded
std::optional<Bytes> from_base64url(std::string_view text);  // unpadded; strict
std::string percent_encode(std::string_view text);           // all but RFC 3986's unreserved
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
std::string markup_escape(std::string_view text);  // XML and HTML: as text or as a quoted value

// The whole text as a number in [low, high]; nullopt otherwise. No sign but '-', no spaces.
std::optional<std::int64_t> parse_int(std::string_view text, std::int64_t low, std::int64_t high);

std::string human_size(std::uint64_t bytes);  // "486.3 MiB"
bool constant_time_equal(std::string_view a, std::string_view b);

// Whether it is UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);
// At most bytes_max bytes of it, and no half of a character at the end.
std::string_view cut_text(std::string_view text, std::size_t bytes_max);

}  // namespace pinaco
