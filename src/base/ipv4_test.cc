#include "base/ipv4.h"

#include <gtest/gtest.h>

namespace pinaco {
namespace {

TEST(Ipv4, AnAddressIsFourPlainNumbers) {
  EXPECT_EQ(parse_ipv4("10.0.0.4"), 0x0a000004u);
  EXPECT_EQ(parse_ipv4("255.255.255.255"), 0xffffffffu);
  for (const char* bad : {"", "10.0.0", "10.0.0.256", "10.0.0.04", "10.0.0.4 ", "10.0.0.-1",
                          "10.0.0.-0", "10.0.0.4.5", "0x0a.0.0.4"}) {
    EXPECT_FALSE(parse_ipv4(bad)) << bad;
  }
  EXPECT_EQ(to_ipv4(0x7f2a0102), "127.42.1.2");
}

TEST(Ipv4, ANetworkHasNoHostBitsAndAUsefulSize) {
  const auto network = parse_ipv4_network("10.1.0.0/16");
  ASSERT_TRUE(network);
  EXPECT_EQ(network->size(), 65536u);
  for (const char* bad : {"10.1.0.0", "10.1.0.1/16", "10.1.0.0/30", "10.0.0.0/7", "10.1.0.0/x"}) {
    EXPECT_FALSE(parse_ipv4_network(bad)) << bad;
  }
}

TEST(Ipv4, ContainingAndOverlappingStopAtTheEdges) {
  const auto whole = *parse_ipv4_network("10.1.0.0/24");
  const auto upper = *parse_ipv4_network("10.1.0.128/25");
  const auto next = *parse_ipv4_network("10.1.1.0/24");
  EXPECT_TRUE(whole.contains(*parse_ipv4("10.1.0.255")));
  EXPECT_FALSE(whole.contains(*parse_ipv4("10.1.1.0")));
  EXPECT_FALSE(whole.contains(*parse_ipv4("10.0.255.255")));
  EXPECT_TRUE(whole.contains(upper));
  EXPECT_FALSE(upper.contains(whole));
  EXPECT_TRUE(upper.overlaps(whole));
  EXPECT_FALSE(whole.overlaps(next));
}

}  // namespace
}  // namespace pinaco
