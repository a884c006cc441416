// Manifests: runs go in and come out, and nothing but a manifest is taken for one.
#include "store/manifest.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "store/pack.h"

namespace pinaco::store {
namespace {

PackLine line_of(std::uint32_t ref) {
  PackLine line{.pack = {}, .base = ref % 3 == 2 ? 64U : 0U};
  line.pack.bytes[0] = static_cast<std::uint8_t>(ref);
  return line;
}

std::vector<DraftRun> random_runs(Random& random, std::uint64_t blocks) {
  std::vector<DraftRun> runs;
  std::uint64_t left = blocks;
  while (left > 0) {
    DraftRun run{
        .count = static_cast<std::uint32_t>(1 + random.below(std::min<std::uint64_t>(left, 300)))};
    if (random.below(3) > 0) {
      run.ref = static_cast<std::uint32_t>(random.below(20));
      run.slot = static_cast<std::uint32_t>(random.below(1600));
    }
    append_run(runs, run);
    left = blocks;
    for (const DraftRun& done : runs) left -= done.count;
  }
  return runs;
}

struct Made {
  std::vector<std::vector<DraftRun>> segments;
  Bytes bytes;
};

Made make(std::uint64_t seed, std::uint64_t last_blocks) {
  const auto random = seeded_random(seed);
  Made made;
  ManifestWriter writer;
  made.segments = {{{.count = segment_blocks}}, {}, random_runs(*random, last_blocks)};
  made.segments[1] = {{.count = 7, .ref = 5, .slot = 3}, {.count = segment_blocks - 7}};
  for (const auto& segment : made.segments) writer.add(segment);
  Digest image;
  image.bytes[3] = 9;
  made.bytes = writer.finish((2 * segment_blocks + last_blocks) * block_bytes, image, line_of);
  return made;
}

TEST(Manifest, GivesBackEveryRun) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Made made = make(seed, 1 + seed * 991);
    const auto manifest = Manifest::parse(made.bytes, Digest::of(made.bytes));
    ASSERT_TRUE(manifest.has_value()) << manifest.error().message;
    ASSERT_EQ((*manifest)->segments(), made.segments.size());
    EXPECT_EQ((*manifest)->image().bytes[3], 9);
    std::uint64_t data_blocks = 0;
    for (std::size_t number = 0; number < made.segments.size(); ++number) {
      const auto segment = (*manifest)->segment(number);
      ASSERT_TRUE(segment.has_value()) << segment.error().message;
      const auto& runs = made.segments[number];
      ASSERT_EQ((*segment)->size(), runs.size());
      std::uint32_t first = 0;
      for (std::size_t i = 0; i < runs.size(); ++i) {
        const store::Run& run = (**segment)[i];
        EXPECT_EQ(run.first, first);
        EXPECT_EQ(run.count, runs[i].count);
        first += run.count;
        ASSERT_EQ(run.line == no_pack, runs[i].ref == no_pack);
        if (run.line == no_pack) continue;
        const PackLine line = line_of(runs[i].ref);
        EXPECT_EQ((*manifest)->lines()[run.line], line);
        EXPECT_EQ(run.slot, runs[i].slot + line.base);
        EXPECT_EQ(&run_at(**segment, run.first + run.count - 1), &run);
        data_blocks += run.count;
      }
    }
    EXPECT_EQ((*manifest)->data_blocks(), data_blocks);
  }
}

TEST(Manifest, IsNamedByItsBytes) {
  Made made = make(1, 5000);
  const Digest name = Digest::of(made.bytes);
  for (std::size_t bit = 0; bit < made.bytes.size() * 8; bit += 13) {
    made.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const auto manifest = Manifest::parse(made.bytes, name);
    ASSERT_FALSE(manifest.has_value());
    EXPECT_EQ(manifest.error().kind, Kind::corrupt);
    made.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
  }
}

// Whoever can store a manifest can make its name fit; its runs must stay inside all the same.
TEST(Manifest, SurvivesAnyBytesThatAreTheirOwnName) {
  const Made made = make(2, 3000);
  const auto random = seeded_random(3);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bad = made.bytes;
    const std::size_t changes = 1 + random->below(4);
    for (std::size_t c = 0; c < changes; ++c) {
      const std::size_t at = random->below(3) == 0 ? random->below(80) : random->below(bad.size());
      bad[at] = static_cast<std::uint8_t>(random->below(256));
    }
    if (random->below(8) == 0) bad.resize(random->below(bad.size()));
    const auto manifest = Manifest::parse(bad, Digest::of(bad));
    if (!manifest) continue;
    ASSERT_LE((*manifest)->segments(), disk_bytes_max / block_bytes / segment_blocks);
    for (std::size_t number = 0; number < (*manifest)->segments(); ++number) {
      const auto segment = (*manifest)->segment(number);
      if (!segment) continue;
      std::uint64_t next = 0;
      for (const store::Run& run : **segment) {
        ASSERT_EQ(run.first, next);
        next += run.count;
        if (run.line == no_pack) continue;
        ASSERT_LT(run.line, (*manifest)->lines().size());
        ASSERT_LE(run.slot + run.count, pack_slots_max);
      }
      ASSERT_GT(next, 0U);
    }
  }
}

TEST(Manifest, OfZerosIsSmall) {
  ManifestWriter writer;
  constexpr std::uint64_t segments = 1024;  // 1 TiB
  const std::vector<DraftRun> zeros = {{.count = segment_blocks}};
  for (std::uint64_t i = 0; i < segments; ++i) writer.add(zeros);
  const Bytes bytes = writer.finish(segments * segment_blocks * block_bytes, {}, line_of);
  EXPECT_LT(bytes.size(), 16'000U);
  const auto manifest = Manifest::parse(bytes, Digest::of(bytes));
  ASSERT_TRUE(manifest.has_value());
  EXPECT_EQ((*manifest)->data_blocks(), 0U);
  const auto segment = (*manifest)->segment(segments - 1);
  ASSERT_TRUE(segment.has_value());
  EXPECT_EQ((*segment)->front().count, segment_blocks);
}

}  // namespace
}  // namespace pinaco::store
