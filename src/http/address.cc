#include "http/address.h"

#include <cstdint>

namespace pinaco::http {
namespace {

struct Block {
  std::uint32_t first;
  int bits;
};

// RFC 6890 and what came after it.
constexpr Block special[] = {{0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
                             {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24},
                             {0xc0586300, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xc6336400, 24},
                             {0xcb007100, 24}, {0xe0000000, 3}};

std::uint32_t word(ByteView bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

bool is_public_v4(std::uint32_t address) {
  for (const Block& each : special) {
    if (address >> (32 - each.bits) == each.first >> (32 - each.bits)) return false;
  }
  return true;
}

}  // namespace

bool is_public_address(ByteView address) {
  if (address.size() == 4) return is_public_v4(word(address));
  if (address.size() != 16) return false;
  const auto high = word(address);
  // What a network without IPv4 calls its addresses (RFC 6052).
  if (high == 0x0064ff9b && word(address.subspan(4)) == 0 && word(address.subspan(8)) == 0) {
    return is_public_v4(word(address.subspan(12)));
  }
  const bool global = high >> 29 == 1;                 // 2000::/3
  const bool protocol = high >> 9 == 0x20010000 >> 9;  // 2001::/23, Teredo in it
  return global && !protocol && high != 0x20010db8 && high >> 16 != 0x2002 && high >> 20 != 0x3ff;
}

}  // namespace pinaco::http
