// $filter of usage details, and names of billing periods.
#include "provider/consumption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinaco::provider {
namespace {

using testing::HasSubstr;

WallTime at(std::string_view time) {
  return *parse_iso8601(time);
}

const UsageFilter november{.from = at("2026-11-01"), .to = at("2026-12-01")};

struct Case {
  const char* filter;
  const char* from;
  const char* to;
};

class UsageDays : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(
    Filter, UsageDays,
    testing::Values(
        Case{"", "2026-11-01", "2026-12-01"}, Case{"  ", "2026-11-01", "2026-12-01"},
        // As az writes it. The end of a day is its last second.
        Case{"properties/usageEnd ge '2026-11-02T00:00:00Z' and properties/usageEnd le "
             "'2026-11-05T00:00:00Z'",
             "2026-11-02", "2026-11-05"},
        Case{"properties/usageEnd ge '2026-11-02T23:59:59Z' AND properties/usageEnd le "
             "'2026-11-05T23:59:59Z'",
             "2026-11-02", "2026-11-06"},
        Case{"properties/usageEnd gt '2026-11-02T23:59:59Z' and properties/usageEnd lt "
             "'2026-11-05T23:59:59Z'",
             "2026-11-03", "2026-11-05"},
        Case{"properties/usageStart ge '2026-11-02' and properties/usageStart le '2026-11-05'",
             "2026-11-02", "2026-11-06"},
        Case{"properties/usageStart gt '2026-11-02' and properties/usageStart lt '2026-11-05'",
             "2026-11-03", "2026-11-05"},
        Case{"properties/usageStart ge '2026-11-02T08:00:00Z' and usageEnd le 2026-11-05",
             "2026-11-03", "2026-11-05"},
        Case{"properties/date eq '2026-11-02'", "2026-11-02", "2026-11-03"},
        Case{"properties/usageStart ge '2026-10-02' and properties/usageStart ge '2026-10-09' and "
             "properties/date le '2026-10-12'",
             "2026-10-09", "2026-10-13"}));

TEST_P(UsageDays, AreThoseOfTheFilter) {
  const auto filter = parse_usage_filter(GetParam().filter, november);
  ASSERT_TRUE(filter) << filter.error().message;
  EXPECT_EQ(to_iso8601(filter->from), to_iso8601(at(GetParam().from)));
  EXPECT_EQ(to_iso8601(filter->to), to_iso8601(at(GetParam().to)));
}

TEST(UsageFilter, HasNoEndUnlessOneIsSaid) {
  const auto filter = parse_usage_filter("properties/usageStart ge '2026-10-02'", november);
  ASSERT_TRUE(filter);
  EXPECT_GT(filter->to, at("2100-01-01"));
  EXPECT_EQ(filter->from, at("2026-10-02"));
}

TEST(UsageFilter, TakesAGroupAndAResource) {
  const auto filter = parse_usage_filter(
      "properties/resourceGroup eq 'RG' and properties/instanceName eq 'G/d/1.0.0'", november);
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->group, "rg");
  EXPECT_EQ(filter->resource, "g/d/1.0.0");
  EXPECT_EQ(filter->from, november.from);
}

TEST(UsageFilter, RefusesWhatItDoesNotUnderstand) {
  for (const std::string& bad :
       {std::string("usageEnd"), std::string("usageEnd ge"), std::string("usageEnd ge 'soon'"),
        std::string("usageEnd ne '2026-11-01'"), std::string("tags eq 'a:b'"),
        std::string("properties/resourceGroup ge 'a'"), std::string("and"),
        std::string("properties/chargeType eq 'Usage' or 1"), std::string(3000, 'x')}) {
    const auto filter = parse_usage_filter(bad, november);
    ASSERT_FALSE(filter) << bad;
    EXPECT_EQ(filter.error().code, "BadRequest");
    EXPECT_THAT(filter.error().message, HasSubstr("properties/usageStart"));
  }
}

TEST(BillingPeriod, IsACalendarMonth) {
  for (const auto* name : {"202611", "20261101", "202611-1"}) {
    const auto month = parse_billing_period(name);
    ASSERT_TRUE(month) << name;
    EXPECT_EQ(*month, at("2026-11-01"));
  }
  for (const auto* bad : {"", "2026", "202613", "202611-2", "20261130", "november", "2026-11"}) {
    EXPECT_FALSE(parse_billing_period(bad)) << bad;
  }
}

}  // namespace
}  // namespace pinaco::provider
