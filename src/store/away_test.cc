// A place whose folder goes away and comes back, and what is served meanwhile.
#include "store/test_store.h"

namespace pinaco::store {
namespace {

class AwayTest : public StoreTest {
 protected:
  void move(const std::string& from, const std::string& to) {
    std::filesystem::rename(temporary_.path() + "/" + from, temporary_.path() + "/" + to);
  }
  void take(const std::string& place) { move(place, "taken"); }
  void give_back(const std::string& place) { move("taken", place); }
  bool is_there(const std::string& place) const {
    return std::filesystem::exists(temporary_.path() + "/" + place);
  }
  // By a region that is gone when this returns: nothing of the disk is in the next one's memory.
  Digest stored(const MemoryDisk& disk, const CopyOptions& options) {
    const auto here = region("home", zones);
    const auto written = here->write(disk, {});
    CHECK(written.has_value());
    CHECK(here->copy_from(*here, written->manifest, options).has_value());
    return written->manifest;
  }

  const std::vector<std::string> zones = {"1-1", "2-1", "3-1"};
};

TEST_F(AwayTest, AnyOneZoneMayGoUnderADiskThatIsInAll) {
  const MemoryDisk disk(made_up_disk(31, 12 << 20));
  const auto manifest = stored(disk, {.redundancy = Redundancy::zone});
  for (const auto& zone : zones) {
    const auto here = region("home", zones);
    take("home/" + zone);
    const auto opened = here->open_disk(manifest);
    ASSERT_TRUE(good(opened)) << zone;
    EXPECT_EQ(read_disk(**opened), disk.bytes()) << zone;
    EXPECT_FALSE(is_there("home/" + zone)) << "something was made in its stead";
    give_back("home/" + zone);
  }
}

TEST_F(AwayTest, ADiskOfTheZoneThatIsAwayFailsClearlyAndHeals) {
  const MemoryDisk disk(made_up_disk(32, 12 << 20));
  const auto manifest = stored(disk, {});
  const auto here = region("home", zones);
  const auto before = *here->open_disk(manifest);
  take("home/1-1");
  Bytes into(4096);
  const auto read = before->read(0, into);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, Kind::unavailable);
  EXPECT_NE(read.error().message.find("Zone 1 of region home: the folder of a store is not there"),
            std::string::npos)
      << read.error().message;
  EXPECT_EQ(read.error().message.find(temporary_.path()), std::string::npos);
  EXPECT_EQ(region_of("other", {{.zone = "", .name = "o", .packs = folder("other")}})
                ->copy_from(*here, manifest, {})
                .error()
                .kind,
            Kind::unavailable);
  give_back("home/1-1");
  EXPECT_EQ(read_disk(*before), disk.bytes());
}

TEST_F(AwayTest, WhatIsWrittenMeanwhileFailsAndLeavesNothingBehind) {
  const MemoryDisk disk(made_up_disk(33, 6 << 20));
  const auto here = region("home", zones);
  take("home/1-1");
  const auto failed = here->write(disk, {});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, Kind::unavailable);
  EXPECT_NE(failed.error().message.find("Zone 1 of region home"), std::string::npos);
  EXPECT_FALSE(is_there("home/1-1"));
  give_back("home/1-1");
  const auto written = here->write(disk, {});
  ASSERT_TRUE(good(written));
  EXPECT_EQ(read_disk(**here->open_disk(written->manifest)), disk.bytes());
}

TEST_F(AwayTest, CopiesGoToAZoneThatAnswersUnlessTheyMustBeInAll) {
  const MemoryDisk disk(made_up_disk(34, 6 << 20));
  const auto home = region("home");
  const auto written = home->write(disk, {});
  const auto away = region("away", zones);
  take("away/1-1");
  const auto everywhere =
      away->copy_from(*home, written->manifest, {.redundancy = Redundancy::zone});
  ASSERT_FALSE(everywhere.has_value());
  EXPECT_EQ(everywhere.error().kind, Kind::unavailable);
  ASSERT_TRUE(good(away->copy_from(*home, written->manifest, {})));
  EXPECT_FALSE(files("away/2-1", "manifests").empty());
  // One of nothing but zeros has no pack that could be missed.
  const auto zeros = home->write(MemoryDisk(Bytes(1 << 20)), {});
  ASSERT_TRUE(good(away->copy_from(*home, zeros->manifest, {})));
  give_back("away/1-1");
  EXPECT_TRUE(files("away/1-1", "manifests").empty());
  ASSERT_TRUE(good(away->copy_from(*home, written->manifest, {.redundancy = Redundancy::zone})));
  EXPECT_FALSE(files("away/1-1", "manifests").empty());
}

TEST_F(AwayTest, NothingIsSweptWhileAPlaceIsAway) {
  const auto here = region("home", zones);
  const auto manifest = here->write(MemoryDisk(made_up_disk(35, 6 << 20)), {})->manifest;
  ASSERT_TRUE(good(here->copy_from(*here, manifest, {.redundancy = Redundancy::zone})));
  const auto live = [] { return std::vector<Digest>(); };
  take("home/2-1");
  EXPECT_EQ(here->sweep(live).error().kind, Kind::unavailable);
  EXPECT_FALSE(files("home/1-1", "packs").empty());
  const auto usage = here->usage();
  ASSERT_TRUE(good(usage));
  EXPECT_EQ(usage->away, (std::vector<std::string>{"2-1"}));
  EXPECT_GT(usage->bytes, 0U);
  give_back("home/2-1");
  EXPECT_TRUE(here->usage()->away.empty());
  ASSERT_TRUE(good(here->sweep(live)));
  EXPECT_TRUE(files("home/1-1", "packs").empty());
}

TEST_F(AwayTest, PremiumLandsOnlyOnPlacesThatAreMarkedSo) {
  const auto home = region("home");
  const auto written = home->write(MemoryDisk(made_up_disk(36, 6 << 20)), {});
  const auto away = region("away", {"1-1", "1-2p", "2-1"});
  const auto copied = away->copy_from(*home, written->manifest, {.premium = true, .replicas = 3});
  ASSERT_TRUE(good(copied));
  EXPECT_EQ(copied->copies, 1U);
  EXPECT_TRUE(files("away/1-1", "packs").empty());
  EXPECT_TRUE(files("away/2-1", "packs").empty());
  EXPECT_FALSE(files("away/1-2p", "packs").empty());
  // While the only one is away the copy waits for it, and goes nowhere else.
  const auto other = home->write(MemoryDisk(made_up_disk(37, 6 << 20)), {});
  take("away/1-2p");
  const auto later = away->copy_from(*home, other->manifest, {.premium = true});
  ASSERT_FALSE(later.has_value());
  EXPECT_EQ(later.error().kind, Kind::unavailable) << later.error().message;
  give_back("away/1-2p");
  ASSERT_TRUE(good(away->copy_from(*home, other->manifest, {.premium = true})));
  EXPECT_TRUE(files("away/1-1", "packs").empty());
  const auto none = region("none", {"1-1"});
  const auto refused = none->copy_from(*home, written->manifest, {.premium = true});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, Kind::invalid);
  EXPECT_TRUE(files("none/1-1", "packs").empty());
}

}  // namespace
}  // namespace pinaco::store
