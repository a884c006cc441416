// Who may what: the sharing matrix, inheritance, groups, tenants, and what revoking does.
#include "access/access.h"

#include "access/access_testing.h"

namespace pinaco::access {
namespace {

constexpr const char* read_gallery = "Microsoft.Compute/galleries/read";

// The seed's matrix: what is shared on a scope can be seen there and below, and nowhere else.
TEST_F(AccessTest, TheSharingMatrixHoldsCellByCell) {
  const std::string group = s_ + "/resourceGroups/rg";
  struct Row {
    std::string_view role;
    std::string scope;
    std::string_view wanted;
  };
  const Row rows[] = {{reader_role, "/", "gdv"},
                      {reader_role, s_, "gdv"},
                      {reader_role, group, "gdv"},
                      {reader_role, gallery_, "gdv"},
                      {reader_role, definition_, "-dv"},
                      {reader_role, version_, "--v"},
                      {contributor_role, gallery_, "gdv"},
                      {image_reader_role, gallery_, "-dv"},
                      {image_reader_role, definition_, "-dv"},
                      {image_reader_role, version_, "--v"},
                      {sharing_role, gallery_, "---"},
                      {owner_role, definition_, "-dv"},
                      {reader_role, s_ + "/resourceGroups/rg2", "---"},
                      {reader_role, gallery_ + "2", "---"},
                      {reader_role, definition_ + "2", "---"},
                      {reader_role, gallery_ + "/images/d2", "---"}};
  for (const auto& row : rows) {
    const auto person = make();
    const auto members_group = make(identity::PrincipalType::group, {make().object_id});
    EXPECT_EQ(cell(person), "---");
    const auto given = give(person, row.role, row.scope);
    EXPECT_EQ(cell(person), row.wanted) << row.role << " on " << row.scope;
    EXPECT_EQ(cell(members_group), "---");
    take(given);
    EXPECT_EQ(cell(person), "---");
  }
}

TEST_F(AccessTest, AScopeIsTheSameInAnySpellingOfItsLetters) {
  const auto person = make();
  give(person, reader_role, to_upper(gallery_));
  EXPECT_EQ(cell(person), "gdv");
  EXPECT_TRUE(may(person, "microsoft.compute/GALLERIES/READ", to_upper(gallery_)));
}

TEST_F(AccessTest, RolesReachThroughFiveLevelsOfGroups) {
  const auto person = make();
  auto group = make(identity::PrincipalType::group, {person.object_id});
  for (int level = 1; level < 5; level++) {
    group = make(identity::PrincipalType::group, {group.object_id});
  }
  const auto given = give(group, reader_role, gallery_);
  EXPECT_EQ(cell(person), "gdv");
  take(given);
  EXPECT_EQ(cell(person), "---");
}

TEST_F(AccessTest, GroupsThatAnOutsideIssuerNamesCountToo) {
  auto person = make();
  const auto group = make(identity::PrincipalType::group);
  give(group, reader_role, definition_);
  EXPECT_EQ(cell(person), "---");
  person.groups = {group.object_id};
  EXPECT_EQ(cell(person), "-dv");
  EXPECT_TRUE(*access_.sees_subscription(person, home_.subscription));
}

TEST_F(AccessTest, ACircleOfGroupsIsNoTrap) {
  const auto person = make();
  const auto first = make(identity::PrincipalType::group, {person.object_id});
  const auto second = make(identity::PrincipalType::group, {first.object_id});
  ASSERT_TRUE(directory_->edit([&](identity::Edit& edit) -> Result<> {
    auto record = TRY(edit.find_principal(first.object_id));
    record->members.push_back(second.object_id);
    return edit.put(*record);
  }));
  give(second, reader_role, gallery_);
  EXPECT_EQ(cell(person), "gdv");
}

TEST_F(AccessTest, LeavingAGroupTakesItsRolesAwayAtOnce) {
  const auto person = make();
  const auto group = make(identity::PrincipalType::group, {person.object_id});
  give(group, reader_role, gallery_);
  ASSERT_EQ(cell(person), "gdv");
  ASSERT_TRUE(directory_->edit([&](identity::Edit& edit) -> Result<> {
    auto record = TRY(edit.find_principal(group.object_id));
    record->members.clear();
    return edit.put(*record);
  }));
  EXPECT_EQ(cell(person), "---");
}

TEST_F(AccessTest, AContributorNeitherAssignsRolesNorShares) {
  const auto person = make();
  give(person, contributor_role, s_);
  EXPECT_TRUE(may(person, "Microsoft.Compute/galleries/write", gallery_));
  EXPECT_TRUE(may(person, "Microsoft.Compute/galleries/delete", gallery_));
  EXPECT_FALSE(may(person, "Microsoft.Authorization/roleAssignments/write", gallery_));
  EXPECT_FALSE(may(person, "microsoft.authorization/roleassignments/WRITE", gallery_));
  EXPECT_FALSE(may(person, "Microsoft.Authorization/locks/delete", gallery_));
  EXPECT_FALSE(may(person, "Microsoft.Compute/galleries/share/action", gallery_));
}

TEST_F(AccessTest, AnotherAssignmentGivesWhatOnesNotActionsLeaveOut) {
  const auto person = make();
  give(person, contributor_role, s_);
  give(person, sharing_role, gallery_);
  EXPECT_TRUE(may(person, "Microsoft.Compute/galleries/share/action", gallery_));
  EXPECT_FALSE(may(person, "Microsoft.Compute/galleries/share/action", gallery_ + "2"));
}

TEST_F(AccessTest, ACustomRoleAllowsItsActionsOnly) {
  const auto person = make();
  const RoleDefinition role{.id = system_random().uuid(),
                            .name = "Version writer",
                            .tenant = home_.tenant,
                            .permissions = {{.actions = {"Microsoft.Compute/galleries/*/write"},
                                             .not_actions = {"*/images/write"}}}};
  ASSERT_TRUE(model_.change("", [&](model::Change& change) { return put_role(change, role); }));
  give(person, role.id, gallery_);
  EXPECT_TRUE(may(person, "Microsoft.Compute/galleries/images/versions/write", version_));
  EXPECT_FALSE(may(person, "Microsoft.Compute/galleries/images/write", definition_));
  EXPECT_FALSE(may(person, "Microsoft.Compute/galleries/write", gallery_));
  EXPECT_FALSE(reads(person, version_));
  ASSERT_TRUE(model_.change("", [&](model::Change& change) { return erase_role(change, role); }));
  EXPECT_FALSE(may(person, "Microsoft.Compute/galleries/images/versions/write", version_));
}

TEST_F(AccessTest, TheOwnerOfATenantMayEverythingThereAndNothingElsewhere) {
  const auto home = administrator(home_), other = administrator(other_);
  const std::string theirs = "/subscriptions/" + other_.subscription;
  for (const std::string& scope : {std::string("/"), s_, to_upper(s_), gallery_, version_}) {
    EXPECT_TRUE(may(home, "Microsoft.Compute/galleries/write", scope)) << scope;
  }
  EXPECT_TRUE(may(other, read_gallery, theirs));
  EXPECT_FALSE(may(home, read_gallery, theirs));
  EXPECT_FALSE(may(other, read_gallery, s_));
  // Not even when a rule of the subscription names him.
  give(other, owner_role, s_);
  EXPECT_FALSE(may(other, read_gallery, s_));
}

TEST_F(AccessTest, ARoleAtATenantsRootIsNotOneAtAnothersRoot) {
  const auto person = make();
  give(person, owner_role, "/");
  EXPECT_TRUE(may(person, read_gallery, "/"));
  auto elsewhere = person;
  elsewhere.tenant = other_.tenant;
  EXPECT_FALSE(may(elsewhere, read_gallery, "/"));
  EXPECT_FALSE(may(elsewhere, read_gallery, "/subscriptions/" + other_.subscription));
}

TEST_F(AccessTest, NobodyMayAnythingOnAScopeThatIsNotOurs) {
  const auto caller = administrator(home_);
  for (const std::string& scope :
       {std::string(), std::string("subscriptions"), std::string("/subscriptions/"),
        "/subscriptions/" + system_random().uuid(), s_ + "x", s_ + "/", s_ + "/../x", s_ + "/./x",
        s_ + "//resourceGroups/rg", s_ + "/%2e%2e", s_ + "/a\\b", s_ + std::string("/\0", 2)}) {
    EXPECT_FALSE(may(caller, read_gallery, scope)) << scope;
  }
  EXPECT_FALSE(may(caller, "", s_));
  EXPECT_FALSE(may(identity::Caller(), read_gallery, s_));
}

TEST_F(AccessTest, ARefusalSaysWhoWhatAndWhereInArmsWords) {
  const auto person = make();
  const auto refused = access_.may(person, read_gallery, gallery_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "The client '" + person.client_id + "' with object id '" + person.object_id +
                "' does not have authorization to perform action "
                "'Microsoft.Compute/galleries/read' over scope '" +
                gallery_ +
                "' or the scope is invalid. If access was recently granted, please refresh your "
                "credentials.");
}

TEST_F(AccessTest, ARequestThatReadsSeesOneViewAndTheNextOneTheChange) {
  const auto person = make();
  const auto given = give(person, reader_role, gallery_);
  {
    const OneView view(access_);
    take(given);
    EXPECT_EQ(cell(person), "gdv");
  }
  EXPECT_EQ(cell(person), "---");
}

TEST_F(AccessTest, WhatWasAllowedOnAResourceGoesWithIt) {
  const auto person = make();
  const auto id = *arm::ResourceId::parse(gallery_);
  give(person, reader_role, gallery_);
  give(person, reader_role, version_);
  ASSERT_TRUE(
      model_.change(id.subscription, [&](model::Change& change) { return change.erase(id); }));
  // A gallery of the same name is another gallery.
  EXPECT_EQ(cell(person), "---");
}

TEST_F(AccessTest, ASubscriptionIsSeenByWhoeverHasAnyRoleInIt) {
  const auto person = make();
  EXPECT_FALSE(*access_.sees_subscription(person, home_.subscription));
  const auto given = give(person, image_reader_role, version_);
  EXPECT_TRUE(*access_.sees_subscription(person, home_.subscription));
  EXPECT_FALSE(*access_.sees_subscription(person, other_.subscription));
  take(given);
  EXPECT_FALSE(*access_.sees_subscription(person, home_.subscription));
  give(person, reader_role, "/");
  EXPECT_TRUE(*access_.sees_subscription(person, home_.subscription));
}

TEST_F(AccessTest, LocksStopDeletesAndWritesBelowThem) {
  const auto blocked = [&](const std::string& scope, bool deletes) {
    const auto checked = access_.check_locks(scope, deletes);
    EXPECT_TRUE(checked || checked.error().code == "ScopeLocked");
    return !checked.has_value();
  };
  EXPECT_FALSE(blocked(version_, true));
  lock(definition_, LockLevel::cannot_delete);
  EXPECT_TRUE(blocked(definition_, true));
  EXPECT_TRUE(blocked(version_, true));
  EXPECT_FALSE(blocked(version_, false));
  EXPECT_TRUE(blocked(gallery_, true)) << "deleting it would take the locked one with it";
  EXPECT_FALSE(blocked(gallery_, false));
  lock(gallery_, LockLevel::read_only);
  EXPECT_TRUE(blocked(version_, false));
  EXPECT_TRUE(blocked(gallery_, false));
  EXPECT_FALSE(blocked(gallery_ + "2", true));
  EXPECT_FALSE(blocked(s_ + "/resourceGroups/rg", false));
}

TEST(MatchesAction, AStarIsAnyTextAndLettersHaveNoCase) {
  EXPECT_TRUE(matches_action("*", "a/b/read"));
  EXPECT_TRUE(matches_action("*/read", "Microsoft.Compute/galleries/images/READ"));
  EXPECT_FALSE(matches_action("*/read", "Microsoft.Compute/galleries/readers"));
  EXPECT_TRUE(matches_action("a/*/c*", "A/x/y/C"));
  EXPECT_FALSE(matches_action("a/*/c", "a/c"));
  EXPECT_FALSE(matches_action("", "a"));
  EXPECT_TRUE(matches_action("a*a*a*b", "aaaaaaaaaaaab"));
  EXPECT_FALSE(matches_action("a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

}  // namespace
}  // namespace pinaco::access
