// Copies between regions and places.
#include <thread>

#include "store/local_region.h"
#include "store/test_store.h"

namespace pinaco::store {
namespace {

using ReplicateTest = StoreTest;

TEST_F(ReplicateTest, MovesOnlyWhatIsLackingAndTheSecondTimeNothing) {
  const auto home = region("home");
  const auto away = region("away");
  MemoryDisk disk(made_up_disk(1, 30 << 20));
  const auto first = home->write(disk, {});
  ASSERT_TRUE(good(first));
  const auto copied = away->copy_from(*home, first->manifest, {});
  ASSERT_TRUE(good(copied));
  EXPECT_EQ(copied->moved_bytes, copied->total_bytes);
  EXPECT_EQ(copied->moved_bytes, first->stored_bytes);
  EXPECT_EQ(copied->stored_bytes, copied->moved_bytes);
  EXPECT_EQ(copied->copies, 1U);
  EXPECT_EQ(copied->zones, 1U);
  EXPECT_EQ(read_disk(**away->open_disk(first->manifest)), disk.bytes());

  seeded_random(2)->fill(MutableBytes(disk.bytes()).subspan(5 << 20, 100'000));
  const auto second = home->write(disk, {.parents = {first->manifest}});
  ASSERT_TRUE(good(second));
  const auto update = away->copy_from(*home, second->manifest, {});
  ASSERT_TRUE(good(update));
  EXPECT_EQ(update->moved_bytes, second->stored_bytes);
  EXPECT_LT(update->moved_bytes, 150'000U);
  EXPECT_EQ(read_disk(**away->open_disk(second->manifest)), disk.bytes());

  const auto again = away->copy_from(*home, second->manifest, {});
  ASSERT_TRUE(good(again));
  EXPECT_EQ(again->moved_bytes, 0U);
  EXPECT_EQ(again->stored_bytes, 0U);
  EXPECT_EQ(again->total_bytes, update->total_bytes);
  // What was copied is found when the same comes as an upload.
  EXPECT_EQ(away->write(disk, {})->new_blocks, 0U);
}

TEST_F(ReplicateTest, AnInterruptedCopyGoesOnWhereItWas) {
  const auto home = region("home");
  const auto away = region("away");
  Bytes bytes(60 << 20);
  seeded_random(3)->fill(bytes);
  const auto written = home->write(MemoryDisk(std::move(bytes)), {});
  ASSERT_TRUE(good(written));
  std::uint64_t reported = 0;
  const auto cancelled =
      away->copy_from(*home, written->manifest,
                      {.lanes = 1, .progress = [&](std::uint64_t done, std::uint64_t total) {
                         reported = done;
                         return done < total / 2;
                       }});
  ASSERT_FALSE(cancelled.has_value());
  EXPECT_EQ(cancelled.error().kind, Kind::cancelled);
  EXPECT_TRUE(files("away/1-1", "manifests").empty());
  const auto resumed = away->copy_from(*home, written->manifest, {});
  ASSERT_TRUE(good(resumed));
  EXPECT_EQ(resumed->moved_bytes, resumed->total_bytes - reported);
}

TEST_F(ReplicateTest, ADamagedPackOfTheSourceIsNotCopied) {
  const MemoryDisk disk(made_up_disk(4, 20 << 20));
  const auto written = region("home")->write(disk, {});
  ASSERT_TRUE(good(written));
  flip_bit(files("home/1-1", "packs")[0], 8 * 7777);
  const auto away = region("away");
  const auto copied = away->copy_from(*region("home"), written->manifest, {});
  ASSERT_FALSE(copied.has_value());
  EXPECT_EQ(copied.error().kind, Kind::corrupt);
  EXPECT_TRUE(files("away/1-1", "manifests").empty());
}

TEST_F(ReplicateTest, APackThatArrivesDamagedIsTakenFromAnotherPlaceOfTheSource) {
  const MemoryDisk disk(made_up_disk(5, 20 << 20));
  Digest manifest;
  {
    const auto home = region("home", {"1-1", "2-1"});
    manifest = home->write(disk, {})->manifest;
    ASSERT_TRUE(good(home->copy_from(*home, manifest, {.redundancy = Redundancy::zone})));
  }
  for (const auto& path : files("home/1-1", "packs")) flip_bit(path, 8 * 999);
  const auto away = region("away");
  ASSERT_TRUE(good(away->copy_from(*region("home", {"1-1", "2-1"}), manifest, {})));
  EXPECT_EQ(read_disk(**away->open_disk(manifest)), disk.bytes());
}

TEST_F(ReplicateTest, AFullPlaceIsACleanErrorAndARepeatWorks) {
  const auto home = region("home");
  const MemoryDisk disk(made_up_disk(6, 30 << 20));
  const auto written = home->write(disk, {});
  ASSERT_TRUE(good(written));
  const auto faulty = std::make_shared<FaultyStore>(folder("away"));
  const auto away = region_of("away", {{.zone = "1", .name = "f", .packs = faulty}});
  for (int failing = 1; failing < 20; ++failing) {
    faulty->puts_until_failure = failing;
    faulty->fails_once = true;
    const auto copied = away->copy_from(*home, written->manifest, {});
    if (copied) break;
    EXPECT_EQ(copied.error().kind, Kind::busy);
    EXPECT_TRUE(files("away", "manifests").empty());
  }
  faulty->puts_until_failure = 1 << 30;
  ASSERT_TRUE(good(away->copy_from(*home, written->manifest, {})));
  EXPECT_EQ(read_disk(**away->open_disk(written->manifest)), disk.bytes());
}

TEST_F(ReplicateTest, TheManifestComesLast) {
  const auto home = region("home");
  const auto written = home->write(MemoryDisk(made_up_disk(7, 30 << 20)), {});
  const auto faulty = std::make_shared<FaultyStore>(folder("away"));
  const auto away = region_of("away", {{.zone = "1", .name = "f", .packs = faulty}});
  const int packs = static_cast<int>(files("home/1-1", "packs").size());
  faulty->puts_until_failure = packs + 1;
  EXPECT_FALSE(away->copy_from(*home, written->manifest, {}).has_value());
  EXPECT_EQ(files("away", "packs").size(), static_cast<std::size_t>(packs));
}

TEST_F(ReplicateTest, ReadersAndCopiesOfOneImageDoNotDisturbEachOther) {
  const auto home = region("home");
  const auto away = region("away", {"1-1", "2-1"});
  const MemoryDisk disk(made_up_disk(8, 30 << 20));
  const auto written = home->write(disk, {});
  ASSERT_TRUE(good(written));
  const auto stored = *away->open_disk(written->manifest, {home});
  std::atomic<bool> wrong = false;
  std::thread reader([&] {
    const auto random = seeded_random(9);
    Bytes into(50'000);
    for (int i = 0; i < 400; ++i) {
      const std::uint64_t offset = random->below(disk.size_bytes() - into.size());
      if (!stored->read(offset, into) ||
          !std::ranges::equal(into, ByteView(disk.bytes()).subspan(offset, into.size()))) {
        wrong = true;
      }
    }
  });
  std::thread other([&] {
    if (!away->copy_from(*home, written->manifest, {.redundancy = Redundancy::zone})) wrong = true;
  });
  const auto copied = away->copy_from(*home, written->manifest, {.redundancy = Redundancy::zone});
  reader.join();
  other.join();
  ASSERT_TRUE(good(copied));
  EXPECT_EQ(copied->zones, 2U);
  EXPECT_FALSE(wrong);
  EXPECT_EQ(read_disk(**away->open_disk(written->manifest)), disk.bytes());
}

// --- placement
// --------------------------------------------------------------------------------------

TEST_F(ReplicateTest, AllCopiesServeReads) {
  const auto away = region("away", {"1", "2", "3"});
  const auto written = region("home")->write(MemoryDisk(made_up_disk(12, 30 << 20)), {});
  ASSERT_TRUE(good(written));
  ASSERT_TRUE(good(away->copy_from(*region("home"), written->manifest,
                                   {.redundancy = Redundancy::zone, .replicas = 3})));
  const auto before = away->loads();
  (void)read_disk(**away->open_disk(written->manifest));
  const auto after = away->loads();
  ASSERT_EQ(after.size(), 3U);
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_GT(after[i].reads, before[i].reads + 10) << after[i].name;
  }
}

std::vector<Place> places_of(const std::vector<std::string>& names) {
  std::vector<Place> places;
  for (const std::string& name : names) {
    places.push_back({.zone = name.substr(0, 1),
                      .name = name,
                      .premium = name.ends_with("p"),
                      .packs = nullptr});
  }
  return places;
}

using Numbers = std::vector<std::size_t>;

TEST(Placement, LocalTakesPlacesOfOneZone) {
  const auto places = places_of({"1a", "2a", "2b", "1b"});
  EXPECT_EQ(choose_places(places, {0, 0, 0, 0}, {.replicas = 1}), (Numbers{0}));
  EXPECT_EQ(choose_places(places, {0, 0, 0, 0}, {.replicas = 3}), (Numbers{0, 3}));
  // The zone that has most already.
  EXPECT_EQ(choose_places(places, {0, 0, 9, 0}, {.replicas = 1}), (Numbers{2}));
  EXPECT_EQ(choose_places(places, {5, 4, 4, 0}, {.replicas = 2}), (Numbers{1, 2}));
}

TEST(Placement, PremiumTakesOnlyPremiumPlaces) {
  const auto places = places_of({"1a", "1p", "2a", "3p"});
  EXPECT_EQ(choose_places(places, {9, 0, 0, 0}, {.premium = true, .replicas = 1}), (Numbers{1}));
  EXPECT_EQ(choose_places(places, {9, 0, 9, 1}, {.premium = true, .replicas = 2}), (Numbers{3}));
  EXPECT_EQ(choose_places(places, {9, 0, 9, 0},
                          {.redundancy = Redundancy::zone, .premium = true, .replicas = 4}),
            (Numbers{1, 3}));
  EXPECT_EQ(choose_places(places_of({"1a", "2a"}), {0, 0}, {.premium = true}), (Numbers{}));
}

TEST(Placement, LocalTakesAZoneThatAnswersAndZoneTakesAll) {
  const auto places = places_of({"1a", "2a", "2b"});
  EXPECT_EQ(choose_places(places, {std::nullopt, 0, 0}, {.replicas = 1}), (Numbers{1}));
  EXPECT_EQ(choose_places(places, {0, std::nullopt, 7}, {.replicas = 2}), (Numbers{2}));
  EXPECT_EQ(choose_places(places, {std::nullopt, std::nullopt, 0},
                          {.redundancy = Redundancy::zone, .replicas = 2}),
            (Numbers{0, 2}));
  EXPECT_EQ(choose_places(places, {std::nullopt, std::nullopt, std::nullopt}, {.replicas = 1}),
            (Numbers{0}));
}

TEST(Placement, ZoneTakesOnePlaceInEveryZoneAndThenGoesRound) {
  const auto places = places_of({"1a", "1b", "2a", "3a", "3b"});
  const std::vector<std::optional<std::uint64_t>> none(5, 0);
  EXPECT_EQ(choose_places(places, none, {.redundancy = Redundancy::zone, .replicas = 1}),
            (Numbers{0, 2, 3}));
  EXPECT_EQ(choose_places(places, none, {.redundancy = Redundancy::zone, .replicas = 4}),
            (Numbers{0, 2, 3, 1}));
  EXPECT_EQ(choose_places(places, none, {.redundancy = Redundancy::zone, .replicas = 99}),
            (Numbers{0, 2, 3, 1, 4}));
  EXPECT_EQ(choose_places(places_of({"1a"}), {0}, {.redundancy = Redundancy::zone}), (Numbers{0}));
}

}  // namespace
}  // namespace pinaco::store
