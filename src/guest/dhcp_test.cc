#include "guest/dhcp.h"

#include "guest/guest_testing.h"

namespace pinaco::guest {
namespace {

constexpr std::size_t bootp_at = 14 + 20 + 8;

std::map<int, Bytes> options_of(ByteView frame) {
  std::map<int, Bytes> options;
  auto rest = frame.subspan(bootp_at + 240);
  while (rest.size() >= 2 && rest[0] != 255) {
    options[rest[0]] = Bytes(rest.begin() + 2, rest.begin() + 2 + rest[1]);
    rest = rest.subspan(2u + rest[1]);
  }
  return options;
}

TEST(Dhcp, OffersAndConfirmsTheOneAddress) {
  const auto offer = answer_dhcp(dhcp_frame(1), test_layout());
  ASSERT_TRUE(offer);
  EXPECT_EQ(load_be<std::uint32_t>(*offer, bootp_at + 4), 0x12345678u);
  EXPECT_EQ(load_be<std::uint32_t>(*offer, bootp_at + 16), 0x0a000004u);
  EXPECT_EQ(internet_checksum(ByteView(*offer).subspan(14, 20)), 0);
  auto options = options_of(*offer);
  EXPECT_EQ(options[53], Bytes{2});
  EXPECT_EQ(options[1], (Bytes{255, 255, 255, 0}));
  EXPECT_EQ(options[3], (Bytes{10, 0, 0, 1}));
  EXPECT_EQ(options[6], (Bytes{168, 63, 129, 16}));
  EXPECT_EQ(options[26], (Bytes{5, 220}));
  EXPECT_EQ(options[51], (Bytes{0, 1, 0x51, 0x80}));
  EXPECT_EQ(options[54], (Bytes{168, 63, 129, 16}));
  EXPECT_EQ(options[245], (Bytes{168, 63, 129, 16}));
  EXPECT_EQ(options[121], (Bytes{0, 10, 0,  0,   1,   32,  168, 63, 129, 16, 10, 0,
                                 0, 1,  32, 169, 254, 169, 254, 10, 0,   0,  1}));
  const auto ack = answer_dhcp(dhcp_frame(3, 0x0a000004), test_layout());
  ASSERT_TRUE(ack);
  EXPECT_EQ(options_of(*ack)[53], Bytes{5});
  EXPECT_EQ(load_be<std::uint32_t>(*ack, 14 + 16), 0xffffffffu);
}

TEST(Dhcp, RenewsToTheAddressItself) {
  const auto ack = answer_dhcp(dhcp_frame(3, 0, 0x0a000004), test_layout());
  ASSERT_TRUE(ack);
  EXPECT_EQ(options_of(*ack)[53], Bytes{5});
  EXPECT_EQ(load_be<std::uint32_t>(*ack, 14 + 16), 0x0a000004u);
}

TEST(Dhcp, RefusesAnotherAddress) {
  const auto nak = answer_dhcp(dhcp_frame(3, 0x0a000005), test_layout());
  ASSERT_TRUE(nak);
  EXPECT_EQ(options_of(*nak)[53], Bytes{6});
  EXPECT_EQ(load_be<std::uint32_t>(*nak, bootp_at + 16), 0u);
}

TEST(Dhcp, AnswersNoOneElseAndNoNonsense) {
  for (const int type : {0, 2, 4, 5, 6, 7, 9, 255}) {
    const auto frame = dhcp_frame(static_cast<std::uint8_t>(type));
    EXPECT_FALSE(answer_dhcp(frame, test_layout())) << type;
  }
  for (const std::size_t at : {0u, 1u, 2u, 28u, 33u, 236u}) {
    auto frame = dhcp_frame(1);
    frame[bootp_at + at] = static_cast<std::uint8_t>(~frame[bootp_at + at]);
    EXPECT_FALSE(answer_dhcp(frame, test_layout())) << at;
  }
}

TEST(Dhcp, IsNotLedBeyondTheEnd) {
  const auto whole = dhcp_frame(3, 0x0a000004);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(answer_dhcp(ByteView(whole).first(size), test_layout())) << size;
  }
  auto longer = whole;
  longer[bootp_at + 240 + 4] = 200;  // option 50 says 200 bytes
  EXPECT_FALSE(answer_dhcp(longer, test_layout()));
}

}  // namespace
}  // namespace pinaco::guest
