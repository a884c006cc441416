#include "base/duration.h"

#include <gtest/gtest.h>

namespace pinaco {
namespace {

TEST(Duration, UnitsAddUp) {
  EXPECT_EQ(parse_duration("PT0S"), Seconds(0));
  EXPECT_EQ(parse_duration("PT30S"), Seconds(30));
  EXPECT_EQ(parse_duration("PT1H5M"), Seconds(3900));
  EXPECT_EQ(parse_duration("P1DT1S"), Seconds(86401));
  EXPECT_EQ(parse_duration("P366D"), Seconds(366 * 86400));
}

TEST(Duration, WhatHasNoLengthIsNoDuration) {
  for (const char* bad :
       {"", "P", "PT", "30S", "P30S", "PT1D", "PT5S1H", "PT1H1H", "P1Y", "P2M", "PT-5S", "PT1.5S",
        "PT5", "P367D", "P1TT1S", "PT99999999999999999999S", "pt5s", "PT5S "}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

}  // namespace
}  // namespace pinaco
