// The dedup index against a map of everything.
#include <gtest/gtest.h>

#include <algorithm>
#include <unordered_map>

#include "base/clock.h"
#include "store/dedup_index.h"
#include "store/sparse_index.h"

namespace pinaco::store {
namespace {

std::vector<Digest> random_digests(std::uint64_t seed, std::size_t count) {
  const auto random = seeded_random(seed);
  std::vector<Digest> digests(count);
  for (Digest& digest : digests) random->fill(digest.bytes);
  return digests;
}

std::shared_ptr<const PackIndex> index_of(std::span<const Digest> digests) {
  std::vector<Frame> frames;
  for (std::size_t left = digests.size(); left > 0;) {
    const std::size_t blocks = std::min(left, frame_blocks);
    frames.push_back({.stored_bytes = 1, .blocks = static_cast<std::uint32_t>(blocks)});
    left -= blocks;
  }
  return std::make_shared<const PackIndex>(
      std::make_shared<const std::vector<Digest>>(digests.begin(), digests.end()), frames);
}

Digest name_of(std::uint64_t number) {
  Digest name;
  store_le<std::uint64_t>(name.bytes, 0, number + 1);
  return name;
}

TEST(SparseIndex, FindsAllSamplesWhileItGrows) {
  SparseIndex index([](std::uint32_t) { return true; });
  std::unordered_map<std::uint64_t, std::uint32_t> all;
  const auto random = seeded_random(1);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    std::uint64_t prefix = 0;
    random->fill({reinterpret_cast<std::uint8_t*>(&prefix), sizeof prefix});
    prefix &= ~std::uint64_t{31};
    index.add(prefix, i / 64);
    all[prefix] = i / 64;
  }
  std::size_t wrong = 0;
  for (const auto& [prefix, pack] : all) wrong += index.find(prefix) == pack ? 0 : 1;
  EXPECT_LE(wrong, 2U);  // 40 bits of a prefix may coincide
  EXPECT_LT(index.memory_bytes(), 100'000U * 8 * 3 / 2);
  EXPECT_FALSE(index.find(12345U << 5).has_value());
}

TEST(SparseIndex, ForgetsDeadPacksWhenItGrows) {
  std::uint32_t alive_from = 0;
  SparseIndex index([&](std::uint32_t pack) { return pack >= alive_from; });
  const auto digests = random_digests(2, 400'000);
  for (std::uint32_t pack = 0; pack < 400; ++pack) {
    alive_from = pack > 10 ? pack - 10 : 0;
    for (std::size_t i = 0; i < 1000; ++i) index.add(digests[pack * 1000 + i].prefix(), pack);
  }
  EXPECT_LT(index.memory_bytes(), 400'000U);  // of the last few packs, not of all
}

class Dedup : public testing::Test {
 protected:
  DedupIndex index_{4 << 20};  // some 45 packs
  std::shared_ptr<PinBoard> board_ = std::make_shared<PinBoard>();

  std::unique_ptr<DedupSession> session() {
    return std::make_unique<DedupSession>(index_, board_->make_set());
  }
  std::shared_ptr<std::vector<Digest>> room() {
    auto digests = std::make_shared<std::vector<Digest>>();
    digests->reserve(pack_slots_max);
    return digests;
  }
  void store_pack(std::uint64_t number, std::span<const Digest> digests) {
    const auto index = index_of(digests);
    packs_[name_of(number)] = index;
    index_.add(name_of(number), index->samples());
  }
  // How many of the digests a new session takes for new.
  std::size_t fresh(DedupSession& session, std::span<const Digest> digests) {
    auto open = session.open(room());
    DedupSession::Hint hint;
    std::vector<DedupSession::Placed> placed;
    for (const Digest& pack : session.wanted(digests)) index_.load(pack, packs_.at(pack));
    EXPECT_EQ(session.place(digests, digests.size() + 1, open, hint, placed), digests.size());
    const auto count = std::ranges::count_if(placed, &DedupSession::Placed::fresh);
    session.give_up(open);
    return static_cast<std::size_t>(count);
  }

  std::unordered_map<Digest, std::shared_ptr<const PackIndex>> packs_;
};

TEST_F(Dedup, FindsThePacksThatSamplesName) {
  std::vector<std::vector<Digest>> stored;
  for (std::uint64_t i = 0; i < 100; ++i) {  // more than fit in memory
    stored.push_back(random_digests(100 + i, pack_slots_max));
    store_pack(i, stored.back());
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& digests : stored) EXPECT_EQ(fresh(*session(), digests), 0U);
  }
  EXPECT_EQ(fresh(*session(), random_digests(7, 2000)), 2000U);
  EXPECT_LT(index_.memory_bytes(), 6U << 20);
}

TEST_F(Dedup, ABlockIsNewOnceInASession) {
  auto digests = random_digests(3, 1000);
  digests.insert(digests.end(), digests.begin(), digests.begin() + 500);
  EXPECT_EQ(fresh(*session(), digests), 1000U);
}

TEST_F(Dedup, OpenPacksOfOneSessionAreNotFoundByAnother) {
  const auto digests = random_digests(4, 1000);
  const auto mine = session();
  auto open = mine->open(room());
  DedupSession::Hint hint;
  std::vector<DedupSession::Placed> placed;
  mine->place(digests, 2000, open, hint, placed);
  EXPECT_EQ(fresh(*session(), digests), 1000U);
  // Once it is durable, everybody finds it.
  mine->seal(open, name_of(1), index_of(digests));
  EXPECT_EQ(fresh(*session(), digests), 1000U);
  mine->publish(open);
  EXPECT_EQ(fresh(*session(), digests), 0U);
}

TEST_F(Dedup, ARemovedPackIsNotFound) {
  const auto digests = random_digests(5, 1000);
  store_pack(1, digests);
  EXPECT_EQ(fresh(*session(), digests), 0U);
  index_.remove(name_of(1));
  EXPECT_EQ(fresh(*session(), digests), 1000U);
  store_pack(1, digests);
  EXPECT_EQ(fresh(*session(), digests), 0U);
}

TEST_F(Dedup, APackThatIsLeavingIsNotFound) {
  const auto digests = random_digests(6, 1000);
  store_pack(1, digests);
  board_->begin_sweep();
  const ObjectName name{.kind = ObjectKind::pack, .digest = name_of(1)};
  ASSERT_TRUE(board_->begin_leaving(name));
  EXPECT_EQ(fresh(*session(), digests), 1000U);
  board_->end_leaving(name);
  board_->end_sweep();
}

TEST_F(Dedup, WhatWasFoundIsPinnedUntilTheSessionEnds) {
  const auto digests = random_digests(8, 1000);
  store_pack(1, digests);
  const ObjectName name{.kind = ObjectKind::pack, .digest = name_of(1)};
  {
    const auto mine = session();
    EXPECT_EQ(fresh(*mine, digests), 0U);
    board_->begin_sweep();
    EXPECT_FALSE(board_->begin_leaving(name));
    board_->end_sweep();
  }
  board_->begin_sweep();
  EXPECT_TRUE(board_->begin_leaving(name));
  board_->end_leaving(name);
  board_->end_sweep();
}

TEST(Pins, APinThatWasLetGoSinceTheSweepBeganStillCounts) {
  const auto board = std::make_shared<PinBoard>();
  const ObjectName name{.kind = ObjectKind::pack, .digest = name_of(1)};
  auto pins = board->make_set();
  pins->pin(name);
  board->begin_sweep();
  pins.reset();
  EXPECT_FALSE(board->begin_leaving(name));
  board->end_sweep();
}

}  // namespace
}  // namespace pinaco::store
