// The rules for replicas, as a table.
#include "app/advice.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinaco::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Case {
  const char* name;
  RollOut described;
  RollOut seen;
  std::int64_t image_gb;
  std::int64_t replicas;
};
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

class Advises : public testing::TestWithParam<Case> {};

TEST_P(Advises, AsTheRulesSay) {
  const auto& one = GetParam();
  const auto advice =
      advise({.region = "r", .now = 1, .most = 10, .image_gb = one.image_gb, .places = 10},
             one.described, one.seen);
  EXPECT_EQ(advice.replicas, one.replicas) << fmt::format("{}", fmt::join(advice.why, "\n"));
  EXPECT_FALSE(advice.why.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Advises,
    testing::Values(
        Case{"nothing", {}, {}, 30, 1}, Case{"one", {1, {}}, {}, 30, 1},
        Case{"twenty", {20, {}}, {}, 30, 1}, Case{"twenty_one", {21, {}}, {}, 30, 2},
        Case{"the_seeds_example", {120, {}}, {}, 30, 6}, Case{"limit", {200, {}}, {}, 30, 10},
        Case{"beyond_the_limit", {201, {}}, {}, 30, 10}, Case{"a_set", {0, {600}}, {}, 30, 1},
        Case{"an_empty_set", {0, {0}}, {}, 30, 1}, Case{"a_set_of_601", {0, {601}}, {}, 30, 2},
        Case{"the_largest_set", {0, {1000}}, {}, 30, 2},
        Case{"five_sets", {0, {600, 600, 600, 600, 600}}, {}, 30, 5},
        Case{"machines_and_sets", {100, {600, 600, 600}}, {}, 30, 8},
        Case{"seen", {}, {45, {}}, 30, 3}, Case{"seen_is_more", {20, {}}, {60, {10}}, 30, 4},
        Case{"seen_is_less", {80, {}}, {60, {}}, 30, 4}, Case{"128_gb", {40, {}}, {}, 128, 2},
        Case{"129_gb", {40, {}}, {}, 129, 3}, Case{"256_gb", {100, {}}, {}, 256, 6},
        Case{"512_gb", {100, {}}, {}, 512, 8}, Case{"a_tib_at_most_twice", {40, {}}, {}, 1024, 4},
        Case{"a_tib_of_one", {}, {}, 1024, 2}, Case{"large_and_limit", {140, {}}, {}, 1024, 10}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST(Advice, SaysWhyAndWhatTheLimitMeans) {
  const auto advice =
      advise({.region = "r", .now = 1, .most = 10, .image_gb = 30, .places = 1}, {300, {600}}, {});
  EXPECT_THAT(advice.why,
              ElementsAre("described: 300 machines at once, 20 to a replica: 15 replicas",
                          "described: 1 scale set of up to 600 instances, 600 to a replica: 1 "
                          "replica",
                          HasSubstr("that would be 16, and 10 are the limit of a version in a "
                                    "region: make at most 200 machines at once"),
                          HasSubstr("the region has 1 place: 10 replicas share one copy")));
}

TEST(Advice, TheLimitMayBeAnother) {
  const Replicated one{.region = "r", .now = 1, .most = 3, .image_gb = 30, .places = 10};
  EXPECT_EQ(advise(one, {300, {}}, {}).replicas, 3);
}

VersionUser machine(const char* region, const char* created) {
  return {.name = "machine rg/m", .version = "g/d/1.0.0", .location = region, .created = created};
}

TEST(Advice, SeesWhatWasMadeWithinAMinute) {
  std::vector<VersionUser> users{
      machine("a", "2026-11-02T10:00:00Z"), machine("a", "2026-11-02T10:00:59Z"),
      machine("a", "2026-11-02T10:01:00Z"), machine("a", "2026-11-02T10:01:58Z"),
      machine("a", "2026-11-02T10:01:59Z"), machine("a", "2026-11-02T12:00:00Z"),
      machine("b", "2026-11-02T10:00:00Z"), machine("a", "")};
  const auto since = *parse_iso8601("2026-11-01T00:00:00Z");
  EXPECT_EQ(seen_in(users, "a", since), (RollOut{3, {}}));
  EXPECT_EQ(seen_in(users, "b", since), (RollOut{1, {}}));
  EXPECT_EQ(seen_in(users, "c", since), RollOut());
  EXPECT_EQ(seen_in(users, "a", *parse_iso8601("2026-11-02T11:00:00Z")), (RollOut{1, {}}));
  // Machines of a set are the set's.
  for (auto& user : users) user.in_set = true;
  users.push_back({.name = "scale set rg/web",
                   .version = "g/d/1.0.0",
                   .scales = true,
                   .location = "a",
                   .created = "2020-01-01T00:00:00Z",
                   .instances = 700});
  EXPECT_EQ(seen_in(users, "a", since), (RollOut{0, {700}}));
}

}  // namespace
}  // namespace pinaco::app
