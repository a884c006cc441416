#include "guest/ethernet.h"

#include "guest/guest_testing.h"

namespace pinaco::guest {
namespace {

constexpr std::uint8_t syn = 2;
constexpr std::uint8_t ack = 16;

std::uint32_t destination_of(ByteView frame) {
  return load_be<std::uint32_t>(frame, 14 + 16);
}

TEST(Ethernet, LeadsTheMagicAddressesToTheServices) {
  struct Way {
    Bytes frame;
    std::uint32_t where;
  };
  std::vector<Way> ways;
  ways.push_back({tcp_frame(metadata_address, 4000, 80, syn), 0x0a000000});
  ways.push_back({tcp_frame(wire_address, 4000, 80, syn), 0x0a000002});
  ways.push_back({tcp_frame(wire_address, 4000, 32526, syn), 0x0a000002});
  ways.push_back({tcp_frame(wire_address, 4000, 53, syn), 0x0a000003});
  ways.push_back({udp_frame(wire_address, 4000, 53, as_bytes("query")), 0x0a000003});
  for (auto& [frame, where] : ways) {
    ASSERT_EQ(admit(frame, test_layout()), Verdict::pass);
    EXPECT_EQ(destination_of(frame), where);
    EXPECT_EQ(internet_checksum(ByteView(frame).subspan(14, 20)), 0);
    EXPECT_EQ(transport_checksum(frame), 0);
  }
}

TEST(Ethernet, ShowsTheServicesAtTheMagicAddresses) {
  for (const auto& [from, to] :
       {std::pair(0x0a000000u, metadata_address), std::pair(0x0a000002u, wire_address),
        std::pair(0x0a000003u, wire_address), std::pair(0x0a000001u, 0x0a000001u)}) {
    auto frame = udp_frame(0x0a000004, 53, 4000, as_bytes("answer"), from);
    translate_to_guest(frame, test_layout());
    EXPECT_EQ(load_be<std::uint32_t>(frame, 14 + 12), to);
    EXPECT_EQ(transport_checksum(frame), 0);
  }
}

TEST(Ethernet, LetsNoGuestReachThisHostOrItsNeighbours) {
  for (const auto destination :
       {0x7f000001u, 0x7f2a0007u, 0x00000000u, 0x00000001u, 0xffffffffu, 0xe0000001u, 0xa9fe0001u,
        0x0a000005u, 0x0a000002u, 0x0a000003u, 0x0a000000u, 0x0a0000ffu, 0x0a000001u}) {
    auto frame = tcp_frame(destination, 4000, 80, syn);
    EXPECT_EQ(admit(frame, test_layout()), Verdict::drop) << to_address(destination);
    auto datagram = udp_frame(destination, 4000, 53, as_bytes("x"));
    EXPECT_EQ(admit(datagram, test_layout()), Verdict::drop) << to_address(destination);
  }
  for (const auto& [address, port] : {std::pair(metadata_address, 22), std::pair(wire_address, 22),
                                      std::pair(metadata_address, 32526)}) {
    auto frame = tcp_frame(address, 4000, port, syn);
    EXPECT_EQ(admit(frame, test_layout()), Verdict::drop);
  }
}

TEST(Ethernet, LetsItOutAndAnswerForwards) {
  auto out = tcp_frame(0x08080808, 4000, 443, syn);
  EXPECT_EQ(admit(out, test_layout()), Verdict::pass);
  EXPECT_EQ(destination_of(out), 0x08080808u);
  auto answer = tcp_frame(0x0a000001, 22, 4000, syn | ack);
  EXPECT_EQ(admit(answer, test_layout()), Verdict::pass);
}

TEST(Ethernet, LetsNobodySpeakForAnother) {
  auto address = udp_frame(0x08080808, 4000, 53, as_bytes("x"), 0x0a000005);
  EXPECT_EQ(admit(address, test_layout()), Verdict::drop);
  auto card = tcp_frame(0x08080808, 4000, 443, syn);
  card[11] = 9;
  EXPECT_EQ(admit(card, test_layout()), Verdict::drop);
  auto six = tcp_frame(0x08080808, 4000, 443, syn);
  store_be(six, 12, std::uint16_t{0x86dd});
  EXPECT_EQ(admit(six, test_layout()), Verdict::drop);
}

TEST(Ethernet, DropsFragmentsForTheServicesAndLengthsThatDoNotHold) {
  auto fragment = tcp_frame(metadata_address, 4000, 80, syn);
  fragment[14 + 6] = 0x20;
  EXPECT_EQ(admit(fragment, test_layout()), Verdict::drop);
  auto options = tcp_frame(0x08080808, 4000, 443, syn);
  options[14] = 0x46;
  EXPECT_EQ(admit(options, test_layout()), Verdict::drop);
  const auto whole = tcp_frame(metadata_address, 4000, 80, syn);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto part = whole;
    part.resize(size);
    EXPECT_EQ(admit(part, test_layout()), Verdict::drop) << size;
  }
  Bytes large(frame_bytes_max + 1);
  EXPECT_EQ(admit(large, test_layout()), Verdict::drop);
}

TEST(Ethernet, KnowsDhcp) {
  auto frame = dhcp_frame(1);
  EXPECT_EQ(admit(frame, test_layout()), Verdict::dhcp);
}

}  // namespace
}  // namespace pinaco::guest
