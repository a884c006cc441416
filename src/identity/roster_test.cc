// Who is in which groups, and how much work it is to find out.
#include "identity/roster.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pinaco::identity {
namespace {

// Layers of ten groups, each of them in all ten of the next layer: 10^(layers - 1) ways lead up
// from one at the bottom.
Roster net(int layers) {
  constexpr int width = 10;
  Roster roster;
  const auto id = [](int layer, int place) { return fmt::format("g-{:02}-{}", layer, place); };
  for (int layer = 0; layer < layers; layer++) {
    for (int place = 0; place < width; place++) {
      Principal group{.object_id = id(layer, place), .type = PrincipalType::group};
      for (int below = 0; layer > 0 && below < width; below++) {
        group.members.push_back(id(layer - 1, below));
      }
      roster.add(std::move(group));
    }
  }
  roster.finish();
  return roster;
}

TEST(Roster, GroupsOfADeepNetAreEachVisitedOnce) {
  // Grows layer by layer and stops at the first that costs too much, so that a search which follows
  // every way fails here instead of running for ever.
  for (int layers = 1; layers <= 30; layers++) {
    const auto roster = net(layers);
    const auto groups = static_cast<std::size_t>(layers) * 10;
    ASSERT_EQ(roster.memberships("g-00-0").size(), 1 + groups - 10) << layers << " layers";
    // Of each principal every membership once at most: at the most groups × (links + groups).
    ASSERT_LE(roster.visits(), groups * (groups * 10 + groups)) << layers << " layers";
  }
}

TEST(Roster, AGroupInItselfIsInItOnce) {
  Roster roster;
  roster.add(Principal{.object_id = "a", .type = PrincipalType::group, .members = {"a", "b"}});
  roster.add(Principal{.object_id = "b", .type = PrincipalType::group, .members = {"a"}});
  roster.finish();
  EXPECT_EQ(roster.memberships("a"), (std::vector<std::string>{"a", "b"}));
  EXPECT_LE(roster.visits(), 6U);
}

}  // namespace
}  // namespace pinaco::identity
