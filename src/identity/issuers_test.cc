// How many fetches run at once, and who makes room for whom.
#include "identity/issuers.h"

#include <fmt/format.h>

#include <thread>

#include "identity/sign_in_testing.h"

namespace pinaco::identity {
namespace {

// Issuers whose fetches end when the test says so.
class IssuersTest : public testing::Test {
 protected:
  Result<std::string> fetch(const std::string& url) {
    std::unique_lock lock(mutex_);
    ++fetches_[url];
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    --inside_;
    const auto issuer = url.substr(0, url.find('/', 8));
    if (url.ends_with("/keys")) {
      return to_text(JsonObject{{"keys", JsonArray{OtherKey::rsa().jwk("k")}}});
    }
    return to_text(JsonObject{{"issuer", issuer}, {"jwks_uri", issuer + "/keys"}});
  }
  void await_inside(std::size_t wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == wanted; });
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  Result<> check(const std::string& issuer, const std::string& tenant = "t") {
    const auto text =
        make_jwt({{"alg", "RS256"}, {"kid", "k"}}, {{"iss", issuer}}, OtherKey::rsa());
    return issuers_.check_signature(issuer, *parse_jwt(text), tenant);
  }
  static std::string url(int number) { return fmt::format("https://{:04}.example", number); }

  ManualClock clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::size_t inside_ = 0;
  std::map<std::string, int> fetches_;
  Issuers issuers_{[this](const std::string& url, Reach) { return fetch(url); }, clock_};
};

TEST_F(IssuersTest, SlowIssuersHoldFourThreadsAndTheConfiguredOneIsNotBehindThem) {
  issuers_.trust({"https://corp.example"}, {});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; i++) {
      threads.emplace_back([&, i] { EXPECT_TRUE(check(url(i), fmt::format("tenant {}", i / 2))); });
    }
    await_inside(4);
    const auto fifth = check(url(5), "another");  // at once: nobody lets go meanwhile
    ASSERT_FALSE(fifth);
    EXPECT_EQ(fifth.error().kind, Kind::unavailable);
    threads.emplace_back([&] { EXPECT_TRUE(check("https://corp.example")); });
    await_inside(5);
    let_go();
  }
  EXPECT_TRUE(check(url(5), "another"));
}

TEST_F(IssuersTest, OneTenantHoldsHalfOfThem) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; i++) {
    threads.emplace_back([&, i] { EXPECT_TRUE(check(url(i))); });
  }
  await_inside(2);
  EXPECT_FALSE(check(url(2)));
  threads.emplace_back([&] { EXPECT_TRUE(check(url(3), "another")); });
  await_inside(3);
  let_go();
}

TEST_F(IssuersTest, ConfiguredIssuersNeverMakeRoom) {
  issuers_.trust({"https://0.example"}, {});  // the first of all in order
  let_go();
  EXPECT_TRUE(check("https://0.example"));
  for (int i = 0; i < 1001; i++) EXPECT_TRUE(check(url(i)));
  EXPECT_TRUE(check("https://0.example"));
  EXPECT_EQ(fetches_["https://0.example/keys"], 1);
  EXPECT_TRUE(check(url(1000)));
  EXPECT_EQ(fetches_[url(1000) + "/keys"], 1);
  EXPECT_TRUE(check(url(0)));  // the one that was not used for longest
  EXPECT_EQ(fetches_[url(0) + "/keys"], 2);
}

}  // namespace
}  // namespace pinaco::identity
