// What a guest's frames may do, and where the cloud's two addresses really are.
//
// libslirp would connect for the guest to whatever a frame names, this host's loopback included.
// So each frame from a guest is looked at first: from its own card and address; not to the host's
// loopback, to link-local, multicast or reserved addresses, nor to others in its subnet. The two
// magic addresses are mapped onto the reserved addresses of its subnet, and back on the way in:
//
//   guest sees                    libslirp sees, in 10.0.0.0/24
//   10.0.0.1         gateway      10.0.0.1
//   168.63.129.16    port 53      10.0.0.3   the host's name server
//   168.63.129.16    80, 32526    10.0.0.2   the wire server
//   169.254.169.254  80           10.0.0.0   the metadata service
//
// Pure; nothing in a frame is trusted, all lengths are checked. Addresses are in host order.
#pragma once

#include "guest/facts.h"

namespace pinaco::guest {

inline constexpr std::uint32_t wire_address = 0xa83f8110;      // 168.63.129.16
inline constexpr std::uint32_t metadata_address = 0xa9fea9fe;  // 169.254.169.254
inline constexpr int host_plugin_port = 32526;                 // of the wire server
inline constexpr std::size_t frame_bytes_max = 1518;
inline constexpr std::size_t ethernet_bytes = 14;

struct Layout {
  Subnet subnet;
  std::uint32_t guest = 0;
  Mac mac = {};
  bool operator==(const Layout& other) const {
    return subnet.first == other.subnet.first && subnet.prefix == other.subnet.prefix &&
           guest == other.guest && mac == other.mac;
  }
  std::uint32_t metadata() const { return subnet.first; }
  std::uint32_t gateway() const { return subnet.first + 1; }
  std::uint32_t wire() const { return subnet.first + 2; }
  std::uint32_t names() const { return subnet.first + 3; }
};
Result<Layout> layout_of(const Facts& facts);
Mac gateway_mac(const Layout& layout);  // the one libslirp gives it

enum class Verdict { drop, pass, dhcp };

// May rewrite the destination. dhcp: give it to answer_dhcp.
Verdict admit(MutableBytes frame, const Layout& layout);
// A frame that libslirp made: the source becomes what the guest asked.
void translate_to_guest(MutableBytes frame, const Layout& layout);

std::uint16_t internet_checksum(ByteView bytes);

}  // namespace pinaco::guest
