// What must hold of Facts before any of it is told to a guest: sizes, and no text that could be
// read as something else in XML, YAML, a shell or a DHCP answer. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "guest/guest.h"

namespace pinaco::guest {

// IPv4 addresses are numbers in the host's order.
struct Subnet {
  std::uint32_t first = 0;  // its own address; the next is the gateway
  int prefix = 24;
  std::uint32_t mask() const { return ~std::uint32_t{0} << (32 - prefix); }
  bool contains(std::uint32_t address) const { return (address & mask()) == first; }
};

using Mac = std::array<std::uint8_t, 6>;

Result<std::uint32_t> parse_address(std::string_view text);
Result<Subnet> parse_subnet(std::string_view text);
Result<Mac> parse_mac(std::string_view text);
std::string to_address(std::uint32_t address);

// invalid, with the member as its target.
Result<> check_facts(const Facts& facts);

}  // namespace pinaco::guest
