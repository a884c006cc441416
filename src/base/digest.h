// A Digest is a SHA-256: the name of a block, a pack, a manifest, an image (FIPS 180-4).
#pragma once

#include <array>
#include <compare>
#include <functional>
#include <string>

#include "base/bytes.h"

namespace pinaco {

struct Digest {
  static constexpr std::size_t size_bytes = 32;
  std::array<std::uint8_t, size_bytes> bytes = {};

  auto operator<=>(const Digest&) const = default;
  std::string hex() const;                        // 64 lower-case digits
  static Result<Digest> parse(std::string_view);  // the same; anything else is invalid
  static Digest of(ByteView content);
  static Digest of_parts(std::span<const ByteView> parts);  // of their concatenation
  std::uint64_t prefix() const { return load_le<std::uint64_t>(bytes); }
};

}  // namespace pinaco

template <>
struct std::hash<pinaco::Digest> {
  std::size_t operator()(const pinaco::Digest& digest) const noexcept { return digest.prefix(); }
};
