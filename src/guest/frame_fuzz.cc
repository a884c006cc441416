// Any bytes as a guest's frame: it is dropped, answered, or leaves with lengths that hold and no
// way to this host.
#include "guest/dhcp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaco;
  using namespace pinaco::guest;
  const Layout layout = {.subnet = {.first = 0x0a000000, .prefix = 24},
                         .guest = 0x0a000004,
                         .mac = {0x00, 0x0d, 0x3a, 0x01, 0x02, 0x03}};
  Bytes frame(data, data + size);
  // The address is easy to know and hard to guess; half of the inputs have it right.
  if (frame.size() >= 12 && (size & 1) == 0) {
    std::copy(layout.mac.begin(), layout.mac.end(), frame.begin() + 6);
  }
  const auto verdict = admit(frame, layout);
  CHECK(frame.size() == size);
  if (verdict == Verdict::pass && load_be<std::uint16_t>(frame, 12) == 0x0800) {
    const auto destination = load_be<std::uint32_t>(frame, 14 + 16);
    CHECK(destination >> 24 != 127 && destination >> 24 != 0);
    CHECK(destination != metadata_address && destination != wire_address);
  }
  if (const auto answer = answer_dhcp(frame, layout)) {
    CHECK(answer->size() >= 14 + 20 + 8 + 300 && answer->size() <= frame_bytes_max);
    CHECK(internet_checksum(ByteView(*answer).subspan(14, 20)) == 0);
  }
  translate_to_guest(frame, layout);
  return 0;
}
