#include "guest/dhcp.h"

#include <algorithm>

namespace pinaco::guest {
namespace {

constexpr std::size_t headers_bytes = ethernet_bytes + 20 + 8;
constexpr std::size_t fixed_bytes = 240;  // of BOOTP, with the cookie that opens the options
constexpr std::size_t reply_bytes_min = 300;
constexpr std::uint32_t cookie = 0x63825363;
constexpr std::uint32_t lease_seconds = 86'400;
constexpr std::uint16_t mtu = 1500;

enum Type : std::uint8_t { discover = 1, offer, request, decline, ack, nak, release, inform };

struct Question {
  Type type = discover;
  std::uint32_t id = 0;
  std::uint16_t flags = 0;
  std::uint32_t client = 0;  // the address it has already
  std::uint32_t wanted = 0;  // option 50
  std::uint32_t server = 0;  // option 54; 0: any
};

// The caller knows that it is UDP to port 67 with whole headers.
std::optional<Question> parse_question(ByteView frame, const Mac& mac) {
  if (frame.size() < headers_bytes + fixed_bytes) return std::nullopt;
  const std::size_t udp_bytes = load_be<std::uint16_t>(frame, ethernet_bytes + 20 + 4);
  if (udp_bytes < 8 + fixed_bytes || udp_bytes > frame.size() - (headers_bytes - 8)) {
    return std::nullopt;
  }
  const auto bootp = frame.subspan(headers_bytes, udp_bytes - 8);
  if (bootp[0] != 1 || bootp[1] != 1 || bootp[2] != 6) return std::nullopt;
  if (!std::equal(mac.begin(), mac.end(), bootp.begin() + 28)) return std::nullopt;
  if (load_be<std::uint32_t>(bootp, 236) != cookie) return std::nullopt;
  Question question = {.id = load_be<std::uint32_t>(bootp, 4),
                       .flags = load_be<std::uint16_t>(bootp, 10),
                       .client = load_be<std::uint32_t>(bootp, 12)};
  bool typed = false;
  auto rest = bootp.subspan(fixed_bytes);
  while (!rest.empty() && rest[0] != 255) {
    if (rest[0] == 0) {
      rest = rest.subspan(1);
      continue;
    }
    if (rest.size() < 2 || rest.size() < 2 + std::size_t{rest[1]}) return std::nullopt;
    const auto value = rest.subspan(2, rest[1]);
    if (rest[0] == 53 && value.size() == 1) {
      question.type = static_cast<Type>(value[0]);
      typed = true;
    }
    if (rest[0] == 50 && value.size() == 4) question.wanted = load_be<std::uint32_t>(value);
    if (rest[0] == 54 && value.size() == 4) question.server = load_be<std::uint32_t>(value);
    rest = rest.subspan(2 + value.size());
  }
  return typed ? std::optional(question) : std::nullopt;
}

void append_option(Bytes& into, std::uint8_t code, ByteView value) {
  into.push_back(code);
  into.push_back(static_cast<std::uint8_t>(value.size()));
  append(into, value);
}
void append_number(Bytes& into, std::uint8_t code, std::uint32_t value) {
  std::uint8_t bytes[4];
  store_be(bytes, 0, value);
  append_option(into, code, bytes);
}

void append_route(Bytes& into, std::optional<std::uint32_t> host, std::uint32_t gateway) {
  std::uint8_t bytes[4];
  into.push_back(host ? 32 : 0);
  if (host) {
    store_be(bytes, 0, *host);
    append(into, bytes);
  }
  store_be(bytes, 0, gateway);
  append(into, bytes);
}

Bytes make_options(Type type, bool lease, const Layout& layout) {
  Bytes options;
  append_option(options, 53, Bytes{type});
  append_number(options, 54, wire_address);
  if (type != nak) {
    if (lease) append_number(options, 51, lease_seconds);
    append_number(options, 1, layout.subnet.mask());
    append_number(options, 3, layout.gateway());
    append_number(options, 6, wire_address);
    append_option(options, 26, Bytes{mtu >> 8, mtu & 0xff});
    append_number(options, 245, wire_address);
    Bytes routes;  // with these, option 3 is not looked at
    append_route(routes, std::nullopt, layout.gateway());
    append_route(routes, wire_address, layout.gateway());
    append_route(routes, metadata_address, layout.gateway());
    append_option(options, 121, routes);
  }
  options.push_back(255);
  return options;
}

// Ethernet, IPv4 and UDP around it, from the server to the card.
Bytes wrap(Bytes bootp, std::uint32_t destination, const Layout& layout) {
  Bytes frame(headers_bytes);
  append(frame, bootp);
  const MutableBytes all = frame;
  std::copy(layout.mac.begin(), layout.mac.end(), frame.begin());
  const auto from = gateway_mac(layout);
  std::copy(from.begin(), from.end(), frame.begin() + 6);
  store_be(all, 12, std::uint16_t{0x0800});
  const auto ip = all.subspan(ethernet_bytes);
  ip[0] = 0x45;
  store_be(ip, 2, static_cast<std::uint16_t>(ip.size()));
  ip[8] = 64;  // hops
  ip[9] = 17;
  store_be(ip, 12, wire_address);
  store_be(ip, 16, destination);
  store_be(ip, 10, internet_checksum(ip.first(20)));
  const auto udp = ip.subspan(20);
  store_be(udp, 0, std::uint16_t{67});
  store_be(udp, 2, std::uint16_t{68});
  store_be(udp, 4, static_cast<std::uint16_t>(udp.size()));  // no checksum, as IPv4 allows
  return frame;
}

}  // namespace

std::optional<Bytes> answer_dhcp(ByteView frame, const Layout& layout) {
  const auto question = parse_question(frame, layout.mac);
  if (!question) return std::nullopt;
  Type type = ack;
  if (question->type == discover) {
    type = offer;
  } else if (question->type == request) {
    if (question->server != 0 && question->server != wire_address) return std::nullopt;
    const auto wanted = question->wanted != 0 ? question->wanted : question->client;
    if (wanted != layout.guest) type = nak;
  } else if (question->type != inform) {
    return std::nullopt;
  }
  const bool lease = question->type != inform && type != nak;
  Bytes bootp(fixed_bytes);
  const MutableBytes all = bootp;
  bootp[0] = 2;
  bootp[1] = 1;
  bootp[2] = 6;
  store_be(all, 4, question->id);
  store_be(all, 10, question->flags);
  store_be(all, 12, type == nak ? 0 : question->client);
  store_be(all, 16, lease ? layout.guest : 0);
  store_be(all, 20, type == nak ? 0 : wire_address);
  std::copy(layout.mac.begin(), layout.mac.end(), bootp.begin() + 28);
  store_be(all, 236, cookie);
  append(bootp, make_options(type, lease, layout));
  bootp.resize(std::max(bootp.size(), reply_bytes_min));
  // To whom has an address, there; to others it must be a broadcast, though only this card gets it.
  const bool known = type != nak && question->client == layout.guest;
  return wrap(std::move(bootp), known ? layout.guest : 0xffffffff, layout);
}

}  // namespace pinaco::guest
