#include "os/limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace pinaco::os {
namespace {

TEST(Limits, RaisesTheLimitOfOpenFilesAsFarAsItMayAndNeverLowersIt) {
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 100;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);

  rlimit now = {};
  const auto some = allow_open_files(200);
  ::getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(some.value_or(0), 200u);
  EXPECT_EQ(now.rlim_cur, 200u);
  EXPECT_EQ(allow_open_files(150).value_or(0), 200u);
  const auto all = allow_open_files(RLIM_INFINITY);
  ::getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(all.value_or(0), before.rlim_max);
  EXPECT_EQ(now.rlim_cur, before.rlim_max);

  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace pinaco::os
