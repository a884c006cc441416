// The sweep takes what nobody needs and nothing else, also while images are written.
#include <map>
#include <set>
#include <thread>

#include "store/test_store.h"

namespace pinaco::store {
namespace {

class SweepTest : public StoreTest {
 protected:
  // Live manifests, as the rows of a database would say.
  std::function<Result<std::vector<Digest>>()> live(std::vector<Digest> manifests) {
    return [manifests]() -> Result<std::vector<Digest>> { return manifests; };
  }
};

TEST_F(SweepTest, TakesWhatNoLiveManifestNeedsAndGivesItsSpaceBack) {
  const auto here = region("home");
  const MemoryDisk kept(made_up_disk(1, 20 << 20));
  const MemoryDisk gone(made_up_disk(2, 20 << 20));
  const Digest kept_name = here->write(kept, {})->manifest;
  const auto before = *here->usage();
  const Digest gone_name = here->write(gone, {})->manifest;
  EXPECT_GT(here->usage()->bytes, before.bytes);
  const auto swept = here->sweep(live({kept_name}));
  ASSERT_TRUE(good(swept));
  EXPECT_GT(swept->objects_set_aside, 1U);
  EXPECT_EQ(here->usage()->bytes, before.bytes);
  EXPECT_EQ(here->open_disk(gone_name).error().kind, Kind::not_found);
  EXPECT_EQ(read_disk(**here->open_disk(kept_name)), kept.bytes());
  EXPECT_EQ(here->purge(Seconds(60)).value(), 0U);
  clock_.advance(Seconds(60));
  EXPECT_EQ(here->purge(Seconds(60)).value(), swept->bytes_set_aside);
  EXPECT_TRUE(files("home/1-1", "aside").empty());
  // And once more there is nothing to do.
  EXPECT_EQ(here->sweep(live({kept_name}))->objects_set_aside, 0U);
}

TEST_F(SweepTest, APinKeepsAnImageThatNobodyNamesYet) {
  const auto here = region("home");
  const MemoryDisk disk(made_up_disk(3, 10 << 20));
  {
    const auto written = here->write(disk, {});
    ASSERT_TRUE(good(written));
    EXPECT_EQ(here->sweep(live({}))->objects_set_aside, 0U);
  }
  EXPECT_GT(here->sweep(live({}))->objects_set_aside, 0U);
}

TEST_F(SweepTest, APinLetGoWhileTheSweepAsksWhatIsLiveStillCounts) {
  const auto here = region("home");
  const MemoryDisk disk(made_up_disk(4, 10 << 20));
  auto written = here->write(disk, {});
  ASSERT_TRUE(good(written));
  const auto swept = here->sweep([&]() -> Result<std::vector<Digest>> {
    written->pin = {};  // the row was written after the list below was read
    return std::vector<Digest>{};
  });
  EXPECT_EQ(swept->objects_set_aside, 0U);
  EXPECT_EQ(read_disk(**here->open_disk(written->manifest)), disk.bytes());
}

TEST_F(SweepTest, AnOpenDiskStaysReadable) {
  const auto here = region("home");
  const MemoryDisk disk(made_up_disk(5, 10 << 20));
  const Digest manifest = here->write(disk, {})->manifest;
  {
    const auto stored = *here->open_disk(manifest);
    EXPECT_EQ(here->sweep(live({}))->objects_set_aside, 0U);
    EXPECT_EQ(read_disk(*stored), disk.bytes());
  }
  EXPECT_GT(here->sweep(live({}))->objects_set_aside, 0U);
}

TEST_F(SweepTest, WhatWasSweptIsStoredAgainWhenItComesAgain) {
  const auto here = region("home");
  const MemoryDisk disk(made_up_disk(6, 20 << 20));
  const std::uint64_t blocks = here->write(disk, {})->new_blocks;
  ASSERT_TRUE(good(here->sweep(live({}))));
  const auto again = here->write(disk, {});
  ASSERT_TRUE(good(again));
  EXPECT_EQ(again->new_blocks, blocks);
  clock_.advance(Seconds(1));
  ASSERT_TRUE(good(here->purge(Seconds(0))));
  EXPECT_EQ(read_disk(**here->open_disk(again->manifest)), disk.bytes());
  EXPECT_EQ(again->image, here->describe(again->manifest)->image);
}

TEST_F(SweepTest, ACopyOfWhatWasSetAsideMovesNoPack) {
  const auto home = region("home");
  const auto away = region("away");
  const auto written = home->write(MemoryDisk(made_up_disk(7, 20 << 20)), {});
  ASSERT_TRUE(good(away->copy_from(*home, written->manifest, {})));
  ASSERT_TRUE(good(away->sweep(live({}))));
  EXPECT_EQ(away->usage()->packs, 0U);
  const auto copied = away->copy_from(*home, written->manifest, {});
  ASSERT_TRUE(good(copied));
  EXPECT_LT(copied->moved_bytes, 5000U);  // the manifest
}

TEST_F(SweepTest, DoesNothingWhenTheLiveImagesCannotBeTold) {
  const auto here = region("home");
  const Digest manifest = here->write(MemoryDisk(made_up_disk(8, 5 << 20)), {})->manifest;
  const auto failed = here->sweep(
      []() -> Result<std::vector<Digest>> { return fail(Kind::unavailable, "no database"); });
  EXPECT_EQ(failed.error().kind, Kind::unavailable);
  flip_bit(files("home/1-1", "manifests")[0], 77);
  const auto fresh = region("home");
  EXPECT_EQ(fresh->sweep(live({manifest})).error().kind, Kind::corrupt);
  EXPECT_GT(fresh->usage()->packs, 0U);
  // And a sweep after a failed one works.
  flip_bit(files("home/1-1", "manifests")[0], 77);
  EXPECT_EQ(fresh->sweep(live({manifest}))->objects_set_aside, 0U);
}

TEST_F(SweepTest, ALiveImageOfAnotherRegionIsNoReasonToStop) {
  const auto here = region("home");
  Digest unknown;
  unknown.bytes[0] = 1;
  EXPECT_TRUE(good(here->sweep(live({unknown}))));
}

// Writers, a deleter and a sweeper at once: the failure that blob stores are known for is an
// image whose row is there and whose blocks are not.
TEST_F(SweepTest, RacingWritesNeverLosesABlockOfALiveImage) {
  const auto here = region("home");
  std::vector<Bytes> disks;
  for (std::uint64_t i = 0; i < 5; ++i) {
    disks.push_back(made_up_disk(50 + i, 3 << 20));
    // All share a third.
    std::memcpy(disks.back().data(), disks.front().data(), 1 << 20);
  }
  std::mutex mutex;
  std::map<Digest, std::size_t> rows;  // manifest → disk
  std::atomic<bool> failed = false;
  std::atomic<int> writing = 2;
  const auto write = [&](std::uint64_t seed) {
    const auto random = seeded_random(seed);
    for (int i = 0; i < 25 && !failed; ++i) {
      const std::size_t number = random->below(disks.size());
      const MemoryDisk disk(disks[number]);
      const auto written = here->write(disk, {.lanes = 2});
      if (!written) {
        failed = true;
        ADD_FAILURE() << written.error().message;
        break;
      }
      const std::lock_guard lock(mutex);
      rows[written->manifest] = number;  // and only now the pin goes
      if (rows.size() > 2) rows.erase(std::next(rows.begin(), static_cast<long>(random->below(3))));
    }
    --writing;
  };
  std::thread first([&] { write(1); });
  std::thread second([&] { write(2); });
  std::uint64_t set_aside = 0;
  while (writing > 0) {
    const auto swept = here->sweep([&]() -> Result<std::vector<Digest>> {
      const std::lock_guard lock(mutex);
      std::vector<Digest> names;
      for (const auto& [name, number] : rows) names.push_back(name);
      return names;
    });
    if (!swept) ADD_FAILURE() << swept.error().message;
    if (swept) set_aside += swept->objects_set_aside;
    clock_.advance(Seconds(1));
    EXPECT_TRUE(good(here->purge(Seconds(0))));
    std::this_thread::yield();
  }
  first.join();
  second.join();
  EXPECT_GT(set_aside, 0U);
  const auto fresh = region("home");  // nothing from caches
  for (const auto& [name, number] : rows) {
    const auto stored = fresh->open_disk(name);
    ASSERT_TRUE(good(stored));
    EXPECT_EQ(read_disk(**stored), disks[number]);
  }
  // Nothing leaks either.
  std::vector<Digest> names;
  for (const auto& [name, number] : rows) names.push_back(name);
  ASSERT_TRUE(good(fresh->sweep(live(names))));
  const auto used = *fresh->usage();
  EXPECT_EQ(used.manifests, names.size());
  std::set<Digest> packs;
  for (const auto& name : names) {
    const auto described = *fresh->describe(name);
    packs.insert(described.packs.begin(), described.packs.end());
  }
  EXPECT_EQ(used.packs, packs.size());
}

}  // namespace
}  // namespace pinaco::store
