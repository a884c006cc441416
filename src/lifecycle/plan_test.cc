// Every rule and every hold, on a clock that stands still at 2027-01-15.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "lifecycle/lifecycle_testing.h"

namespace pinaco::lifecycle {
namespace {

using provider::EndOfLife;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

// A definition and its versions in words (lifecycle_testing.h), and what is to become of them.
struct Case {
  const char* name;
  provider::LifePolicy policy;
  std::vector<std::string> rows;
  std::vector<std::string> fates;
};

const provider::LifePolicy deletes{.end_of_life = EndOfLife::erase};
const provider::LifePolicy newest_two{.keep_newest = 2};

const Case cases[] = {
    {"as in the cloud, a date says nothing",
     {},
     {"d end=-9", "1.0.0 end=-9"},
     {"d keep: its end of life is 2027-01-06", "1.0.0 keep: no rule asks for it"}},
    {"block deletes nothing",
     {.end_of_life = EndOfLife::block},
     {"d", "1.0.0 end=-9"},
     {"d keep: it has no end of life", "1.0.0 keep: no rule asks for it"}},
    {"a version past its date is marked for a week later",
     deletes,
     {"d", "1.0.0 end=-1", "2.0.0 end=1", "3.0.0"},
     {"d keep: it has no end of life", "3.0.0 keep: it has no end of life",
      "2.0.0 keep: its end of life is 2027-01-16",
      "1.0.0 mark 2027-01-22: its end of life was 2027-01-14"}},
    {"another grace",
     {.end_of_life = EndOfLife::erase, .grace_days = 30},
     {"d", "1.0.0 end=-1"},
     {"d keep: it has no end of life", "1.0.0 mark 2027-02-14: its end of life was 2027-01-14"}},
    {"no grace at all",
     {.end_of_life = EndOfLife::erase, .grace_days = 0},
     {"d", "1.0.0 end=-1"},
     {"d keep: it has no end of life", "1.0.0 delete 2027-01-15: its end of life was 2027-01-14"}},
    {"the mark keeps its time",
     deletes,
     {"d", "1.0.0 end=-9 marked=3"},
     {"d keep: it has no end of life", "1.0.0 wait 2027-01-18: its end of life was 2027-01-06"}},
    {"the time has come",
     deletes,
     {"d", "1.0.0 end=-9 marked=-1"},
     {"d keep: it has no end of life", "1.0.0 delete 2027-01-14: its end of life was 2027-01-06"}},
    {"a mark without its rule is taken off",
     deletes,
     {"d", "1.0.0 end=9 marked=-1"},
     {"d keep: it has no end of life", "1.0.0 unmark: its end of life is 2027-01-24"}},
    {"a definition goes with its versions",
     deletes,
     {"d end=-1 marked=-1", "1.0.0", "2.0.0 end=9"},
     {"d delete 2027-01-14: its end of life was 2027-01-14",
      "2.0.0 delete 2027-01-14: of its definition: its end of life was 2027-01-14",
      "1.0.0 delete 2027-01-14: of its definition: its end of life was 2027-01-14"}},
    {"a version of its own date goes before its definition",
     deletes,
     {"d end=-1", "1.0.0 end=-9 marked=-1", "2.0.0"},
     {"d mark 2027-01-22: its end of life was 2027-01-14",
      "2.0.0 wait 2027-01-22: of its definition: its end of life was 2027-01-14",
      "1.0.0 delete 2027-01-14: its end of life was 2027-01-06"}},
    {"a definition stays whole for one version",
     deletes,
     {"d end=-1 marked=-1", "1.0.0 used", "2.0.0"},
     {"d unmark: of its version 1.0.0: the machine rg/web was made of it, though its end of life "
      "was 2027-01-14",
      "2.0.0 keep: it has no end of life", "1.0.0 keep: it has no end of life"}},
    {"a version made after the mark renews it",
     deletes,
     {"d end=-9 marked=-1", "1.0.0 new"},
     {"d mark 2027-01-22: its end of life was 2027-01-06",
      "1.0.0 wait 2027-01-22: of its definition: its end of life was 2027-01-06"}},
    {"what a machine was made of stays",
     deletes,
     {"d", "1.0.0 end=-9 marked=-1 used"},
     {"d keep: it has no end of life",
      "1.0.0 unmark: the machine rg/web was made of it, though its end of life was 2027-01-06"}},
    {"unless the policy says so",
     {.end_of_life = EndOfLife::erase, .in_use = true},
     {"d", "1.0.0 end=-9 marked=-1 used"},
     {"d keep: it has no end of life", "1.0.0 delete 2027-01-14: its end of life was 2027-01-06"}},
    {"what a scale set was made of stays",
     deletes,
     {"d", "1.0.0 end=-9 scaled"},
     {"d keep: it has no end of life",
      "1.0.0 keep: the scale set rg/set was made of it, though its end of life was 2027-01-06"}},
    {"a machine of another subscription is not named",
     deletes,
     {"d", "1.0.0 end=-9 elsewhere"},
     {"d keep: it has no end of life",
      "1.0.0 keep: a machine of another subscription was made of it, though its end of life was "
      "2027-01-06"}},
    {"a disk that no machine has keeps nothing",
     deletes,
     {"d", "1.0.0 end=-9 copied"},
     {"d keep: it has no end of life", "1.0.0 mark 2027-01-22: its end of life was 2027-01-06"}},
    {"a lock keeps",
     deletes,
     {"d", "1.0.0 end=-9 marked=-1 locked"},
     {"d keep: it has no end of life",
      "1.0.0 unmark: a lock forbids to delete it, though its end of life was 2027-01-06"}},
    {"a lock on the definition keeps it and all of it",
     deletes,
     {"d end=-1 locked", "1.0.0 end=-9"},
     {"d keep: a lock forbids to delete it, though its end of life was 2027-01-14",
      "1.0.0 keep: a lock forbids to delete it, though its end of life was 2027-01-06"}},
    {"an operation only delays",
     deletes,
     {"d", "1.0.0 end=-9 marked=-1 busy"},
     {"d keep: it has no end of life",
      "1.0.0 wait 2027-01-14: its end of life was 2027-01-06; an operation (Updating) ends first"}},
    {"the newest two stay",
     newest_two,
     {"d", "1.9.0", "1.10.0", "1.2.0"},
     {"d keep: it has no end of life", "1.10.0 keep: it is among the newest 2",
      "1.9.0 keep: it is among the newest 2",
      "1.2.0 mark 2027-01-22: it is not among the newest 2"}},
    {"fewer than two stay",
     newest_two,
     {"d", "1.0.0"},
     {"d keep: it has no end of life", "1.0.0 keep: it is among the newest 2"}},
    {"drafts and what never came to be push no good version out",
     {.end_of_life = EndOfLife::hide, .keep_newest = 2},
     {"d", "1.0.0", "2.0.0", "3.0.0 excluded", "4.0.0 failed", "5.0.0 end=-1"},
     {"d keep: it has no end of life", "5.0.0 keep: it is not older than the newest 2",
      "4.0.0 keep: it is not older than the newest 2",
      "3.0.0 keep: it is not older than the newest 2", "2.0.0 keep: it is among the newest 2",
      "1.0.0 keep: it is among the newest 2"}},
    {"dates that say nothing do not count either",
     {.keep_newest = 1},
     {"d", "1.0.0 end=-9", "2.0.0 end=-9"},
     {"d keep: it has no end of life", "2.0.0 keep: it is among the newest 1",
      "1.0.0 mark 2027-01-22: it is not among the newest 1"}},
    {"a region keeps the last that it has",
     {.keep_newest = 1},
     {"d", "1.0.0 in=westeurope", "1.1.0 in=westeurope,eastus", "2.0.0 in=westeurope"},
     {"d keep: it has no end of life", "2.0.0 keep: it is among the newest 1",
      "1.1.0 keep: it is among the newest 1",
      "1.0.0 mark 2027-01-22: it is not among the newest 1"}},
    {"and that which may be the latest there",
     {.keep_newest = 1},
     {"d", "1.0.0 in=westeurope,eastus", "2.0.0 in=westeurope,eastus excluded_in=eastus"},
     {"d keep: it has no end of life", "2.0.0 keep: it is among the newest 1",
      "1.0.0 keep: it is among the newest 1"}},
    {"what runs stays",
     newest_two,
     {"d", "1.0.0 used", "2.0.0", "3.0.0"},
     {"d keep: it has no end of life", "3.0.0 keep: it is among the newest 2",
      "2.0.0 keep: it is among the newest 2",
      "1.0.0 keep: the machine rg/web was made of it, though it is not among the newest 2"}},
    {"what is tagged stays",
     {.keep_newest = 1, .keep_tagged = "golden,env=prod"},
     {"d", "1.0.0 tag:env=test", "2.0.0 tag:env=prod", "3.0.0 tag:Golden=x", "4.0.0"},
     {"d keep: it has no end of life", "4.0.0 keep: it is among the newest 1",
      "3.0.0 keep: it has the tag golden, though it is not among the newest 1",
      "2.0.0 keep: it has the tag env=prod, though it is not among the newest 1",
      "1.0.0 mark 2027-01-22: it is not among the newest 1"}},
    {"pinaco-keep keeps whatever the policy",
     deletes,
     {"d", "1.0.0 end=-9 tag:pinaco-keep=ann"},
     {"d keep: it has no end of life",
      "1.0.0 keep: it has the tag pinaco-keep, though its end of life was 2027-01-06"}},
    {"and of a definition all of it",
     deletes,
     {"d end=-1 tag:pinaco-keep=ann", "1.0.0 end=-9"},
     {"d keep: it has the tag pinaco-keep, though its end of life was 2027-01-14",
      "1.0.0 keep: its definition has the tag pinaco-keep, though its end of life was "
      "2027-01-06"}},
    {"no version goes before an end of life that blocks it",
     newest_two,
     {"d", "1.0.0 end=9 block", "2.0.0", "3.0.0"},
     {"d keep: it has no end of life", "3.0.0 keep: it is among the newest 2",
      "2.0.0 keep: it is among the newest 2",
      "1.0.0 keep: it must not be deleted before its end of life 2027-01-24, though it is not "
      "among the newest 2"}},
    {"and none without one when all are over",
     deletes,
     {"d", "1.0.0 end=-9 block"},
     {"d keep: it has no end of life", "1.0.0 mark 2027-01-22: its end of life was 2027-01-06"}},
    {"a deleted version goes when it cannot be restored any more, whatever the policy",
     {},
     {"d", "1.0.0 deleted=0", "2.0.0 deleted=1", "3.0.0"},
     {"d keep: it has no end of life", "3.0.0 keep: no rule asks for it",
      "1.0.0 delete 2027-01-15: it was deleted on 2027-01-08",
      "2.0.0 wait 2027-01-16: it was deleted on 2027-01-08"}},
    {"and its definition waits for it",
     deletes,
     {"d end=-1 marked=-1", "1.0.0 deleted=1"},
     {"d unmark: its deleted version 1.0.0 can be restored, though its end of life was 2027-01-14",
      "1.0.0 wait 2027-01-16: it was deleted on 2027-01-08"}},
    {"tags of the gallery override the server",
     {},
     {"g tag:pinaco-end-of-life=delete tag:pinaco-grace-days=1", "d", "1.0.0 end=-1"},
     {"d keep: it has no end of life", "1.0.0 mark 2027-01-16: its end of life was 2027-01-14"}},
    {"and those of the definition the gallery",
     deletes,
     {"g tag:pinaco-keep-newest=1", "d tag:pinaco-end-of-life=off tag:pinaco-keep-newest=2",
      "1.0.0 end=-1", "2.0.0", "3.0.0"},
     {"d keep: it has no end of life", "3.0.0 keep: it is among the newest 2",
      "2.0.0 keep: it is among the newest 2",
      "1.0.0 mark 2027-01-22: it is not among the newest 2"}},
    {"a tag that says nothing sensible is none",
     deletes,
     {"d tag:pinaco-end-of-life=soon tag:pinaco-grace-days=-1", "1.0.0 end=-1"},
     {"d keep: it has no end of life", "1.0.0 mark 2027-01-22: its end of life was 2027-01-14"}},
};

class Plans : public testing::TestWithParam<Case> {};

TEST_P(Plans, AreWhatTheRulesSay) {
  Ground ground;
  ground.world.life = GetParam().policy;
  for (const auto& row : GetParam().rows) ground.put(row);
  EXPECT_EQ(ground.plan(), GetParam().fates);
}

// A dry run is what is done, and doing it once leaves nothing to do.
TEST_P(Plans, AreWhatIsDone) {
  for (const bool skip_grace : {false, true}) {
    Ground ground;
    ground.world.life = GetParam().policy;
    for (const auto& row : GetParam().rows) ground.put(row);
    const Options options{.skip_grace = skip_grace, .sees = ground.sees()};
    ground.ready();
    std::vector<Item> planned = ground.lifecycle.plan(ground.gallery, options).value();
    std::erase_if(planned, [](const Item& item) { return !acts(item.fate); });
    const auto done = ground.lifecycle.run(ground.gallery, options);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_THAT(Ground::texts(*done), UnorderedElementsAreArray(Ground::texts(planned)));
    EXPECT_THAT(ground.lifecycle.run(ground.gallery, {}).value(), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, Plans, testing::ValuesIn(cases), [](const auto& each) {
  std::string name;
  for (const char c : std::string_view(each.param.name)) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
});

}  // namespace
}  // namespace pinaco::lifecycle
