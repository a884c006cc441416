// The ledger: written with the versions or not at all, however a transaction ends; through soft
// delete, a program that is older, a clock that is wrong, and time.
#include "cost/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "cost/cost_testing.h"

namespace pinaco::cost {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Nanos gib_price = 50'000'000;
const std::vector<TestRegion> two = {{.name = "westeurope"}, {.name = "eastus"}};

TEST(Ledger, OfATransactionThatFailsIsNotWritten) {
  CostGround ground;
  const auto row = CostGround::version_of("g/d/1.0.0", two);
  EXPECT_FALSE(ground.change([&](model::Change& change) -> Result<> {
    TRY(change.put(row));
    return fail(Kind::conflict, "no");
  }));
  EXPECT_THAT(ground.rows(), IsEmpty());
}

TEST(Ledger, CountsWhatIsThereAtTheEndOfATransaction) {
  CostGround ground;
  const auto row = CostGround::version_of("g/d/1.0.0", two);
  ASSERT_TRUE(ground.change([&](model::Change& change) -> Result<> {
    TRY(change.put(row));
    return change.erase(row.id);
  }));
  EXPECT_THAT(ground.rows(), IsEmpty());
}

TEST(Ledger, WritesTwoRowsForAVersionThatGoesFromAnyNumberOfRegions) {
  CostGround ground;
  std::vector<TestRegion> many;
  for (int i = 0; i < 60; i++) many.push_back({.name = fmt::format("region{}", i)});
  ground.put("g/d/1.0.0", many);
  EXPECT_THAT(ground.rows(), SizeIs(2));  // now, and the egress
  ground.clock.advance(std::chrono::hours(1));
  ground.erase("g/d/1.0.0");
  EXPECT_THAT(ground.rows(), SizeIs(2));
}

TEST(Ledger, OfAVersionBeginsWhenItIsMadeHoweverOftenItsCreationFails) {
  CostGround ground;
  const auto put = [&](bool created, const std::string& first, const std::string& second) {
    auto row = CostGround::version_of("g/d/1.0.0", {{.name = "westeurope", .state = first},
                                                    {.name = "eastus", .state = first},
                                                    {.name = "northeurope", .state = second}});
    set_path(row.internal, "created", created);
    ground.put(row);
  };
  for (const auto* day : {"2026-11-02", "2026-11-03"}) {
    ground.go_to(day);
    put(false, "Replicating", "Replicating");
    put(false, "Completed", "Failed");
  }
  EXPECT_THAT(ground.rows(), IsEmpty());
  ground.go_to("2026-11-15");
  put(false, "Completed", "Completed");
  ground.go_to("2026-11-16");
  put(true, "Completed", "Completed");  // in the transaction that ends its operation
  ground.go_to("2026-12-01");
  const auto november = ground.total("2026-11");
  EXPECT_EQ(november.storage_cost, 3 * 15 * gib_price);
  EXPECT_EQ(november.egress_cost, 2 * 2 * 20'000'000);
}

// As soft delete does it: the row goes and a fact keeps it, and the other way round.
constexpr const char* recycled = "recycled/";

TEST(Ledger, GoesOnThroughSoftDelete) {
  CostGround ground;
  const auto row = CostGround::version_of("g/d/1.0.0", two);
  const auto fact = recycled + row.id.key();
  ground.put(row);
  ground.go_to("2026-11-07T00:00:00Z");
  ASSERT_TRUE(ground.change([&](model::Change& change) -> Result<> {
    TRY(change.put_fact(fact, JsonObject{{"row", model::to_json(row)}}));
    return change.erase(row.id);
  }));
  ground.go_to("2026-11-16T00:00:00Z");
  ASSERT_TRUE(ground.change([&](model::Change& change) -> Result<> {
    TRY(change.erase_fact(fact));
    return change.put(row);
  }));
  ground.go_to("2026-12-01T00:00:00Z");
  const auto november = ground.total("2026-11");
  EXPECT_EQ(november.storage_cost, 2 * 30 * gib_price);
  EXPECT_EQ(november.egress_cost, 2 * 20'000'000);  // it never left
  EXPECT_THAT(ground.rows(), SizeIs(2));

  // For good: by the fact that goes.
  ASSERT_TRUE(ground.change([&](model::Change& change) -> Result<> {
    TRY(change.put_fact(fact, JsonObject{{"row", model::to_json(row)}}));
    return change.erase(row.id);
  }));
  ground.go_to("2026-12-16T12:00:00Z");
  ASSERT_TRUE(ground.change([&](model::Change& change) { return change.erase_fact(fact); }));
  ground.go_to("2027-01-01T00:00:00Z");
  EXPECT_EQ(ground.total("2026-12").storage_cost, 2 * 15 * gib_price);
}

TEST(Ledger, OfVersionsOfAnOlderProgramBeginsNowAndWithoutEgress) {
  CostGround ground("2026-11-01T00:00:00Z", false);
  for (int i = 0; i < 450; i++) ground.put(fmt::format("g/d/1.{}.0", i), two);
  const auto old = CostGround::version_of("g/d/2.0.0", two);
  ASSERT_TRUE(ground.change([&](model::Change& change) {
    return change.put_fact(recycled + old.id.key(), JsonObject{{"row", model::to_json(old)}});
  }));
  EXPECT_THAT(ground.rows(), IsEmpty());
  ground.go_to("2026-11-16T00:00:00Z");
  follow(ground.model);
  ASSERT_TRUE(catch_up(ground.model));
  EXPECT_THAT(ground.rows(), SizeIs(451));
  ground.go_to("2026-11-20T00:00:00Z");
  ASSERT_TRUE(catch_up(ground.model));  // the next start
  ground.go_to("2026-12-01T00:00:00Z");
  const auto november = ground.total("2026-11");
  EXPECT_EQ(november.storage_cost, 451 * 2 * 15 * gib_price);
  EXPECT_EQ(november.egress_cost, 0);
}

TEST(Ledger, ChargesNothingForAClockThatWasPutBack) {
  CostGround ground("2026-11-10T00:00:00Z");
  ground.put("g/d/1.0.0", {{.name = "westeurope"}});
  ground.go_to("2026-11-05T00:00:00Z");
  EXPECT_EQ(ground.total("2026-11").cost(), 0);
  ground.erase("g/d/1.0.0");
  ground.go_to("2026-12-01T00:00:00Z");
  EXPECT_EQ(ground.total("2026-11").cost(), 0);
  EXPECT_THAT(ground.rows(), IsEmpty());
}

TEST(Ledger, OfAClockThatWasAheadBeginsWithTheNextChange) {
  CostGround ground("2027-11-10T00:00:00Z");
  ground.put("g/d/1.0.0", two);
  ground.go_to("2026-11-10T00:00:00Z");
  EXPECT_EQ(ground.total("2026-11").storage_cost, 0);
  ground.go_to("2026-11-16T00:00:00Z");
  ground.put("g/d/1.0.0", two);  // nothing is new about it
  ground.go_to("2026-11-20T00:00:00Z");
  ground.put("g/d/1.0.0", two);
  ground.go_to("2026-12-01T00:00:00Z");
  EXPECT_EQ(ground.total("2026-11").storage_cost, 2 * 15 * gib_price);
  EXPECT_EQ(ground.total("2026-11").egress_cost, 0);  // it stays where that clock put it
}

TEST(Ledger, IsNotForgottenForAClockThatIsFarAhead) {
  CostGround ground("2026-11-02T00:00:00Z");
  const std::atomic<bool> ending = false;
  ground.put("g/gone/1.0.0", two);
  ground.go_to("2026-11-20T00:00:00Z");
  ground.erase("g/gone/1.0.0");
  const auto sweep_at = [&](std::string_view time) {
    ground.go_to(time);
    ASSERT_TRUE(forget_old(ground.model, ending));
  };
  sweep_at("2026-11-20T01:00:00Z");
  sweep_at("2031-11-21T01:00:00Z");
  sweep_at("2031-11-21T02:00:00Z");
  sweep_at("2026-11-22T01:00:00Z");  // it is right again
  sweep_at("2026-11-23T01:00:00Z");
  EXPECT_THAT(ground.rows(), SizeIs(2));
  // A server that was off for long forgets a day later.
  sweep_at("2028-11-23T01:00:00Z");
  EXPECT_THAT(ground.rows(), SizeIs(2));
  sweep_at("2028-11-24T01:00:00Z");
  EXPECT_THAT(ground.rows(), IsEmpty());
}

TEST(Ledger, KeepsWhatEndedInTheLastThirteenMonths) {
  CostGround ground("2026-11-02T00:00:00Z");
  const std::atomic<bool> ending = false;
  ground.put("g/gone/1.0.0", two);
  ground.put("g/here/1.0.0", two);
  ground.go_to("2026-11-20T00:00:00Z");
  ground.erase("g/gone/1.0.0");
  ground.go_to("2027-12-31T00:00:00Z");
  ASSERT_TRUE(forget_old(ground.model, ending));
  EXPECT_THAT(ground.rows(), SizeIs(4));
  // A month later; but it looks once a day.
  ground.go_to("2027-12-31T23:00:00Z");
  ASSERT_TRUE(forget_old(ground.model, ending));
  ground.go_to("2028-01-01T00:30:00Z");
  ASSERT_TRUE(forget_old(ground.model, ending));
  EXPECT_THAT(ground.rows(), ElementsAre(EndsWith("/g/images/here/versions/1.0.0/now")));
  // What is still there is charged as before.
  EXPECT_EQ(ground.total("2027-12").storage_cost, 2 * 30 * gib_price);
}

TEST(Ledger, IsReadAgainByTheNextProgram) {
  std::string folder = testing::TempDir() + "pinaco-ledger-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  CostGround ground;
  for (int start = 0; start < 2; start++) {
    auto kv = kv::open_sqlite(folder + "/kv");
    ASSERT_TRUE(kv) << kv.error().message;
    model::Model model(**kv, ground.clock, *ground.random);
    follow(model);
    ASSERT_TRUE(catch_up(model));
    ASSERT_TRUE(model.change(some_subscription, [&](model::Change& change) {
      return change.put(CostGround::version_of("g/d/1.0.0", two));
    }));
    ground.go_to("2026-12-01T00:00:00Z");
    ASSERT_TRUE(model.read(some_subscription, [&](const model::View& view) -> Result<> {
      const auto told = TRY(report(view, ground.prices, ground.key(), at("2026-11-01"),
                                   at("2026-12-01"), By::region, ground.clock.now()));
      EXPECT_EQ(told.total.storage_cost, 2 * 30 * gib_price);
      EXPECT_EQ(told.total.egress_cost, 2 * 20'000'000);
      return {};
    }));
  }
  std::filesystem::remove_all(folder);
}

TEST(Ledger, GoesOnWhereAPageEnded) {
  CostGround ground;
  for (int i = 0; i < 1100; i++) ground.put(fmt::format("g/d/1.{}.0", i), two);
  ground.go_to("2026-11-02T00:00:00Z");
  std::vector<std::string> seen;
  std::string after;
  for (bool more = true; more;) {
    more = false;
    std::size_t page = 0;
    ASSERT_TRUE(ground.model.read(some_subscription, [&](const model::View& view) {
      return each_ledger(view, ground.key(), after, [&](const VersionLedger& ledger) {
        if (ledger.key == after) return true;
        if (page++ == 300) {
          more = true;
          return false;
        }
        EXPECT_THAT(ledger.stays, SizeIs(2));
        EXPECT_THAT(ledger.transfers, SizeIs(1));
        seen.push_back(ledger.key);
        return true;
      });
    }));
    after = seen.back();
  }
  EXPECT_THAT(seen, SizeIs(1100));
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST(Ledger, RowsHaveNamesThatSayWhatTheyAre) {
  const auto name = parse_row_name("cost/of/subscriptions/s/versions/1.0.0/past/0000000000000005");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->version, "/subscriptions/s/versions/1.0.0");
  EXPECT_EQ(name->kind, "past");
  EXPECT_EQ(name->time, WallTime(std::chrono::microseconds(5)));
  EXPECT_TRUE(parse_row_name("cost/of/a/now"));
  for (const auto* bad : {"cost/of", "cost/of/a/then", "cost/of/a/past/x", "cost/begun",
                          "cost/of/a/other/5", "x/of/a/now"}) {
    EXPECT_FALSE(parse_row_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace pinaco::cost
