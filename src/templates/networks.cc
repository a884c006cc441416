// Functions of networks in CIDR notation, of IPv4 and IPv6 alike.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"

namespace pinaco::templates {
namespace {

__extension__ typedef unsigned __int128 Number;  // g++ and clang++ have it

struct Network {
  Number address = 0;  // without host bits
  int bits = 0;
  int width = 32;  // or 128

  Number ones() const { return width == 128 ? ~Number{0} : (Number{1} << 32) - 1; }
  Number hosts() const {  // the host bits, all set
    return bits == width ? 0 : ones() >> bits;
  }
};

std::string to_text(Number address, int width) {
  std::array<std::uint8_t, 16> bytes = {};
  const int count = width / 8;
  for (int i = count; i-- > 0; address >>= 8) {
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(address);
  }
  std::array<char, INET6_ADDRSTRLEN> text = {};
  inet_ntop(width == 32 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

std::optional<Network> parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash > INET6_ADDRSTRLEN) return std::nullopt;
  const std::string address(text.substr(0, slash));
  std::array<std::uint8_t, 16> bytes = {};
  Network network;
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) != 1) {
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return std::nullopt;
    network.width = 128;
  }
  const auto bits = parse_int(text.substr(slash + 1), 0, network.width);
  if (!bits || address.size() != slash || address.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  network.bits = static_cast<int>(*bits);
  for (int i = 0; i < network.width / 8; i++) {
    network.address = network.address << 8 | bytes[static_cast<std::size_t>(i)];
  }
  network.address &= ~network.hosts();
  return network;
}

Result<Network> network_of(const Call& call) {
  const auto network = parse(call.text(0));
  if (network) return *network;
  return refuse(
      fmt::format("The template language function '{}' expects its first parameter to be a network "
                  "in CIDR notation. The provided value is '{}'. Please see "
                  "https://aka.ms/arm-resource-functions/#{} for usage details.",
                  call.name(), shown(call.text(0)), call.name()));
}

Result<Json> parse_cidr(Call& call) {
  const Network network = TRY(network_of(call));
  const Number last = network.address | network.hosts();
  const bool four = network.width == 32;
  // Of IPv4 the first and last address name the network and everybody in it.
  const Number edge = four && network.bits < 31 ? 1 : 0;
  JsonObject parsed;
  parsed["network"] = to_text(network.address, network.width);
  parsed["netmask"] = to_text(network.ones() & ~network.hosts(), network.width);
  if (four) parsed["broadcast"] = to_text(last, network.width);
  parsed["firstUsable"] = to_text(network.address + edge, network.width);
  parsed["lastUsable"] = to_text(last - edge, network.width);
  parsed["cidr"] = network.bits;
  return Result<Json>(Json(std::move(parsed)));
}

Result<Json> cidr_subnet(Call& call) {
  Network network = TRY(network_of(call));
  const std::int64_t bits = call.integer(1), index = call.integer(2);
  const bool fits = bits >= network.bits && bits <= network.width;
  const int more = fits ? static_cast<int>(bits) - network.bits : 0;
  if (!fits || index < 0 || (more < 63 && index >= std::int64_t{1} << more)) {
    return unable(call, fmt::format("the network '{}' has no subnet of /{} at index '{}'",
                                    call.text(0), bits, index));
  }
  if (bits > 0) {
    network.address |= bits == 128 && network.width == 128
                           ? static_cast<Number>(index)
                           : static_cast<Number>(index) << (network.width - static_cast<int>(bits));
  }
  return Result<Json>(Json(fmt::format("{}/{}", to_text(network.address, network.width), bits)));
}

// The index-th address that a host may have.
Result<Json> cidr_host(Call& call) {
  const Network network = TRY(network_of(call));
  const std::int64_t index = call.integer(1);
  const bool edges = network.width == 32 && network.bits < 31;
  const Number first = edges || network.width == 128 ? 1 : 0;
  const Number last = network.hosts() - (edges ? 1 : 0);
  if (index < 0 || static_cast<Number>(index) > last || first > last ||
      static_cast<Number>(index) > last - first) {
    return unable(call,
                  fmt::format("the network '{}' has no host at index '{}'", call.text(0), index));
  }
  const Number address = network.address + first + static_cast<Number>(index);
  return Result<Json>(Json(to_text(address, network.width)));
}

constexpr std::array functions = {
    Function{.name = "parseCidr", .parameters = "s", .pure = parse_cidr},
    Function{.name = "cidrSubnet", .parameters = "sii", .pure = cidr_subnet},
    Function{.name = "cidrHost", .parameters = "si", .pure = cidr_host},
};

}  // namespace

std::span<const Function> network_functions() {
  return functions;
}

}  // namespace pinaco::templates
