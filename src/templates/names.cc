#include "templates/names.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <bit>

#include "base/bytes.h"
#include "base/text.h"

namespace pinaco::templates {
namespace {

constexpr std::uint32_t multiplier_a = 0x239b961b, multiplier_b = 0xab0e9789;
constexpr std::uint32_t addend_a = 0x561ccd1b, addend_b = 0x0bcaa747;

std::uint32_t mixed_a(std::uint32_t block) {
  return std::rotl(block * multiplier_a, 15) * multiplier_b;
}
std::uint32_t mixed_b(std::uint32_t block) {
  return std::rotl(block * multiplier_b, 17) * multiplier_a;
}

std::uint32_t finished(std::uint32_t hash) {
  hash = (hash ^ hash >> 16) * 0x85ebca6b;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35;
  return hash ^ hash >> 16;
}

// Up to four bytes, the rest zero.
std::uint32_t load_up_to_four(ByteView bytes) {
  std::array<std::uint8_t, 4> padded = {};
  std::ranges::copy(bytes.first(std::min<std::size_t>(4, bytes.size())), padded.begin());
  return load_le<std::uint32_t>(padded);
}

}  // namespace

std::uint64_t murmur64(std::string_view text) {
  ByteView rest = as_bytes(text);
  std::uint32_t a = 0, b = 0;
  for (; rest.size() >= 8; rest = rest.subspan(8)) {
    a = (std::rotl(a ^ mixed_a(load_le<std::uint32_t>(rest)), 19) + b) * 5 + addend_a;
    b = (std::rotl(b ^ mixed_b(load_le<std::uint32_t>(rest, 4)), 13) + a) * 5 + addend_b;
  }
  if (!rest.empty()) a ^= mixed_a(load_up_to_four(rest));
  if (rest.size() > 4) b ^= mixed_b(load_up_to_four(rest.subspan(4)));
  a ^= static_cast<std::uint32_t>(text.size());
  b ^= static_cast<std::uint32_t>(text.size());
  a += b;
  b += a;
  a = finished(a);
  b = finished(b);
  a += b;
  b += a;
  return std::uint64_t{b} << 32 | a;
}

std::string unique_name(std::string_view text) {
  constexpr std::string_view digits = "abcdefghijklmnopqrstuvwxyz234567";
  std::uint64_t hash = murmur64(text);
  std::string name;
  for (int i = 0; i < 13; i++, hash <<= 5) name += digits[hash >> 59];
  return name;
}

std::string name_guid(std::string_view text) {
  constexpr std::string_view space =
      "\x11\xfb\x06\xfb\x71\x2d\x4d\xdd\x98\xc7\xe7\x1b\xbd\x58\x88\x30";
  const std::string named = std::string(space) + std::string(text);
  std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest = {};
  SHA1(reinterpret_cast<const unsigned char*>(named.data()), named.size(), digest.data());
  digest[6] = static_cast<std::uint8_t>((digest[6] & 0x0f) | 0x50);
  digest[8] = static_cast<std::uint8_t>((digest[8] & 0x3f) | 0x80);
  const std::string hex = to_hex(ByteView(digest).first(16));
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

}  // namespace pinaco::templates
