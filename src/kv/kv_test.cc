// The promises of kv.h, kept by every engine.
#include "kv/kv.h"

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include "base/clock.h"
#include "kv/engine_test_ground.h"

namespace pinaco::kv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> keys_of(const std::vector<Row>& rows) {
  std::vector<std::string> keys;
  for (const auto& row : rows) keys.push_back(row.key);
  return keys;
}

class EveryKv : public EngineTest {};

INSTANTIATE_TEST_SUITE_P(Engine, EveryKv, every_engine(), engine_name);

TEST_P(EveryKv, ReadsWhatWasPut) {
  EXPECT_EQ(*put("s", "a", "1"), 1u);
  EXPECT_EQ(*put("s", "a", "2"), 2u);
  EXPECT_EQ(get("s", "a"), "2");
  EXPECT_EQ(*erase("s", "a"), 3u);
  EXPECT_EQ(get("s", "a"), "(absent)");
}

TEST_P(EveryKv, ARowTellsTheRevisionThatWroteIt) {
  ASSERT_TRUE(put("s", "a", "1"));
  ASSERT_TRUE(put("s", "b", "1"));
  ASSERT_TRUE(put("s", "c", "1"));
  const auto rows = range("", "", 10);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].revision, 1u);
  EXPECT_EQ(rows[1].revision, 2u);
  EXPECT_EQ(rows[2].revision, 3u);
}

TEST_P(EveryKv, ATransactionReadsItsOwnWrites) {
  ASSERT_TRUE(put("s", "a", "old"));
  ASSERT_TRUE(kv_->change("s", [&](Transaction& change) -> Result<> {
    TRY(change.put("b", "new"));
    TRY(change.erase("a"));
    EXPECT_FALSE(*change.find("a"));
    EXPECT_EQ((*change.find("b"))->value, "new");
    EXPECT_EQ((*change.find("b"))->revision, 2u);
    EXPECT_THAT(keys_of(*change.range("", "", 10)), ElementsAre("b"));
    return {};
  }));
}

TEST_P(EveryKv, AFailedFunctionUndoesItsWritesAndItsErrorIsReturned) {
  ASSERT_TRUE(put("s", "a", "old"));
  const auto result = kv_->change("s", [&](Transaction& change) -> Result<> {
    TRY(change.put("a", "new"));
    TRY(change.put("b", "new"));
    TRY(change.erase("a"));
    return fail(Error{.kind = Kind::quota, .message = "no more", .code = "QuotaExceeded"});
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Kind::quota);
  EXPECT_EQ(result.error().code, "QuotaExceeded");
  EXPECT_EQ(get("s", "a"), "old");
  EXPECT_EQ(get("s", "b"), "(absent)");
  EXPECT_EQ(*kv_->revision("s"), 1u);
  EXPECT_EQ(kv_->changes("s", 0, 10)->size(), 1u);
}

TEST_P(EveryKv, AnOverlookedFailedWriteUndoesTheTransaction) {
  const auto result = kv_->change("s", [&](Transaction& change) -> Result<> {
    TRY(change.put("a", "1"));
    (void)change.put(std::string(key_bytes_max + 1, 'k'), "1");
    return change.put("b", "1");
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Kind::invalid);
  EXPECT_EQ(get("s", "a"), "(absent)");
}

TEST_P(EveryKv, ATransactionThatWritesNothingLeavesTheRevision) {
  ASSERT_TRUE(put("s", "a", "1"));
  EXPECT_EQ(*kv_->change("s", [](Transaction&) -> Result<> { return {}; }), 1u);
  EXPECT_EQ(*erase("s", "absent"), 1u);
  EXPECT_EQ(*kv_->revision("s"), 1u);
  EXPECT_EQ(kv_->changes("s", 0, 10)->size(), 1u);
}

TEST_P(EveryKv, ShardsKnowNothingOfEachOther) {
  ASSERT_TRUE(put("b", "k", "1"));
  ASSERT_TRUE(put("", "k", "2"));
  ASSERT_TRUE(put("a", "k", "3"));
  ASSERT_TRUE(put("a", "k", "4"));
  EXPECT_EQ(get("b", "k"), "1");
  EXPECT_EQ(get("", "k"), "2");
  EXPECT_EQ(get("a", "k"), "4");
  EXPECT_EQ(*kv_->revision("a"), 2u);
  EXPECT_EQ(*kv_->revision("b"), 1u);
  EXPECT_EQ(*kv_->revision("absent"), 0u);
  EXPECT_THAT(*kv_->shards(), ElementsAre("", "a", "b"));
}

TEST_P(EveryKv, AShardThatWasOnlyReadOrFailedIsNotListed) {
  EXPECT_EQ(get("read", "k"), "(absent)");
  EXPECT_FALSE(kv_->change("failed", [](Transaction& change) -> Result<> {
    TRY(change.put("k", "1"));
    return fail(Kind::invalid, "no");
  }));
  EXPECT_TRUE(kv_->shards()->empty());
}

TEST_P(EveryKv, RangesAreInOrderOfBytesAndLimited) {
  const std::string zero("a\0b", 3);
  for (const auto& key : {std::string("b"), zero, std::string("\xff"), std::string("a"),
                          std::string("\x7f"), std::string("\x80"), std::string("aa")}) {
    ASSERT_TRUE(put("s", key, "v"));
  }
  EXPECT_THAT(keys_of(range("", "", 100)),
              ElementsAre("a", zero, "aa", "b", "\x7f", "\x80", "\xff"));
  EXPECT_THAT(keys_of(range("a", "b", 100)), ElementsAre("a", zero, "aa"));
  EXPECT_THAT(keys_of(range("aa", "\x80", 2)), ElementsAre("aa", "b"));
  EXPECT_THAT(keys_of(range("b", "", 100)), ElementsAre("b", "\x7f", "\x80", "\xff"));
  EXPECT_TRUE(range("b", "a", 100).empty());
  EXPECT_TRUE(range("", "", 0).empty());
}

TEST_P(EveryKv, ARangeIsReadFromItsEndToo) {
  const std::string zero("a\0b", 3);
  for (const auto& key : {std::string("b"), zero, std::string("\xff"), std::string("a"),
                          std::string("\x7f"), std::string("aa")}) {
    ASSERT_TRUE(put("s", key, "v"));
  }
  EXPECT_THAT(keys_of(range_back("", "", 100)), ElementsAre("\xff", "\x7f", "b", "aa", zero, "a"));
  EXPECT_THAT(keys_of(range_back("a", "b", 2)), ElementsAre("aa", zero));
  EXPECT_THAT(keys_of(range_back("aa", "", 100)), ElementsAre("\xff", "\x7f", "b", "aa"));
  EXPECT_THAT(keys_of(range_back("b", "c", 100)), ElementsAre("b"));
  EXPECT_TRUE(range_back("b", "a", 100).empty());
  EXPECT_TRUE(range_back("", "", 0).empty());
  ASSERT_TRUE(erase("s", "b"));
  EXPECT_THAT(keys_of(range_back("b", "", 100)), ElementsAre("\xff", "\x7f"));
}

TEST_P(EveryKv, ThePrefixEndClosesARange) {
  const std::string last = "a\xff";
  for (const auto& key : {std::string("a"), std::string("a/1"), last, last + "\xff" + "x",
                          std::string("b"), std::string("\xff\xff"), std::string("\xff\xff\x01")}) {
    ASSERT_TRUE(put("s", key, "v"));
  }
  EXPECT_THAT(keys_of(range("a", prefix_end("a"), 100)),
              ElementsAre("a", "a/1", last, last + "\xff" + "x"));
  EXPECT_THAT(keys_of(range(last, prefix_end(last), 100)), ElementsAre(last, last + "\xff" + "x"));
  EXPECT_THAT(keys_of(range("\xff\xff", prefix_end("\xff\xff"), 100)),
              ElementsAre("\xff\xff", "\xff\xff\x01"));
}

TEST(Kv, ThePrefixEndIsTheNextKeyThatDoesNotStartSo) {
  EXPECT_EQ(prefix_end("a"), "b");
  EXPECT_EQ(prefix_end("a/"), "a0");
  EXPECT_EQ(prefix_end("\x7f"), "\x80");
  EXPECT_EQ(prefix_end("a\xff\xff"), "b");
  EXPECT_EQ(prefix_end("\xff"), "");
  EXPECT_EQ(prefix_end(""), "");
}

TEST_P(EveryKv, KeepsEmptyAndBinaryKeysAndValues) {
  const std::string binary("\0\x01\xff\0", 4);
  ASSERT_TRUE(put("s", "", ""));
  ASSERT_TRUE(put("s", binary, binary));
  EXPECT_EQ(get("s", ""), "");
  EXPECT_EQ(get("s", binary), binary);
  ASSERT_TRUE(erase("s", ""));
  EXPECT_EQ(get("s", ""), "(absent)");
}

TEST_P(EveryKv, EnforcesItsLimits) {
  const std::string key(key_bytes_max, 'k');
  const std::string value(value_bytes_max, 'v');
  EXPECT_TRUE(put("s", key, value));
  EXPECT_EQ(get("s", key), value);
  EXPECT_TRUE(put(key, "a", "1"));
  EXPECT_EQ(put("s", key + "k", "1").error().kind, Kind::invalid);
  EXPECT_EQ(put("s", "a", value + "v").error().kind, Kind::invalid);
  EXPECT_EQ(erase("s", key + "k").error().kind, Kind::invalid);
  EXPECT_EQ(put(key + "k", "a", "1").error().kind, Kind::invalid);
  EXPECT_EQ(kv_->revision(key + "k").error().kind, Kind::invalid);
  EXPECT_EQ(kv_->changes("s", 0, range_rows_max + 1).error().kind, Kind::invalid);
  const auto read = kv_->read("s", [&](Reader& reader) -> Result<> {
    EXPECT_EQ(reader.find(key + "k").error().kind, Kind::invalid);
    TRY(reader.range("", "", range_rows_max + 1));
    return {};
  });
  EXPECT_EQ(read.error().kind, Kind::invalid);
  EXPECT_THAT(read.error().message, HasSubstr("10000"));
}

TEST_P(EveryKv, ATransactionWritesAThousandTimesAndNoMore) {
  const auto write = [&](int times) {
    return kv_->change("s", [&](Transaction& change) -> Result<> {
      for (int i = 0; i < times; ++i) TRY(change.put(std::to_string(i), "v"));
      return {};
    });
  };
  EXPECT_EQ(write(1001).error().kind, Kind::invalid);
  EXPECT_TRUE(range("", "", 10).empty());
  EXPECT_TRUE(write(1000));
  EXPECT_EQ(range("", "", 10'000).size(), 1000u);
}

TEST_P(EveryKv, ThreadsThatCountTogetherLoseNoUpdate) {
  constexpr int threads = 8;
  constexpr int times = 40;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      for (int time = 0; time < times; ++time) {
        EXPECT_TRUE(kv_->change("s", [](Transaction& change) -> Result<> {
          const auto row = TRY(change.find("count"));
          return change.put("count", std::to_string(row ? std::stoi(row->value) + 1 : 1));
        }));
      }
    });
  }
  for (auto& thread : running) thread.join();
  EXPECT_EQ(get("s", "count"), std::to_string(threads * times));
  EXPECT_EQ(*kv_->revision("s"), Revision{threads * times});
}

TEST_P(EveryKv, FailuresOfNeighboursUndoOnlyThemselves) {
  std::vector<std::thread> running;
  for (int i = 0; i < 16; ++i) {
    running.emplace_back([&, i] {
      const auto result = kv_->change("s", [&](Transaction& change) -> Result<> {
        TRY(change.put("k" + std::to_string(i), "v"));
        if (i % 2) return fail(Kind::quota, std::to_string(i));
        return {};
      });
      EXPECT_EQ(result.has_value(), i % 2 == 0);
      if (!result) {
        EXPECT_EQ(result.error().message, std::to_string(i));
      }
    });
  }
  for (auto& thread : running) thread.join();
  EXPECT_EQ(range("", "", 100).size(), 8u);
  EXPECT_EQ(*kv_->revision("s"), 8u);
}

TEST_P(EveryKv, AReaderSeesOneMomentWhileChangesGoOn) {
  ASSERT_TRUE(put("s", "a", "1"));
  ASSERT_TRUE(put("s", "b", "1"));
  ASSERT_TRUE(kv_->read("s", [&](Reader& reader) -> Result<> {
    EXPECT_EQ((*reader.find("a"))->value, "1");
    EXPECT_TRUE(put("s", "a", "2"));
    EXPECT_TRUE(put("s", "c", "2"));
    EXPECT_TRUE(erase("s", "b"));
    EXPECT_TRUE(put("s", "b", "again"));
    EXPECT_TRUE(erase("s", "b"));
    EXPECT_EQ((*reader.find("a"))->value, "1");
    EXPECT_EQ((*reader.find("b"))->value, "1");
    EXPECT_FALSE(*reader.find("c"));
    EXPECT_THAT(keys_of(*reader.range("", "", 10)), ElementsAre("a", "b"));
    return {};
  }));
  EXPECT_THAT(keys_of(range("", "", 10)), ElementsAre("a", "c"));
  EXPECT_EQ(get("s", "a"), "2");
}

TEST_P(EveryKv, ManyReadersSeeSumsThatAddUp) {
  // Money moves between two rows; every reader sees the same total.
  ASSERT_TRUE(kv_->change("s", [](Transaction& change) -> Result<> {
    TRY(change.put("a", "500"));
    return change.put("b", "500");
  }));
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 20; ++i) {
    readers.emplace_back([&] {
      do {
        EXPECT_TRUE(kv_->read("s", [](Reader& reader) -> Result<> {
          const int a = std::stoi(TRY(reader.find("a"))->value);
          const int b = std::stoi(TRY(reader.find("b"))->value);
          EXPECT_EQ(a + b, 1000);
          return {};
        }));
      } while (!done);
    });
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(kv_->change("s", [&](Transaction& change) -> Result<> {
      TRY(change.put("a", std::to_string(500 - i)));
      return change.put("b", std::to_string(500 + i));
    }));
  }
  done = true;
  for (auto& thread : readers) thread.join();
}

TEST_P(EveryKv, AnErrorOfAReadingIsReturned) {
  const auto result =
      kv_->read("s", [](Reader&) -> Result<> { return fail(Kind::not_found, "not here"); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "not here");
}

// The engine against a std::map, through random transactions of which some fail.
TEST_P(EveryKv, AgreesWithAnOrderedMapAfterRandomTransactions) {
  const auto random = seeded_random(20'240'601);
  std::map<std::string, std::string> model;
  const auto name = [&] {
    return std::string(1 + random->below(2), static_cast<char>('a' + random->below(6)));
  };
  Revision revision = 0;
  for (int round = 0; round < 300; ++round) {
    auto next = model;
    bool wrote = false;
    const bool failing = random->below(4) == 0;
    const auto result = kv_->change("s", [&](Transaction& change) -> Result<> {
      const std::uint64_t steps = random->below(6);
      for (std::uint64_t step = 0; step < steps; ++step) {
        const std::string key = name();
        if (random->below(2)) {
          const std::string value = std::to_string(round);
          TRY(change.put(key, value));
          next[key] = value;
          wrote = true;
        } else {
          TRY(change.erase(key));
          wrote = next.erase(key) > 0 || wrote;
        }
      }
      const auto rows = TRY(change.range("", "", 1000));
      EXPECT_EQ(rows.size(), next.size());
      auto back = keys_of(TRY(change.range_back("", "", 1000)));
      std::ranges::reverse(back);
      EXPECT_EQ(back, keys_of(rows));
      if (failing) return fail(Kind::invalid, "as planned");
      return {};
    });
    ASSERT_EQ(result.has_value(), !failing);
    if (failing) continue;
    if (wrote) ++revision;
    ASSERT_EQ(*result, revision);
    model = next;
    const auto rows = range("", "", 1000);
    ASSERT_EQ(rows.size(), model.size());
    auto expected = model.begin();
    for (const auto& row : rows) {
      EXPECT_EQ(row.key, expected->first);
      EXPECT_EQ(row.value, expected->second);
      ++expected;
    }
  }
}

}  // namespace
}  // namespace pinaco::kv
