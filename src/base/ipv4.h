// IPv4 addresses and networks as clients write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pinaco {

struct Ipv4Network {
  std::uint32_t address = 0;  // host order, without host bits
  int bits = 0;
  std::uint32_t size() const { return bits == 0 ? UINT32_MAX : std::uint32_t{1} << (32 - bits); }
  bool contains(std::uint32_t other) const { return other - address < size(); }
  bool contains(const Ipv4Network& other) const {
    return other.bits >= bits && contains(other.address);
  }
  bool overlaps(const Ipv4Network& other) const { return contains(other) || other.contains(*this); }
};

std::optional<std::uint32_t> parse_ipv4(std::string_view text);  // "10.0.0.4"
// "10.0.0.0/16", /8 to /29; no host bits.
std::optional<Ipv4Network> parse_ipv4_network(std::string_view text);
std::string to_ipv4(std::uint32_t address);

}  // namespace pinaco
