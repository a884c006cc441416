// Lanes: bounded threads, bounded queue.
#include "os/lanes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace pinaco::os {
namespace {

TEST(Lanes, RunsEveryJobOnce) {
  std::atomic<int> sum = 0;
  Lanes lanes(4, 8);
  for (int i = 1; i <= 1000; ++i) lanes.run([&sum, i] { sum += i; });
  lanes.drain();
  EXPECT_EQ(sum, 500'500);
}

TEST(Lanes, AnswersBusyWhenTheQueueIsFull) {
  std::latch started(1);
  std::latch go_on(1);
  Lanes lanes(1, 2);
  lanes.run([&] {
    started.count_down();
    go_on.wait();
  });
  started.wait();
  EXPECT_TRUE(lanes.try_run([] {}));
  EXPECT_TRUE(lanes.try_run([] {}));
  const auto third = lanes.try_run([] {});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, Kind::busy);
  go_on.count_down();
  lanes.drain();
  EXPECT_TRUE(lanes.try_run([] {}));
}

TEST(Lanes, RunsAsManyJobsAtOnceAsItHasLanes) {
  std::latch together(4);
  Lanes lanes(4, 8);
  for (int i = 0; i < 4; ++i) lanes.run([&] { together.arrive_and_wait(); });
  lanes.drain();  // would never return with fewer lanes
  EXPECT_EQ(lanes.size(), 4u);
}

TEST(Lanes, FinishWhatIsQueuedBeforeTheyGo) {
  std::atomic<int> count = 0;
  {
    Lanes lanes(1, 100);
    for (int i = 0; i < 100; ++i) lanes.run([&] { ++count; });
  }
  EXPECT_EQ(count, 100);
}

TEST(Lanes, LetGoOfAJobBeforeTheyAreDrained) {
  auto held = std::make_shared<int>(1);
  Lanes lanes(2, 4);
  for (int i = 0; i < 20; ++i) lanes.run([held] {});
  lanes.drain();
  EXPECT_EQ(held.use_count(), 1);
}

TEST(ForEach, CallsEachIndexOnceOnAtMostSoManyLanes) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::vector<std::atomic<int>> calls(500);
  const auto result = for_each(calls.size(), 3, [&](std::size_t index) -> Result<> {
    const int now = ++running;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) continue;
    ++calls[index];
    --running;
    return {};
  });
  EXPECT_TRUE(result);
  EXPECT_LE(most, 3);
  for (const auto& count : calls) EXPECT_EQ(count, 1);
}

TEST(ForEach, StopsAtTheFirstErrorAndReturnsIt) {
  std::size_t calls = 0;
  const auto result = for_each(1000, 1, [&](std::size_t index) -> Result<> {
    ++calls;
    if (index == 5) return fail(Kind::corrupt, "five");
    return {};
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "five");
  EXPECT_EQ(calls, 6u);
}

TEST(ForEach, DoesNothingForNothing) {
  EXPECT_TRUE(
      for_each(0, 4, [](std::size_t) -> Result<> { return fail(Kind::invalid, "called"); }));
}

}  // namespace
}  // namespace pinaco::os
