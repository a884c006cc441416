#include "access/rules.h"

#include <gtest/gtest.h>

namespace pinaco::access {
namespace {

TEST(Rules, AStarStandsForAnyTextAndLettersCompareWithoutCase) {
  EXPECT_TRUE(matches_action("*", "Microsoft.Compute/galleries/read"));
  EXPECT_TRUE(matches_action("*/read", "Microsoft.Compute/galleries/images/READ"));
  EXPECT_TRUE(matches_action("Microsoft.Authorization/*/Write",
                             "microsoft.authorization/roleAssignments/write"));
  EXPECT_FALSE(matches_action("*/read", "Microsoft.Compute/galleries/readAll"));
  EXPECT_FALSE(matches_action("Microsoft.Compute/galleries", "Microsoft.Compute/galleries/read"));
}

TEST(Rules, AContributorNeitherSharesNorGivesRoles) {
  for (const auto& role : built_in_roles()) {
    if (role.name != "Contributor") continue;
    EXPECT_TRUE(role.allows("Microsoft.Compute/galleries/write"));
    EXPECT_FALSE(role.allows("Microsoft.Compute/galleries/share/action"));
    EXPECT_FALSE(role.allows("Microsoft.Authorization/roleAssignments/write"));
    EXPECT_FALSE(role.allows("Microsoft.Authorization/locks/delete"));
    return;
  }
  FAIL() << "there is no Contributor";
}

TEST(Rules, ScopesAboveSubscriptionsAreTheTenantsOwn) {
  EXPECT_NE(scope_key("a", "/"), scope_key("b", "/"));
  EXPECT_EQ(scope_key("a", "/subscriptions/S/"), scope_key("b", "/subscriptions/s"));
  EXPECT_EQ(shard_of("/subscriptions/S/resourceGroups/g"), "s");
  EXPECT_EQ(shard_of("/providers/Microsoft.Management/managementGroups/m"), "");
}

TEST(Rules, OnlyAManagementGroupsOwnIdIsOne) {
  EXPECT_EQ(management_group_of(management_group_scope("prod")), "prod");
  EXPECT_EQ(management_group_of("/PROVIDERS/microsoft.management/managementgroups/Prod"), "Prod");
  EXPECT_EQ(management_group_of(management_group_scope("prod") + "/subscriptions/s"), "");
  EXPECT_EQ(management_group_of("/subscriptions/s"), "");
}

TEST(Rules, AManagementGroupIsReadAsItWasWritten) {
  const ManagementGroup group{.id = "web", .tenant = "t", .name = "Web", .parent = "prod"};
  const auto read = management_group_from(to_json(group));
  EXPECT_EQ(read.id, group.id);
  EXPECT_EQ(read.tenant, group.tenant);
  EXPECT_EQ(read.name, group.name);
  EXPECT_EQ(read.parent, group.parent);
}

}  // namespace
}  // namespace pinaco::access
