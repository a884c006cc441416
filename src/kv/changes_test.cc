// Following a shard: changes and waiting, as every engine does them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "kv/engine_test_ground.h"

namespace pinaco::kv {
namespace {

using testing::HasSubstr;

class EveryKvFollowed : public EngineTest {};

INSTANTIATE_TEST_SUITE_P(Engine, EveryKvFollowed, every_engine(), engine_name);

TEST_P(EveryKvFollowed, ChangesAreCompleteInOrderAndWithoutGaps) {
  std::vector<std::thread> running;
  for (int i = 0; i < 8; ++i) {
    running.emplace_back([&, i] {
      for (int time = 0; time < 20; ++time) {
        const std::string key = fmt::format("{}-{:02}", i, time);
        EXPECT_TRUE(kv_->change("s", [&](Transaction& change) -> Result<> {
          TRY(change.put(key + "/b", "1"));
          TRY(change.put(key + "/a", "1"));
          return change.put(key + "/a", "2");
        }));
      }
    });
  }
  for (auto& thread : running) thread.join();
  Revision after = 0;
  std::size_t seen = 0;
  for (;;) {
    const auto changes = kv_->changes("s", after, 7);
    ASSERT_TRUE(changes);
    if (changes->empty()) break;
    ASSERT_EQ(changes->size(), 6u) << "three whole transactions of two keys";
    for (std::size_t i = 0; i < changes->size(); i += 2) {
      const auto& first = (*changes)[i];
      const auto& second = (*changes)[i + 1];
      EXPECT_EQ(first.revision, ++after);
      EXPECT_EQ(second.revision, after);
      EXPECT_EQ(first.key.substr(0, 4) + "/b", second.key);
      ++seen;
    }
    if (seen == 159) break;  // the last page holds one transaction
  }
  EXPECT_EQ(kv_->changes("s", after, 7)->size(), 2u);
  EXPECT_EQ(*kv_->revision("s"), 160u);
}

TEST_P(EveryKvFollowed, ChangesTellErasedKeysAndAtLeastOneWholeTransaction) {
  ASSERT_TRUE(kv_->change("s", [](Transaction& change) -> Result<> {
    for (const auto* key : {"a", "b", "c"}) TRY(change.put(key, "1"));
    return {};
  }));
  ASSERT_TRUE(erase("s", "b"));
  EXPECT_EQ(kv_->changes("s", 0, 1)->size(), 3u);
  EXPECT_EQ(kv_->changes("s", 0, 4)->size(), 4u);
  EXPECT_TRUE(kv_->changes("s", 0, 0)->empty());
  const auto last = kv_->changes("s", 1, 10);
  ASSERT_EQ(last->size(), 1u);
  EXPECT_EQ((*last)[0].key, "b");
  EXPECT_EQ((*last)[0].revision, 2u);
  EXPECT_TRUE(kv_->changes("s", 2, 10)->empty());
  EXPECT_TRUE(kv_->changes("never written", 0, 10)->empty());
}

TEST_P(EveryKvFollowed, ForgottenChangesAreAConflict) {
  for (int i = 0; i < 120; ++i) {
    ASSERT_TRUE(kv_->change("s", [&](Transaction& change) -> Result<> {
      for (int key = 0; key < 100; ++key) TRY(change.put(fmt::format("{}/{}", i, key), "v"));
      return {};
    }));
  }
  const auto old = kv_->changes("s", 0, 10);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().kind, Kind::conflict);
  EXPECT_THAT(old.error().message, HasSubstr("read everything anew"));
  // What the limit promises is there: the newest 10,000, and all of the oldest of them.
  std::size_t kept = 0;
  for (Revision after = 20; after < 120;) {
    const auto changes = kv_->changes("s", after, 1000);
    ASSERT_TRUE(changes) << changes.error().message;
    kept += changes->size();
    after = changes->back().revision;
  }
  EXPECT_EQ(kept, 10'000u);
  EXPECT_EQ(kv_->changes("s", 121, 10).error().kind, Kind::conflict);
}

TEST_P(EveryKvFollowed, AWaitEndsWithTheChange) {
  ASSERT_TRUE(put("s", "a", "1"));
  std::thread writer([&] {
    EXPECT_TRUE(put("other", "a", "2"));
    EXPECT_TRUE(put("s", "a", "2"));
  });
  EXPECT_EQ(*kv_->wait("s", 1, std::chrono::minutes(5)), 2u);
  EXPECT_EQ(get("s", "a"), "2");
  writer.join();
}

TEST_P(EveryKvFollowed, AWaitEndsAtItsTimeAndAtOnceForWhatHasHappened) {
  ASSERT_TRUE(put("s", "a", "1"));
  EXPECT_EQ(*kv_->wait("s", 0, Milliseconds::max()), 1u);
  EXPECT_EQ(*kv_->wait("s", 1, Milliseconds(1)), 1u);
  EXPECT_EQ(*kv_->wait("s", 1, Milliseconds(0)), 1u);
  EXPECT_EQ(*kv_->wait("never written", 0, Milliseconds(1)), 0u);
}

}  // namespace
}  // namespace pinaco::kv
