#include "guest/ethernet.h"

#include <algorithm>

namespace pinaco::guest {
namespace {

constexpr std::uint16_t type_ip = 0x0800;
constexpr std::uint16_t type_arp = 0x0806;
constexpr std::uint8_t protocol_icmp = 1;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::size_t ip_bytes = 20;
constexpr std::size_t source_at = 12;  // in the IP header
constexpr std::size_t destination_at = 16;

// An IPv4 packet without options inside a frame, its lengths checked.
struct Packet {
  MutableBytes ip;       // header and payload, without the frame's padding
  MutableBytes payload;  // TCP, UDP, ICMP …; of a later fragment: the middle of it
  std::uint8_t protocol = 0;
  bool fragment = false;  // a part of a packet, the first one included
  std::uint32_t source = 0;
  std::uint32_t destination = 0;

  // Whole TCP or UDP with its header.
  bool has_ports() const {
    return !fragment && ((protocol == protocol_tcp && payload.size() >= 20) ||
                         (protocol == protocol_udp && payload.size() >= 8));
  }
  int destination_port() const { return load_be<std::uint16_t>(payload, 2); }
};

std::optional<Packet> parse_packet(MutableBytes frame) {
  if (frame.size() < ethernet_bytes + ip_bytes) return std::nullopt;
  if (load_be<std::uint16_t>(frame, 12) != type_ip) return std::nullopt;
  const auto ip = frame.subspan(ethernet_bytes);
  if (ip[0] != 0x45) return std::nullopt;  // version 4 without options, as Azure takes it
  const std::size_t length = load_be<std::uint16_t>(ip, 2);
  if (length < ip_bytes || length > ip.size()) return std::nullopt;
  return Packet{.ip = ip.first(length),
                .payload = ip.first(length).subspan(ip_bytes),
                .protocol = ip[9],
                .fragment = (load_be<std::uint16_t>(ip, 6) & 0x3fff) != 0,
                .source = load_be<std::uint32_t>(ip, source_at),
                .destination = load_be<std::uint32_t>(ip, destination_at)};
}

// A checksum after 32 bits of what it covers have changed (RFC 1624, equation 3).
void fix_checksum(MutableBytes bytes, std::size_t at, std::uint32_t before, std::uint32_t after) {
  std::uint32_t sum = static_cast<std::uint16_t>(~load_be<std::uint16_t>(bytes, at));
  sum += static_cast<std::uint16_t>(~(before >> 16));
  sum += static_cast<std::uint16_t>(~before);
  sum += (after >> 16) + (after & 0xffff);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  store_be(bytes, at, static_cast<std::uint16_t>(~sum));
}

void set_address(const Packet& packet, std::size_t at, std::uint32_t before, std::uint32_t after) {
  store_be(packet.ip, at, after);
  fix_checksum(packet.ip, 10, before, after);
  if (!packet.has_ports()) return;
  if (packet.protocol == protocol_tcp) {
    fix_checksum(packet.payload, 16, before, after);
  } else if (load_be<std::uint16_t>(packet.payload, 6) != 0) {  // 0: has no checksum
    fix_checksum(packet.payload, 6, before, after);
    if (load_be<std::uint16_t>(packet.payload, 6) == 0) {
      store_be(packet.payload, 6, std::uint16_t{0xffff});
    }
  }
}

// Where a packet to one of the cloud's addresses goes; nullopt when nothing is there.
std::optional<std::uint32_t> service_of(const Packet& packet, const Layout& layout) {
  if (!packet.has_ports()) return std::nullopt;
  const int port = packet.destination_port();
  const bool tcp = packet.protocol == protocol_tcp;
  if (packet.destination == metadata_address) {
    return tcp && port == 80 ? std::optional(layout.metadata()) : std::nullopt;
  }
  if (port == 53) return layout.names();
  return tcp && (port == 80 || port == host_plugin_port) ? std::optional(layout.wire())
                                                         : std::nullopt;
}

// To the gateway: a ping, and what answers a connection that came through a forward.
bool may_reach_gateway(const Packet& packet) {
  if (packet.protocol == protocol_icmp) return true;
  if (packet.protocol != protocol_tcp || !packet.has_ports()) return false;
  constexpr std::uint8_t syn = 0x02;
  constexpr std::uint8_t ack = 0x10;
  return (packet.payload[13] & (syn | ack)) != syn;
}

bool is_foreign(std::uint32_t address) {
  const auto top = address >> 24;
  return top != 0 && top != 127 && top < 224 && address >> 16 != 0xa9fe;
}

bool admit_arp(ByteView frame, const Layout& layout) {
  // RFC 826: Ethernet, IPv4, lengths 6 and 4; then operation, sender, target.
  constexpr std::uint8_t kind[6] = {0, 1, 8, 0, 6, 4};
  if (frame.size() < ethernet_bytes + 28) return false;
  const auto arp = frame.subspan(ethernet_bytes);
  const auto sender = load_be<std::uint32_t>(arp, 14);
  return std::equal(std::begin(kind), std::end(kind), arp.begin()) &&
         std::equal(layout.mac.begin(), layout.mac.end(), arp.begin() + 8) &&
         (sender == layout.guest || sender == 0) &&
         layout.subnet.contains(load_be<std::uint32_t>(arp, 24));
}

}  // namespace

Result<Layout> layout_of(const Facts& facts) {
  return Layout {
    .subnet = TRY(parse_subnet(facts.subnet))
    , .guest = TRY(parse_address(facts.address))
    , .mac = TRY(parse_mac(facts.mac))
  };
}

Mac gateway_mac(const Layout& layout) {
  Mac mac = {0x52, 0x55, 0, 0, 0, 0};
  store_be(mac, 2, layout.gateway());
  return mac;
}

std::uint16_t internet_checksum(ByteView bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += load_be<std::uint16_t>(bytes, i);
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(bytes.back()) << 8;
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

Verdict admit(MutableBytes frame, const Layout& layout) {
  if (frame.size() < ethernet_bytes || frame.size() > frame_bytes_max) return Verdict::drop;
  if (!std::equal(layout.mac.begin(), layout.mac.end(), frame.begin() + 6)) return Verdict::drop;
  if (load_be<std::uint16_t>(frame, 12) == type_arp) {
    return admit_arp(frame, layout) ? Verdict::pass : Verdict::drop;
  }
  const auto packet = parse_packet(frame);
  if (!packet) return Verdict::drop;
  if (packet->protocol == protocol_udp && packet->has_ports() && packet->destination_port() == 67) {
    return Verdict::dhcp;
  }
  if (packet->source != layout.guest) return Verdict::drop;
  if (packet->destination == wire_address || packet->destination == metadata_address) {
    const auto service = service_of(*packet, layout);
    if (!service) return Verdict::drop;
    set_address(*packet, destination_at, packet->destination, *service);
    return Verdict::pass;
  }
  if (layout.subnet.contains(packet->destination)) {
    const bool gateway = packet->destination == layout.gateway();
    return gateway && may_reach_gateway(*packet) ? Verdict::pass : Verdict::drop;
  }
  return is_foreign(packet->destination) ? Verdict::pass : Verdict::drop;
}

void translate_to_guest(MutableBytes frame, const Layout& layout) {
  const auto packet = parse_packet(frame);
  if (!packet) return;
  const auto source = packet->source;
  if (source == layout.metadata()) set_address(*packet, source_at, source, metadata_address);
  if (source == layout.wire() || source == layout.names()) {
    set_address(*packet, source_at, source, wire_address);
  }
}

}  // namespace pinaco::guest
