// Bytes and the integers in them: views, owners, little- and big-endian loads and stores.
// Pure; callers check bounds first (a short span is a CHECK failure).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace pinaco {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <typename T>
T load_le(ByteView from, std::size_t at = 0) {
  CHECK(at + sizeof(T) <= from.size());
  T value;
  std::memcpy(&value, from.data() + at, sizeof value);
  return value;
}
template <typename T>
T load_be(ByteView from, std::size_t at = 0) {
  T value = load_le<T>(from, at);
  if constexpr (sizeof(T) == 2) value = __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) value = __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) value = __builtin_bswap64(value);
  return value;
}
template <typename T>
void store_le(MutableBytes into, std::size_t at, T value) {
  CHECK(at + sizeof(T) <= into.size());
  std::memcpy(into.data() + at, &value, sizeof value);
}
template <typename T>
void store_be(MutableBytes into, std::size_t at, T value) {
  if constexpr (sizeof(T) == 2) value = __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) value = __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) value = __builtin_bswap64(value);
  store_le(into, at, value);
}
template <typename T>
void append_le(Bytes& into, T value) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
  into.insert(into.end(), first, first + sizeof value);
}
inline void append(Bytes& into, ByteView more) {
  into.insert(into.end(), more.begin(), more.end());
}

static_assert(std::endian::native == std::endian::little, "loads and stores assume x86 or arm");

// True when every byte is zero. 20 GB/s and more.
bool is_zero(ByteView bytes);

}  // namespace pinaco
