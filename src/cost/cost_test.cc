// What is charged, to the last digit: unit rules, months, changes in between, the first copy into a
// region, and what is kept when a version goes.
#include "cost/cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cost/amount.h"
#include "cost/cost_testing.h"

namespace pinaco::cost {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<TestRegion> three = {
    {.name = "westeurope"}, {.name = "northeurope"}, {.name = "eastus"}};

TEST(Cost, TwoImagesInThreeRegionsAreSixDisks) {
  CostGround ground;
  ground.put("g/debian/1.0.0", three);
  ground.put("g/fedora/1.0.0", three);
  ground.go_to("2026-12-01T00:00:00Z");
  const auto november = ground.total("2026-11");
  EXPECT_EQ(november.disks, 6);
  EXPECT_DOUBLE_EQ(november.charged, 6 * 30);
  EXPECT_EQ(november.storage_cost, 6 * 30 * 50'000'000LL);  // 9.00
  // Each leaves its region for two others.
  EXPECT_DOUBLE_EQ(november.egress, 4 * 2);
  EXPECT_EQ(november.egress_cost, 4 * 2 * 20'000'000LL);  // 0.16
}

// What happens in November, and what it comes to.
struct Event {
  std::string time;
  std::vector<TestRegion> regions;  // none: the version goes
};

struct Case {
  std::string name;
  std::vector<Event> events;
  Unit unit;
  std::int64_t disks;
  double charged;  // GiB-months of November
  Nanos storage;
  Nanos egress = 0;
};

// The price of as many GiB on Standard_LRS.
constexpr Nanos lrs(std::int64_t gib_months) {
  return gib_months * 50'000'000;
}

const Case cases[] = {
    {"a_whole_month",
     {{"2026-11-01", {{.name = "westeurope"}}}},
     Unit::provisioned,
     1,
     30,
     lrs(30)},
    {"by_what_is_stored", {{"2026-11-01", {{.name = "westeurope"}}}}, Unit::stored, 1, 2, lrs(2)},
    {"half_a_month", {{"2026-11-16", {{.name = "westeurope"}}}}, Unit::provisioned, 1, 15, lrs(15)},
    {"a_day",
     {{"2026-11-10T12:00:00Z", {{.name = "westeurope"}}}, {"2026-11-11T12:00:00Z", {}}},
     Unit::provisioned,
     1,
     1,
     lrs(1)},
    {"replicas_count",
     {{"2026-11-01", {{.name = "westeurope", .replicas = 3}}}},
     Unit::provisioned,
     3,
     90,
     lrs(90)},
    {"more_replicas_in_mid_month",
     {{"2026-11-01", {{.name = "westeurope"}}},
      {"2026-11-16", {{.name = "westeurope", .replicas = 3}}}},
     Unit::provisioned,
     3,
     60,
     lrs(60)},
    {"more_replicas_once_they_are_there",
     {{"2026-11-01", {{.name = "westeurope", .made = 1}}},
      {"2026-11-06", {{.name = "westeurope", .replicas = 3, .made = 1}}},
      {"2026-11-16", {{.name = "westeurope", .replicas = 3, .made = 3}}}},
     Unit::provisioned,
     3,
     60,
     lrs(60)},
    {"fewer_replicas_at_once",
     {{"2026-11-01", {{.name = "westeurope", .replicas = 3, .made = 3}}},
      {"2026-11-16", {{.name = "westeurope", .replicas = 1, .made = 3}}}},
     Unit::provisioned,
     3,
     60,
     lrs(60)},
    {"a_region_is_added",
     {{"2026-11-01", {{.name = "westeurope"}}},
      {"2026-11-16", {{.name = "westeurope"}, {.name = "eastus"}}}},
     Unit::provisioned,
     2,
     45,
     lrs(45),
     2 * 20'000'000},
    {"a_region_goes",
     {{"2026-11-01", {{.name = "westeurope"}, {.name = "eastus"}}},
      {"2026-11-16", {{.name = "westeurope"}}}},
     Unit::provisioned,
     2,
     45,
     lrs(45),
     2 * 20'000'000},
    {"a_region_that_is_not_complete_costs_nothing",
     {{"2026-11-01", {{.name = "westeurope"}, {.name = "eastus", .state = "Replicating"}}}},
     Unit::provisioned,
     1,
     30,
     lrs(30)},
    {"another_storage_type",
     {{"2026-11-01", {{.name = "westeurope"}}},
      {"2026-11-16", {{.name = "westeurope", .type = "Premium_LRS"}}}},
     Unit::provisioned,
     2,
     30,
     lrs(15) + 15 * 130'000'000LL},
    {"further_copies_in_a_region_cross_nothing",
     {{"2026-11-01", {{.name = "westeurope"}, {.name = "eastus"}}},
      {"2026-11-16", {{.name = "westeurope"}, {.name = "eastus", .replicas = 2}}}},
     Unit::provisioned,
     3,
     75,
     lrs(75),
     2 * 20'000'000},
    {"a_region_that_comes_back_is_copied_again",
     {{"2026-11-01", {{.name = "westeurope"}, {.name = "eastus"}}},
      {"2026-11-11", {{.name = "westeurope"}}},
      {"2026-11-21", {{.name = "westeurope"}, {.name = "eastus"}}}},
     Unit::provisioned,
     2,
     50,
     lrs(50),
     2 * 2 * 20'000'000},
    {"what_is_written_again_stays_the_same",
     {{"2026-11-01", {{.name = "westeurope"}, {.name = "eastus"}}},
      {"2026-11-07", {{.name = "westeurope"}, {.name = "eastus"}}}},
     Unit::provisioned,
     2,
     60,
     lrs(60),
     2 * 20'000'000},
    {"from_before_the_month",
     {{"2026-10-20", {{.name = "westeurope"}}}, {"2026-11-11", {}}},
     Unit::provisioned,
     1,
     10,
     lrs(10)},
    {"gone_before_the_month",
     {{"2026-10-20", {{.name = "westeurope"}}}, {"2026-10-31", {}}},
     Unit::provisioned,
     0,
     0,
     0},
    {"gone_as_it_came",
     {{"2026-11-10", {{.name = "westeurope"}}}, {"2026-11-10", {}}},
     Unit::provisioned,
     0,
     0,
     0},
};

class Costs : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Rules, Costs, testing::ValuesIn(cases),
                         [](const auto& chosen) { return chosen.param.name; });

TEST_P(Costs, AreWhatTheRulesSay) {
  const auto& rule = GetParam();
  CostGround ground("2026-10-01T00:00:00Z");
  ground.prices.unit = rule.unit;
  for (const auto& event : rule.events) {
    ground.go_to(event.time);
    if (event.regions.empty()) {
      ground.erase("g/d/1.0.0");
    } else {
      ground.put("g/d/1.0.0", event.regions);
    }
  }
  ground.go_to("2026-12-15T00:00:00Z");
  const auto november = ground.total("2026-11");
  EXPECT_EQ(november.disks, rule.disks);
  EXPECT_NEAR(november.charged, rule.charged, 1e-9);
  EXPECT_EQ(november.storage_cost, rule.storage);
  EXPECT_EQ(november.egress_cost, rule.egress);

  // The days of the month say the same, and so does each grouping.
  Line days;
  for (const auto& charge : ground.charges(at("2026-11-01"), at("2026-12-01"), Grain::day)) {
    days.add(charge);
  }
  EXPECT_EQ(days.storage_cost, rule.storage);
  EXPECT_EQ(days.egress_cost, rule.egress);
  for (const By by : {By::definition, By::version, By::region, By::type, By::month}) {
    Nanos costs = 0;
    for (const auto& line : ground.costs("2026-11", by).lines) costs += line.cost();
    EXPECT_EQ(costs, rule.storage + rule.egress) << to_string(by);
  }
}

TEST(Cost, OfAMonthUnderWayIsWhatWasUsedSoFar) {
  CostGround ground;
  ground.put("g/d/1.0.0", {{.name = "westeurope"}});
  ground.go_to("2026-11-04T00:00:00Z");
  EXPECT_EQ(ground.total("2026-11").storage_cost, lrs(3));
  EXPECT_EQ(ground.total("2026-12").storage_cost, 0);
}

TEST(Cost, OfDaysAddsUpWhateverThePrice) {
  CostGround ground;
  ground.prices.storage["Standard_LRS"] = 33'333'337;
  for (int i = 0; i < 40; i++) {
    ground.clock.advance(std::chrono::microseconds(53'123'456'789));
    ground.put("g/d/1.0.0", {{.name = "westeurope", .replicas = 1 + i % 7}});
  }
  ground.go_to("2026-12-15T00:00:00Z");
  for (const auto* month : {"2026-11", "2026-12"}) {
    const auto from = *parse_month(month);
    Line days;
    for (const auto& charge : ground.charges(from, month_after(from, 1), Grain::day)) {
      days.add(charge);
    }
    EXPECT_GT(days.storage_cost, 0);
    EXPECT_EQ(days.storage_cost, ground.total(month).storage_cost);
  }
}

TEST(Cost, OfPartOfAMonthIsThoseDays) {
  CostGround ground;
  ground.put("g/d/1.0.0", {{.name = "westeurope"}, {.name = "eastus"}});
  ground.go_to("2026-11-20T06:00:00Z");
  const auto some = ground.charges(at("2026-11-19"), at("2026-11-25"), Grain::day);
  std::vector<std::string> keys;
  for (const auto& charge : some) keys.push_back(charge.key());
  EXPECT_THAT(keys, ElementsAre("eastus/storage/Standard_LRS/2026-11-19",
                                "eastus/storage/Standard_LRS/2026-11-20",
                                "westeurope/storage/Standard_LRS/2026-11-19",
                                "westeurope/storage/Standard_LRS/2026-11-20"));
  EXPECT_EQ(some[0].cost, lrs(1));
  EXPECT_EQ(some[1].cost, lrs(1) / 4);
}

TEST(Cost, CountsEachDiskOfAVersionInWholeGiB) {
  CostGround ground;
  ground.put(CostGround::version_of("g/d/1.0.0", {{.name = "westeurope", .replicas = 2}},
                                    {{.size_bytes = 30 * one_gib + 512}, {.size_bytes = 1 << 20}}));
  ground.go_to("2026-12-01T00:00:00Z");
  const auto november = ground.total("2026-11");
  EXPECT_EQ(november.disks, 4);
  EXPECT_EQ(november.storage_cost, lrs(2 * (31 + 1)));
  // The newer service's example: an empty data disk is nothing.
  ground.prices.unit = Unit::stored;
  ground.put(CostGround::version_of("g/d/2.0.0", {{.name = "eastus", .replicas = 2}},
                                    {{.size_bytes = 127 * one_gib, .data_bytes = 10 * one_gib},
                                     {.size_bytes = 32 * one_gib, .data_bytes = 0}}));
  ground.go_to("2027-01-01T00:00:00Z");
  EXPECT_EQ(ground.costs("2026-12", By::version, "g/d/2.0.0").total.storage_cost, lrs(2 * 10));
}

TEST(Cost, AShallowVersionCostsNothing) {
  CostGround ground;
  auto row = CostGround::version_of("g/d/1.0.0", {{.name = "westeurope"}});
  set_path(row.properties, "publishingProfile.replicationMode", "Shallow");
  ground.put(row);
  ground.go_to("2026-12-01T00:00:00Z");
  EXPECT_EQ(ground.total("2026-11").cost(), 0);
  EXPECT_THAT(ground.rows(), IsEmpty());
}

TEST(Cost, PricesDifferByRegion) {
  CostGround ground;
  ground.prices.regions["westeurope"] = {.storage = {{"Standard_LRS", 70'000'000}},
                                         .egress = 90'000'000};
  ground.put("g/d/1.0.0", {{.name = "westeurope"}, {.name = "eastus", .type = "Standard_ZRS"}});
  ground.go_to("2026-12-01T00:00:00Z");
  const auto report = ground.costs("2026-11", By::region);
  ASSERT_EQ(report.lines.size(), 2U);
  EXPECT_EQ(report.lines[0].name, "eastus");
  EXPECT_EQ(report.lines[0].cost(), 30 * 60'000'000LL);
  // The region that the bytes leave is charged for them.
  EXPECT_EQ(report.lines[1].storage_cost, 30 * 70'000'000LL);
  EXPECT_EQ(report.lines[1].egress_cost, 2 * 90'000'000LL);
  EXPECT_EQ(ground.costs("2026-11", By::type).lines.size(), 3U);
}

TEST(Cost, SaysWhatWasReallyStoredAndMoved) {
  CostGround ground;
  const std::int64_t mib = 1 << 20;
  const TestDisk disk{.stored_bytes = 512 * mib};
  ground.put(CostGround::version_of(
      "g/d/1.0.0",
      {{.name = "westeurope", .replicas = 2, .stored_bytes = 256 * mib},
       {.name = "eastus", .stored_bytes = 128 * mib, .moved_bytes = 64 * mib}},
      {disk}));
  // Of the same disk, whose blocks are there; another region's name in front of it changes nothing.
  ground.put(CostGround::version_of("g/d/2.0.0", {{.name = "westeurope"}}, {disk}));
  ground.go_to("2026-12-01T00:00:00Z");
  const auto november = ground.total("2026-11");
  EXPECT_DOUBLE_EQ(november.charged, 4 * 30);
  EXPECT_DOUBLE_EQ(november.stored, 0.5 + 0.25 + 0.125);
  EXPECT_DOUBLE_EQ(november.egress, 2);
  EXPECT_DOUBLE_EQ(november.moved, 0.0625);
}

TEST(Cost, OfWhatIsGoneStaysInItsMonth) {
  CostGround ground;
  ground.put("old/d/1.0.0", {{.name = "westeurope"}});
  ground.put("new/d/1.0.0", {{.name = "westeurope"}});
  ground.go_to("2026-11-16T00:00:00Z");
  ground.erase("old/d/1.0.0");
  ground.go_to("2026-12-16T00:00:00Z");
  const auto november = ground.costs("2026-11");
  ASSERT_EQ(november.lines.size(), 2U);
  EXPECT_EQ(november.lines[1].name, "old");
  EXPECT_EQ(november.lines[1].cost(), lrs(15));
  EXPECT_EQ(ground.costs("2026-12").lines.size(), 1U);
  EXPECT_EQ(ground.costs("2026-11", By::definition, "old/d").total.cost(), lrs(15));
  EXPECT_EQ(ground.costs("2026-11", By::definition, "old/x").total.cost(), 0);
  // A new one of the same name is charged beside it.
  ground.put("old/d/1.0.0", {{.name = "westeurope"}});
  EXPECT_EQ(ground.costs("2026-11", By::version, "old/d/1.0.0").total.cost(), lrs(15));
}

TEST(Cost, ScopesAreNotPrefixesOfNames) {
  CostGround ground;
  ground.put("g/d/1.0.0", {{.name = "westeurope"}});
  ground.put("g/dd/1.0.0", {{.name = "westeurope"}});
  ground.put("gg/d/1.0.0", {{.name = "westeurope"}});
  ground.go_to("2026-12-01T00:00:00Z");
  EXPECT_EQ(ground.costs("2026-11", By::version, "g/d").total.disks, 1);
  EXPECT_EQ(ground.costs("2026-11", By::version, "g").total.disks, 2);
  EXPECT_EQ(ground.costs("2026-11", By::version).total.disks, 3);
}

struct Priced {
  Wide amount;
  Wide unit;
  Nanos price;
  Nanos cost;
};

TEST(Amount, IsRoundedOnceAndTheHalfUp) {
  const Wide huge = static_cast<Wide>(1) << 120;
  for (const auto& each :
       {Priced{0, 10, 7, 0}, Priced{1, 2, 1, 1}, Priced{1, 3, 1, 0}, Priced{2, 3, 1, 1},
        Priced{49, 100, 1, 0}, Priced{50, 100, 1, 1}, Priced{10, 3, 100, 333},
        Priced{huge, huge, 123, 123}, Priced{huge, 1, 1, INT64_MAX}, Priced{huge, 1, 0, 0}}) {
    EXPECT_EQ(price_of(each.amount, each.unit, each.price), each.cost) << each.price;
  }
  EXPECT_EQ(sum(INT64_MAX - 1, 2), INT64_MAX);
  EXPECT_EQ(sum(1, 2), 3);
}

TEST(Amount, MonthsAreThoseOfTheCalendar) {
  EXPECT_EQ(month_of(at("2028-02-29T23:59:59Z")), at("2028-02-01"));
  EXPECT_EQ(month_after(at("2026-11-30T12:00:00Z"), 2), at("2027-01-01"));
  EXPECT_EQ(month_after(at("2026-01-15"), -13), at("2024-12-01"));
  EXPECT_EQ(month_name(at("2026-11-30")), "2026-11");
  EXPECT_EQ(parse_month("2026-11"), at("2026-11-01"));
  for (const auto* bad : {"", "2026", "2026-13", "2026-00", "2026-1", "2026/11", "2026-11-01"}) {
    EXPECT_FALSE(parse_month(bad)) << bad;
  }
  const std::pair<const char*, unsigned> lengths[] = {
      {"2026-02", 28}, {"2028-02", 29}, {"2026-11", 30}};
  for (const auto& [month, days] : lengths) {
    EXPECT_TRUE(month_unit(*parse_month(month)) ==
                static_cast<Wide>(days) * 86'400'000'000ULL * gib);
  }
}

}  // namespace
}  // namespace pinaco::cost
