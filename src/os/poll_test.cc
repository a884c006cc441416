#include "os/poll.h"

#include <gtest/gtest.h>

#include "os/sockets.h"

namespace pinaco::os {
namespace {

constexpr Milliseconds patience = std::chrono::seconds(20);

TEST(Poller, TellsOnlyWhatIsOfInterest) {
  auto poller = Poller::open().value();
  const auto pair = socket_pair().value();
  int tag = 0;
  ASSERT_TRUE(poller.add(pair.near.descriptor(), {.readable = true}, &tag));
  EXPECT_TRUE(poller.wait(Milliseconds(0)).empty());
  ASSERT_TRUE(pair.far.write_all(Bytes(1), patience));
  auto events = poller.wait(patience);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].of, &tag);
  EXPECT_TRUE(events[0].readable && !events[0].writable && !events[0].ended);
  ASSERT_TRUE(poller.change(pair.near.descriptor(), {.writable = true}, &tag));
  events = poller.wait(std::nullopt);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].writable && !events[0].readable);
  ASSERT_TRUE(poller.change(pair.near.descriptor(), {}, &tag));
  EXPECT_TRUE(poller.wait(Milliseconds(0)).empty());
}

TEST(Poller, TellsOfAnEndWithoutInterestUntilRemoved) {
  auto poller = Poller::open().value();
  const auto pair = socket_pair().value();
  ASSERT_TRUE(poller.add(pair.near.descriptor(), {}, nullptr));
  pair.far.shut_down();
  const auto events = poller.wait(patience);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].ended);
  poller.remove(pair.near.descriptor());
  EXPECT_TRUE(poller.wait(Milliseconds(0)).empty());
}

}  // namespace
}  // namespace pinaco::os
