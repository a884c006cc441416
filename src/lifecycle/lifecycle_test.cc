// The plan made so: years pass, steps end anywhere, and what was taken back stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lifecycle/lifecycle_testing.h"

namespace pinaco::lifecycle {
namespace {

using provider::EndOfLife;
using testing::ElementsAre;
using testing::IsEmpty;

const std::atomic<bool> going_on = false;

class LifecycleTest : public testing::Test, protected Ground {
 protected:
  LifecycleTest() { world.life.end_of_life = EndOfLife::erase; }

  arm::ResourceId version(const char* number) const { return definition.child("versions", number); }
  void pass(std::int64_t days) { clock.advance(std::chrono::hours(24) * days); }
  void sweep() { must(lifecycle.run_all(going_on)); }
};

TEST_F(LifecycleTest, DeletesAVersionAfterItsGraceAndSaysSo) {
  for (const char* row : {"g", "d", "1.0.0 end=365", "2.0.0"}) put(row);
  sweep();
  pass(366);
  sweep();
  EXPECT_THAT(names(), ElementsAre("d", "1.0.0", "2.0.0"));
  pass(6);
  sweep();
  EXPECT_THAT(names(), ElementsAre("d", "1.0.0", "2.0.0"));
  EXPECT_THAT(deeds(), IsEmpty());
  pass(1);
  sweep();
  EXPECT_THAT(names(), ElementsAre("d", "2.0.0"));
  EXPECT_THAT(deeds(),
              ElementsAre("Microsoft.Compute/galleries/images/versions/delete 1.0.0 by Pinaco: its "
                          "end of life was 2028-01-15"));
  EXPECT_THAT(plan(),
              ElementsAre("d keep: it has no end of life", "2.0.0 keep: it has no end of life"));
}

TEST_F(LifecycleTest, DeletesADefinitionWithItsVersions) {
  for (const char* row : {"g", "d end=1", "1.0.0", "2.0.0"}) put(row);
  pass(2);
  sweep();
  pass(7);
  sweep();
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(deeds().size(), 3u);
}

TEST_F(LifecycleTest, ADateThatIsMovedTakesTheMarkOff) {
  for (const char* row : {"g", "d", "1.0.0 end=1"}) put(row);
  pass(2);
  sweep();
  must(model.change(subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(definition.child("versions", "1.0.0")));
    set_path(row.properties, "publishingProfile.endOfLifeDate", to_iso8601(in_days(9)));
    return change.put(row);
  }));
  pass(8);
  sweep();
  pass(2);
  sweep();
  // Grace begins anew with the new mark.
  EXPECT_THAT(plan(), ElementsAre("d keep: it has no end of life",
                                  "1.0.0 wait 2027-02-03: its end of life was 2027-01-26"));
}

TEST_F(LifecycleTest, AMachineThatComesInTheGraceKeepsItsVersion) {
  for (const char* row : {"g", "d", "1.0.0 end=1"}) put(row);
  pass(2);
  sweep();
  put("1.0.0 end=-1 marked=6 used");
  pass(9);
  sweep();
  EXPECT_THAT(names(), ElementsAre("d", "1.0.0"));
}

TEST_F(LifecycleTest, UndoKeepsWhatIsMarkedUntilTheTagIsRemoved) {
  for (const char* row : {"g", "d", "1.0.0 end=1", "2.0.0 end=90"}) put(row);
  pass(2);
  sweep();
  const auto undone = lifecycle.undo(gallery, "ann");
  ASSERT_TRUE(undone);
  ASSERT_EQ(undone->kept.size(), 1u);
  EXPECT_EQ(undone->kept.front().name(), "1.0.0");
  EXPECT_THAT(undone->left, IsEmpty());
  pass(30);
  sweep();
  EXPECT_THAT(names(), ElementsAre("d", "1.0.0", "2.0.0"));
  must(model.change(subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(definition.child("versions", "1.0.0")));
    EXPECT_EQ(string_at(row.tags, "pinaco-keep"), "2027-01-17 by ann");
    EXPECT_FALSE(provider::is_marked(row));
    row.tags = JsonObject();
    return change.put(row);
  }));
  sweep();
  pass(7);
  sweep();
  EXPECT_THAT(names(), ElementsAre("d", "2.0.0"));
}

TEST_F(LifecycleTest, UndoOfAVersionKeepsItsDefinition) {
  for (const char* row : {"g", "d end=1", "1.0.0", "2.0.0"}) put(row);
  pass(2);
  sweep();
  ASSERT_TRUE(lifecycle.undo(definition.child("versions", "1.0.0"), "ann"));
  pass(30);
  sweep();
  EXPECT_THAT(names(), ElementsAre("d", "1.0.0", "2.0.0"));
}

TEST_F(LifecycleTest, UndoLeavesWhatAReadOnlyLockKeepsAloneAndSaysSo) {
  for (const char* row : {"g", "d", "1.0.0 end=-1", "2.0.0 end=-1"}) put(row);
  sweep();
  must(model.change(subscription, [&](model::Change& change) {
    return access::put_rule(change, access::Lock{.name = "l",
                                                 .tenant = tenant,
                                                 .scope = version("1.0.0").text(),
                                                 .level = access::LockLevel::read_only});
  }));
  const auto undone = lifecycle.undo(gallery, "ann");
  ASSERT_TRUE(undone);
  ASSERT_EQ(undone->kept.size(), 1u);
  EXPECT_EQ(undone->kept.front(), version("2.0.0"));
  ASSERT_EQ(undone->left.size(), 1u);
  EXPECT_EQ(undone->left.front().first, version("1.0.0"));
  EXPECT_EQ(undone->left.front().second.code, "ScopeLocked");
  const auto locked = model.get(version("1.0.0"));
  ASSERT_TRUE(locked);
  EXPECT_TRUE(provider::is_marked(*locked));
  EXPECT_EQ(find_path(locked->tags, "pinaco-keep"), nullptr);
}

TEST_F(LifecycleTest, AClockThatIsSetBackDelaysAndEnds) {
  for (const char* row : {"g", "d end=-9 marked=-1", "1.0.0 future"}) put(row);
  for (int i = 0; i < 2; i++) {
    const auto done = lifecycle.run(gallery);
    ASSERT_TRUE(done);
    EXPECT_THAT(texts(*done), ElementsAre("d mark 2027-01-22: its end of life was 2027-01-06"));
  }
}

TEST_F(LifecycleTest, WhatAPersonDeletedKeepsItsTimeWhenTheGraceIsSkipped) {
  for (const char* row : {"g", "d", "1.0.0 deleted=1", "2.0.0"}) put(row);
  const auto done = lifecycle.run(gallery, {.skip_grace = true});
  ASSERT_TRUE(done);
  EXPECT_THAT(*done, IsEmpty());
}

TEST_F(LifecycleTest, WhoMayNotSeeAMachineReadsNoName) {
  for (const char* row : {"g", "d", "1.0.0 end=-9 used"}) put(row);
  const auto items = lifecycle.plan(gallery, {});
  ASSERT_TRUE(items);
  EXPECT_EQ(items->back().why, "a machine was made of it, though its end of life was 2027-01-06");
}

TEST_F(LifecycleTest, ADefinitionInTroubleKeepsNoOther) {
  for (const char* row : {"g", "d", "1.0.0 end=-1"}) put(row);
  auto other = definition;
  other.names = {"g", "c"};
  must(model.change(subscription, [&](model::Change& change) -> Result<> {
    TRY(change.put({.id = other}));
    return change.put({.id = other.child("versions", "no-number")});
  }));
  const auto done = lifecycle.run(gallery, {.skip_grace = true});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(texts(*done), ElementsAre("1.0.0 delete 2027-01-15: its end of life was 2027-01-14"));
}

TEST_F(LifecycleTest, SkippingTheGraceIsPlannedAsItIsDone) {
  for (const char* row : {"g", "d", "1.0.0 end=-1", "2.0.0"}) put(row);
  const auto planned = plan({.skip_grace = true});
  EXPECT_EQ(planned.back(), "1.0.0 delete 2027-01-15: its end of life was 2027-01-14");
  const auto done = lifecycle.run(gallery, {.skip_grace = true});
  ASSERT_TRUE(done);
  EXPECT_THAT(texts(*done), ElementsAre(planned.back()));
  EXPECT_THAT(names(), ElementsAre("d", "2.0.0"));
}

TEST_F(LifecycleTest, PlansChangeNothing) {
  for (const char* row : {"g", "d end=-1", "1.0.0 end=-1"}) put(row);
  const auto planned = plan();
  EXPECT_EQ(plan(), planned);
  EXPECT_EQ(plan({.skip_grace = true}).size(), 2u);
  EXPECT_EQ(plan(), planned);
}

TEST_F(LifecycleTest, AScopeLeavesTheRestAlone) {
  for (const char* row : {"g", "d", "1.0.0 end=-1"}) put(row);
  auto other = gallery;
  other.names = {"g2"};
  ASSERT_TRUE(lifecycle.run(other, {.skip_grace = true}));
  EXPECT_THAT(names(), ElementsAre("d", "1.0.0"));
  const arm::ResourceId group = gallery.group_id();
  ASSERT_TRUE(lifecycle.run(group, {.skip_grace = true}));
  EXPECT_THAT(names(), ElementsAre("d"));
}

TEST_F(LifecycleTest, ManyRolesOnAVersionGoWithItInSteps) {
  for (const char* row : {"g", "d", "1.0.0 end=-1"}) put(row);
  const auto version = definition.child("versions", "1.0.0");
  for (int at = 0; at < 900; at += 300) {
    must(model.change(subscription, [&](model::Change& change) -> Result<> {
      for (int i = at; i < at + 300; i++) {
        TRY(change.put_fact(fmt::format("{}{}", model::rules_prefix(version.key()), i),
                            JsonObject()));
      }
      return {};
    }));
  }
  ASSERT_TRUE(lifecycle.run(gallery, {.skip_grace = true}));
  EXPECT_THAT(names(), ElementsAre("d"));
}

// As a crash leaves it: only rows are there, and the next process goes on.
TEST(LifecycleRows, AreAllThatAHalfDeletedDefinitionNeeds) {
  const std::string folder = testing::TempDir() + "pinaco-lifecycle";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto open = [&] {
    auto kv = kv::open_sqlite(folder + "/rows.db");
    EXPECT_TRUE(kv);
    auto ground = std::make_unique<Ground>(std::move(*kv));
    ground->world.life = {.end_of_life = EndOfLife::erase, .grace_days = 0};
    return ground;
  };
  constexpr std::size_t versions = 3 * step_max - 1;
  {
    const auto first = open();
    first->put("g");
    first->put("d end=-1");
    for (std::size_t i = 0; i < versions; i++) first->put(fmt::format("1.0.{}", i));
  }
  std::size_t steps = 0;
  for (std::size_t left = versions + 1; left > 0; steps++) {
    const auto ground = open();
    const auto step = ground->lifecycle.step(ground->definition);
    ASSERT_TRUE(step) << step.error().message;
    EXPECT_EQ(step->done.size(), std::min(left, step_max));
    left -= step->done.size();
    const auto names = ground->names();
    EXPECT_EQ(names.size(), left);
    // The definition is there as long as a version is.
    EXPECT_TRUE(left == 0 || names.front() == "d");
    EXPECT_EQ(ground->deeds().size(), versions + 1 - left);
  }
  EXPECT_EQ(steps, 3u);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pinaco::lifecycle
