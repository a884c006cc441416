#include "http/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace pinaco::http {
namespace {

bool is_public(const char* text) {
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, text, bytes) == 1) return is_public_address({bytes, 4});
  EXPECT_EQ(inet_pton(AF_INET6, text, bytes), 1) << text;
  return is_public_address({bytes, 16});
}

TEST(Address, OfTheInternetIsPublic) {
  for (const char* good :
       {"1.1.1.1", "100.63.255.255", "172.15.0.1", "172.32.0.1", "192.167.1.1", "223.255.255.255",
        "2606:4700::1111", "2001:4860:4860::8888", "64:ff9b::101:101"}) {
    EXPECT_TRUE(is_public(good)) << good;
  }
}

TEST(Address, OfOnesOwnNetworkIsNot) {
  for (const char* bad : {"0.0.0.0",
                          "10.1.2.3",
                          "100.64.0.1",
                          "127.0.0.1",
                          "127.255.0.1",
                          "169.254.169.254",
                          "172.16.0.1",
                          "172.31.255.255",
                          "192.168.0.1",
                          "198.18.0.1",
                          "224.0.0.1",
                          "255.255.255.255",
                          "::",
                          "::1",
                          "::ffff:10.0.0.1",
                          "::ffff:1.1.1.1",
                          "fe80::1",
                          "fc00::1",
                          "fd12::1",
                          "ff02::1",
                          "2001::1",
                          "2002:a00:1::1",
                          "2001:db8::1",
                          "64:ff9b::a00:1",
                          "fec0::1"}) {
    EXPECT_FALSE(is_public(bad)) << bad;
  }
  EXPECT_FALSE(is_public_address({}));
}

}  // namespace
}  // namespace pinaco::http
