// Writing disks and reading them back, bit for bit, also when parts of the store are damaged.
#include "os/lanes.h"
#include "store/test_store.h"

namespace pinaco::store {
namespace {

using RegionTest = StoreTest;

TEST_F(RegionTest, ADiskComesBackAsItWasWritten) {
  const auto here = region("home");
  const std::size_t sizes[] = {1, 511, 4096, 4097, 100'000, 8 << 20, 9437185, 20 << 20, 22'222'222};
  for (std::size_t i = 0; i < std::size(sizes); ++i) {
    const MemoryDisk disk(made_up_disk(i, sizes[i]), i % 2 == 0);
    const auto written = here->write(disk, {.lanes = 1 + i % 4});
    ASSERT_TRUE(good(written));
    const auto stored = here->open_disk(written->manifest);
    ASSERT_TRUE(good(stored));
    EXPECT_EQ(read_disk(**stored), rounded_up(disk.bytes())) << sizes[i] << " bytes";
    EXPECT_EQ(written->size_bytes, (*stored)->size_bytes());
    EXPECT_EQ(written->blocks, (sizes[i] + 4095) / 4096);
  }
}

TEST_F(RegionTest, ReadsAtAnyOffsetAndSaysWhereItIsZero) {
  const auto here = region("home");
  const MemoryDisk disk(made_up_disk(5, 12 << 20));
  const auto written = here->write(disk, {});
  ASSERT_TRUE(good(written));
  const auto stored = *here->open_disk(written->manifest);
  const auto random = seeded_random(6);
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t offset = random->below(disk.size_bytes());
    Bytes into(random->below(std::min<std::uint64_t>(300'000, disk.size_bytes() - offset + 1)));
    ASSERT_TRUE(good(stored->read(offset, into)));
    const auto expected = ByteView(disk.bytes()).subspan(offset, into.size());
    ASSERT_TRUE(std::ranges::equal(into, expected));
    std::ranges::fill(into, std::uint8_t{0x55});
    ASSERT_EQ(stored->read_now(offset, into), true);  // it was just read
    ASSERT_TRUE(std::ranges::equal(into, expected));
    if (into.empty()) continue;
    const auto extents = stored->extents(offset, into.size());
    ASSERT_TRUE(good(extents));
    std::uint64_t next = offset;
    for (const Extent& extent : *extents) {
      ASSERT_EQ(extent.offset, next);
      next += extent.length;
      const auto part = ByteView(disk.bytes()).subspan(extent.offset, extent.length);
      ASSERT_TRUE(!extent.zero || is_zero(part));
    }
    ASSERT_EQ(next, offset + into.size());
  }
  Bytes into(4096);
  EXPECT_EQ(stored->read(disk.size_bytes() - 4095, into).error().kind, Kind::invalid);
  EXPECT_EQ(stored->extents(0, disk.size_bytes() + 1).error().kind, Kind::invalid);
}

TEST_F(RegionTest, WhatWasNotReadYetIsNotAtHand) {
  const auto here = region("home");
  const MemoryDisk disk(made_up_disk(5, 12 << 20), false);
  const auto stored = *here->open_disk(here->write(disk, {})->manifest);
  Bytes into(8192);
  EXPECT_EQ(stored->read_now(1 << 20, into), false);
  ASSERT_TRUE(good(stored->read(1 << 20, into)));
  EXPECT_EQ(stored->read_now(1 << 20, into), true);
  EXPECT_EQ(stored->read_now(disk.size_bytes(), into).error().kind, Kind::invalid);
}

TEST_F(RegionTest, TheImageDigestDependsOnlyOnTheBytes) {
  const MemoryDisk disk(made_up_disk(7, 18 << 20));
  const MemoryDisk dense(disk.bytes(), false);
  const auto expected = image_digest(disk, 1, {});
  ASSERT_TRUE(good(expected));
  EXPECT_EQ(*image_digest(dense, 3, {}), *expected);
  for (std::size_t lanes = 1; lanes <= 4; ++lanes) {
    const auto fresh = region("lanes" + std::to_string(lanes));
    const auto written = fresh->write(lanes % 2 == 0 ? disk : dense, {.lanes = lanes});
    ASSERT_TRUE(good(written));
    EXPECT_EQ(written->image, *expected);
    EXPECT_EQ(*image_digest(**fresh->open_disk(written->manifest), 2, {}), *expected);
    EXPECT_EQ(fresh->describe(written->manifest)->image, *expected);
  }
  MemoryDisk other(disk.bytes());
  other.bytes()[12'345'678] ^= 1;
  EXPECT_NE(*image_digest(other, 2, {}), *expected);
}

TEST_F(RegionTest, RegionsThatShareACacheReadAFrameOnce) {
  const MemoryDisk disk(made_up_disk(11, 3 << 20));
  const auto packs = std::make_shared<FaultyStore>(folder("home/1"));
  const auto frames = make_frame_cache(16 << 20);
  const auto open = [&](const std::string& name, std::shared_ptr<PackStore> store) {
    return *Region::open({.name = name,
                          .places = {{.zone = "", .name = name, .packs = std::move(store)}},
                          .frames = frames});
  };
  const auto home = open("home", packs);
  const auto away = open("away", folder("away/1"));
  const auto written = home->write(disk, {});
  ASSERT_TRUE(good(written));
  const auto there = away->open_disk(written->manifest, {home});
  ASSERT_TRUE(good(there));
  EXPECT_EQ(read_disk(**home->open_disk(written->manifest)), rounded_up(disk.bytes()));
  packs->gets_until_failure = 0;
  EXPECT_EQ(read_disk(**there), rounded_up(disk.bytes()));
}

TEST_F(RegionTest, DisksOfOneImageThatReadFromTheSameRegionsAreOneReader) {
  const auto here = region("home");
  const auto other = region("other");
  const auto written = here->write(MemoryDisk(made_up_disk(12, 1 << 20)), {});
  ASSERT_TRUE(good(written));
  const auto one = *here->open_disk(written->manifest);
  EXPECT_EQ(*here->open_disk(written->manifest), one);
  EXPECT_NE(*here->open_disk(written->manifest, {other}), one);
  EXPECT_NE(*here->open_disk(written->manifest), one);  // only the last is remembered
}

TEST_F(RegionTest, RefusesADiskOfNoBytes) {
  const auto here = region("home");
  EXPECT_EQ(here->write(MemoryDisk({}), {}).error().kind, Kind::invalid);
}

TEST_F(RegionTest, WritingADiskAgainAddsNoPack) {
  const MemoryDisk disk(made_up_disk(8, 24 << 20));
  std::shared_ptr<Region> here = region("home");
  const auto first = here->write(disk, {});
  ASSERT_TRUE(good(first));
  EXPECT_GT(first->new_blocks, 1000U);
  const auto packs = files("home/1-1", "packs");
  EXPECT_EQ(here->write(disk, {.lanes = 3})->new_blocks, 0U);
  // With an index built from the packs, and with the parent named.
  for (const bool named : {false, true}) {
    here = region("home");
    WriteOptions options;
    if (named) options.parents = {first->manifest};
    const auto again = here->write(disk, options);
    ASSERT_TRUE(good(again));
    EXPECT_EQ(again->new_blocks, 0U);
    EXPECT_EQ(read_disk(**here->open_disk(again->manifest)), disk.bytes());
  }
  EXPECT_EQ(files("home/1-1", "packs"), packs);
}

TEST_F(RegionTest, AChildSharesWhatItHasInCommon) {
  const auto here = region("home");
  MemoryDisk disk(made_up_disk(9, 40 << 20));
  const auto parent = here->write(disk, {});
  ASSERT_TRUE(good(parent));
  const auto random = seeded_random(10);
  for (std::size_t i = 0; i < 20; ++i) {
    random->fill(MutableBytes(disk.bytes()).subspan(i * (2 << 20), 4096));
  }
  const auto child = here->write(disk, {.parents = {parent->manifest}});
  ASSERT_TRUE(good(child));
  EXPECT_EQ(child->new_blocks, 20U);
  EXPECT_EQ(read_disk(**here->open_disk(child->manifest)), disk.bytes());
  EXPECT_LT(child->stored_bytes, 200'000U);
  const auto usage = here->usage();
  ASSERT_TRUE(good(usage));
  EXPECT_EQ(usage->manifests, 2U);
}

TEST_F(RegionTest, LanesLeaveOneSmallPackBetweenThem) {
  const auto here = region("home");
  Bytes bytes(64 << 20);
  const auto random = seeded_random(11);
  for (std::size_t i = 0; i < 8; ++i) random->fill(MutableBytes(bytes).subspan(i << 23, 20'000));
  const MemoryDisk disk(std::move(bytes));
  const auto written = here->write(disk, {.lanes = 4});
  ASSERT_TRUE(good(written));
  EXPECT_EQ(here->usage()->packs, 1U);
  EXPECT_EQ(read_disk(**here->open_disk(written->manifest)), disk.bytes());
}

TEST_F(RegionTest, ProgressCountsTheDataAndCanCancel) {
  const auto here = region("home");
  const MemoryDisk disk(made_up_disk(12, 30 << 20));
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  ASSERT_TRUE(good(here->write(disk, {.progress = [&](std::uint64_t done, std::uint64_t all) {
                                 EXPECT_GE(done, last);
                                 last = done;
                                 total = all;
                                 return true;
                               }})));
  EXPECT_EQ(last, total);
  EXPECT_GT(total, 1U << 20);
  const auto cancelled = region("other")->write(
      disk, {.progress = [](std::uint64_t done, std::uint64_t all) { return done < all / 2; }});
  ASSERT_FALSE(cancelled.has_value());
  EXPECT_EQ(cancelled.error().kind, Kind::cancelled);
  EXPECT_TRUE(files("other/1-1", "manifests").empty());
}

// --- damage
// ---------------------------------------------------------------------------------------

TEST_F(RegionTest, NoFlippedBitIsEverServed) {
  const MemoryDisk disk(made_up_disk(13, 300'000));
  const auto written = region("home")->write(disk, {});
  ASSERT_TRUE(good(written));
  const auto packs = files("home/1-1", "packs");
  const auto manifests = files("home/1-1", "manifests");
  ASSERT_EQ(packs.size(), 1U);
  const Bytes expected = rounded_up(disk.bytes());
  std::size_t refused = 0;
  for (const std::string& path : {packs[0], manifests[0]}) {
    const std::uint64_t bits = std::filesystem::file_size(path) * 8;
    for (std::uint64_t bit = 5; bit < bits; bit += bits / 150 + 1) {
      flip_bit(path, bit);
      const auto here = region("home");
      const auto stored = here->open_disk(written->manifest);
      Bytes read(expected.size());
      if (!stored) {
        EXPECT_EQ(stored.error().kind, Kind::corrupt);
        ++refused;
      } else if (const auto result = (*stored)->read(0, read); !result) {
        EXPECT_EQ(result.error().kind, Kind::corrupt);
        EXPECT_NE(result.error().message.find("Bytes "), std::string::npos);
        ++refused;
      } else {
        // Parts that reading does not need: the samples, the first magic.
        ASSERT_EQ(read, expected);
      }
      flip_bit(path, bit);
    }
  }
  EXPECT_GT(refused, 250U);
}

TEST_F(RegionTest, ADamagedFrameLeavesTheRestReadable) {
  const MemoryDisk disk(made_up_disk(14, 8 << 20), false);
  const auto written = region("home")->write(disk, {.lanes = 1});
  ASSERT_TRUE(good(written));
  flip_bit(files("home/1-1", "packs")[0], 8 * 5000);
  const auto here = region("home");
  const auto stored = *here->open_disk(written->manifest);
  std::size_t bad = 0;
  std::size_t right = 0;
  Bytes block(4096);
  for (std::uint64_t at = 0; at < disk.size_bytes(); at += 4096) {
    if (stored->read(at, block)) {
      ASSERT_TRUE(std::ranges::equal(block, ByteView(disk.bytes()).subspan(at, 4096)));
      ++right;
    } else {
      ++bad;
    }
  }
  EXPECT_GT(bad, 0U);
  EXPECT_GT(right, 1000U);
  // What cannot be read any more is stored again when it comes again, even under its old name.
  const auto again = here->write(disk, {.lanes = 1});
  ASSERT_TRUE(good(again));
  EXPECT_GT(again->new_blocks, 0U);
  EXPECT_EQ(read_disk(**here->open_disk(again->manifest)), disk.bytes());
}

TEST_F(RegionTest, FallsOverToAPlaceWhoseCopyIsGood) {
  const MemoryDisk disk(made_up_disk(15, 12 << 20));
  Written written;
  {
    const auto here = region("home", {"1-1", "2-1"});
    written = *here->write(disk, {});
    const auto copied =
        here->copy_from(*here, written.manifest, {.redundancy = Redundancy::zone, .replicas = 2});
    ASSERT_TRUE(good(copied));
    EXPECT_EQ(copied->copies, 2U);
    EXPECT_EQ(copied->moved_bytes, 0U);
  }
  // Damage everything at the first place, differently.
  for (const std::string& path : files("home/1-1", "packs")) flip_bit(path, 8 * 3000);
  std::filesystem::resize_file(files("home/1-1", "packs")[0], 2000);
  flip_bit(files("home/1-1", "manifests")[0], 100);
  const auto here = region("home", {"1-1", "2-1"});
  EXPECT_EQ(read_disk(**here->open_disk(written.manifest)), disk.bytes());
}

TEST_F(RegionTest, ReadsFromElsewhereWhatIsNotHere) {
  const auto home = region("home");
  const auto away = region("away");
  const MemoryDisk disk(made_up_disk(16, 12 << 20));
  const auto written = home->write(disk, {});
  ASSERT_TRUE(good(written));
  EXPECT_EQ(away->open_disk(written->manifest).error().kind, Kind::not_found);
  const auto stored = away->open_disk(written->manifest, {home});
  ASSERT_TRUE(good(stored));
  EXPECT_EQ(read_disk(**stored), disk.bytes());
}

TEST_F(RegionTest, ManyReadersOfOneDiskSeeTheSameBytes) {
  const auto here = region("home");
  const MemoryDisk disk(made_up_disk(17, 16 << 20));
  const auto written = here->write(disk, {});
  ASSERT_TRUE(good(written));
  const auto stored = *here->open_disk(written->manifest);
  ASSERT_TRUE(good(os::for_each(8, 8, [&](std::size_t lane) -> Result<> {
    const auto random = seeded_random(lane);
    Bytes into(60'000);
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t offset = random->below(disk.size_bytes() - into.size());
      TRY(stored->read(offset, into));
      if (!std::ranges::equal(into, ByteView(disk.bytes()).subspan(offset, into.size()))) {
        return fail(Kind::corrupt, "wrong bytes");
      }
    }
    return {};
  })));
}

// --- faults
// ---------------------------------------------------------------------------------------

TEST_F(RegionTest, AFailedPutIsACleanErrorAndARepeatWorks) {
  const MemoryDisk disk(made_up_disk(18, 30 << 20));
  for (int failing = 1; failing <= 8; ++failing) {
    const std::string name = "n" + std::to_string(failing);
    const auto faulty = std::make_shared<FaultyStore>(folder(name));
    const auto here = region_of(name, {{.zone = "1", .name = "f", .packs = faulty}});
    faulty->puts_until_failure = failing;
    const auto failed = here->write(disk, {});
    if (failed) {  // it needs fewer puts than that
      EXPECT_GT(failing, 3);
      break;
    }
    EXPECT_EQ(failed.error().kind, Kind::busy);
    EXPECT_TRUE(files(name, "manifests").empty());
    EXPECT_TRUE(files(name, "temporary").size() <= 1);  // the lock
    faulty->puts_until_failure = 1 << 30;
    const auto again = here->write(disk, {});
    ASSERT_TRUE(good(again));
    EXPECT_EQ(read_disk(**here->open_disk(again->manifest)), disk.bytes());
    // What the failed write left is either used or swept.
    ASSERT_TRUE(good(here->sweep([&] { return std::vector{again->manifest}; })));
    EXPECT_EQ(read_disk(**here->open_disk(again->manifest)), disk.bytes());
  }
}

TEST_F(RegionTest, AFailedReadOfTheDiskEndsTheWrite) {
  class BadDisk final : public DiskReader {
   public:
    std::uint64_t size_bytes() const override { return 64 << 20; }
    Result<> read(std::uint64_t offset, MutableBytes into) const override {
      if (offset > 30 << 20) return fail(Kind::unavailable, "the line is dead");
      std::memset(into.data(), 1 + static_cast<int>(offset >> 12) % 251, into.size());
      return {};
    }
    Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
      return std::vector<Extent>{{.offset = offset, .length = length}};
    }
  };
  const auto here = region("home");
  const auto failed = here->write(BadDisk(), {.lanes = 4});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message, "the line is dead");
  EXPECT_EQ(here->usage()->manifests, 0U);
}

TEST_F(RegionTest, APlaceThatDoesNotAnswerIsUnavailableNotCorrupt) {
  const auto faulty = std::make_shared<FaultyStore>(folder("f"));
  const auto here = region_of("home", {{.zone = "1", .name = "f", .packs = faulty}});
  const MemoryDisk disk(made_up_disk(19, 1 << 20));
  const auto written = here->write(disk, {});
  ASSERT_TRUE(good(written));
  const auto stored = *here->open_disk(written->manifest);
  faulty->gets_until_failure = 1;
  Bytes into(4096);
  std::size_t failures = 0;
  for (std::uint64_t at = 0; at < disk.size_bytes(); at += 4096) {
    const auto read = stored->read(at, into);
    if (read) continue;
    EXPECT_EQ(read.error().kind, Kind::unavailable);
    ++failures;
  }
  EXPECT_GT(failures, 0U);
  faulty->gets_until_failure = 1 << 30;
  EXPECT_EQ(read_disk(*stored), disk.bytes());  // and it is not remembered as bad
}

}  // namespace
}  // namespace pinaco::store
