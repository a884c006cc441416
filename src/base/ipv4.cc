#include "base/ipv4.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco {

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::uint32_t address = 0;
  for (const auto part : parts) {
    const auto number = parse_int(part, 0, 255);
    const bool plain = part.size() == 1 || (part.front() >= '1' && part.front() <= '9');
    if (!number || !plain || part.size() > 3) return std::nullopt;
    address = address << 8 | static_cast<std::uint32_t>(*number);
  }
  return address;
}

std::optional<Ipv4Network> parse_ipv4_network(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ipv4(text.substr(0, slash));
  const auto bits = parse_int(text.substr(slash + 1), 8, 29);
  if (!address || !bits) return std::nullopt;
  const Ipv4Network network{.address = *address, .bits = static_cast<int>(*bits)};
  if ((network.address & (network.size() - 1)) != 0) return std::nullopt;
  return network;
}

std::string to_ipv4(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                     address & 255);
}

}  // namespace pinaco
