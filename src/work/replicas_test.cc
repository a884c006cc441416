#include "work/replicas.h"

#include <gtest/gtest.h>

namespace pinaco::work {
namespace {

class ReplicasTest : public testing::Test {
 protected:
  std::optional<std::size_t> enter(const std::string& machine, std::size_t replicas = 1) {
    return replicas_.enter("image", replicas, machine, now_);
  }
  void fill(std::size_t replicas) {
    for (std::size_t i = 0; i < replicas * Replicas::creations_max; i++) {
      ASSERT_TRUE(enter("first" + std::to_string(i), replicas));
    }
  }
  Replicas replicas_;
  SteadyTime now_ = SteadyTime() + Seconds(1000);
};

TEST_F(ReplicasTest, CreationsAreSpreadOverAllReplicas) {
  fill(3);
  const auto loads = replicas_.loads("image");
  ASSERT_EQ(loads.replicas.size(), 3u);
  for (const auto& load : loads.replicas) EXPECT_EQ(load.creating, 20u);
}

TEST_F(ReplicasTest, TheTwentyFirstWaitsUntilOneIsMade) {
  fill(1);
  EXPECT_FALSE(enter("late"));
  EXPECT_EQ(replicas_.loads("image").waiting, 1u);
  replicas_.leave("first7");
  EXPECT_EQ(enter("late"), 0u);
  EXPECT_EQ(replicas_.loads("image").waiting, 0u);
  EXPECT_EQ(replicas_.loads("image").replicas[0].created, 21u);
}

TEST_F(ReplicasTest, WhoComesFirstIsServedFirst) {
  fill(1);
  EXPECT_FALSE(enter("a"));
  EXPECT_FALSE(enter("b"));
  replicas_.leave("first0");
  EXPECT_FALSE(enter("b"));
  EXPECT_TRUE(enter("a"));
  EXPECT_FALSE(enter("b"));
  replicas_.leave("a");
  EXPECT_TRUE(enter("b"));
}

TEST_F(ReplicasTest, WhoIsBeingMadeMayAskAgainAndCountsOnce) {
  EXPECT_EQ(enter("a", 2), 0u);
  EXPECT_EQ(enter("a", 2), 0u);
  EXPECT_EQ(enter("b", 2), 1u);
  EXPECT_EQ(replicas_.loads("image").replicas[0].creating, 1u);
  replicas_.leave("a");
  replicas_.leave("a");
  EXPECT_EQ(replicas_.loads("image").replicas[0].creating, 0u);
}

TEST_F(ReplicasTest, WhoNeverAsksAgainKeepsNobodyWaiting) {
  fill(1);
  EXPECT_FALSE(enter("gone"));
  now_ += Seconds(30);
  EXPECT_FALSE(enter("patient"));
  now_ += Seconds(31);
  replicas_.leave("first0");
  EXPECT_TRUE(enter("patient"));
  EXPECT_FALSE(enter("gone"));
}

TEST_F(ReplicasTest, ImagesDoNotWaitForEachOther) {
  fill(1);
  EXPECT_TRUE(replicas_.enter("other", 1, "x", now_));
}

TEST_F(ReplicasTest, FewerReplicasServeFewer) {
  fill(2);
  EXPECT_FALSE(enter("late", 1));
  replicas_.leave("first1");  // of the second replica, which is not used any more
  EXPECT_FALSE(enter("late", 1));
  replicas_.leave("first0");
  EXPECT_EQ(enter("late", 1), 0u);
}

}  // namespace
}  // namespace pinaco::work
