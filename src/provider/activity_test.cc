// The activity log over a model in memory, with a clock of its own.
#include <gtest/gtest.h>

#include "provider/platform.h"

namespace pinaco::provider {
namespace {

class ActivityTest : public testing::Test {
 protected:
  ActivityTest()
      : kv_(kv::open_memory()),
        random_(seeded_random(1)),
        model_(*kv_, clock_, *random_),
        directory_(*identity::Directory::open(model_, access::Access::welcome)),
        access_(model_, *directory_) {}

  Call call(std::string method, std::string path) {
    const auto& first = *directory_->first_credentials();
    Call call{.method = std::move(method),
              .path = "/subscriptions/" + first.subscription + path,
              .id = {},
              .api_version = "2015-04-01",
              .parts = {{"subscription", first.subscription}},
              .model = model_,
              .world = world_,
              .access = access_};
    call.caller = {.tenant = first.tenant,
                   .object_id = first.object_id,
                   .client_id = first.client_id,
                   .name = "administrator",
                   .peer = "10.0.0.5:4711"};
    return call;
  }
  void record(const std::string& group, int status = 200) {
    const auto done = record_activity(call("PUT", "/resourceGroups/" + group),
                                      {.correlation = "c", .status = status});
    ASSERT_TRUE(done) << done.error().message;
  }
  // The groups in the order of the list, page by page.
  std::vector<std::string> listed(const std::string& filter = "") {
    std::vector<std::string> groups;
    auto asked = call("GET", "");
    if (!filter.empty()) asked.query["$filter"] = filter;
    for (int page = 0; page < 10; page++) {
      const auto outcome = list_activity(asked);
      EXPECT_TRUE(outcome) << outcome.error().message;
      if (!outcome) return groups;
      for (const Json& row : outcome->body.at("value").get_array()) {
        groups.emplace_back(string_at(row, "resourceGroupName"));
      }
      if (outcome->next.empty()) return groups;
      asked.query["$skiptoken"] = outcome->next;
    }
    ADD_FAILURE() << "the pages do not end";
    return groups;
  }

  ManualClock clock_;
  std::unique_ptr<kv::Kv> kv_;
  std::unique_ptr<Random> random_;
  model::Model model_;
  std::unique_ptr<identity::Directory> directory_;
  World world_;
  access::Access access_;
};

TEST_F(ActivityTest, ShowsTheNewestFirst) {
  record("a");
  record("b");
  clock_.advance(std::chrono::hours(50));
  record("c", 403);
  EXPECT_EQ(listed(), (std::vector<std::string>{"c", "b", "a"}));
  EXPECT_EQ(listed("status eq 'Failed'"), std::vector<std::string>{"c"});
  EXPECT_EQ(listed("eventTimestamp le '" + to_iso8601(clock_.now() - std::chrono::hours(1)) + "'"),
            (std::vector<std::string>{"b", "a"}));
}

TEST_F(ActivityTest, PagesMissAndRepeatNothing) {
  std::vector<std::string> wanted;
  for (int i = 0; i < 450; i++) {
    record("g" + std::to_string(i));
    wanted.insert(wanted.begin(), "g" + std::to_string(i));
    if (i % 3 == 0) clock_.advance(std::chrono::minutes(7));
  }
  EXPECT_EQ(listed(), wanted);
}

TEST_F(ActivityTest, ForgetsWhatIsOlderThanNinetyDays) {
  for (int i = 0; i < 3; i++) record("old");
  clock_.advance(std::chrono::hours(24 * 91));
  record("new");
  ASSERT_TRUE(model_.read(call("GET", "").parts.at("subscription"),
                          [](const model::View& view) -> Result<> {
                            EXPECT_EQ(TRY(view.facts("activity/")).size(), 1U);
                            EXPECT_EQ(int_at(*TRY(view.find_fact("activity-count")), "count"), 1);
                            return {};
                          }));
  EXPECT_EQ(listed(), std::vector<std::string>{"new"});
}

TEST_F(ActivityTest, CountsARefusalThatIsRepeatedInOneRow) {
  for (int i = 0; i < 50; i++) record("same", 403);
  EXPECT_EQ(listed(), std::vector<std::string>{"same"});
  const auto outcome = list_activity(call("GET", ""));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(string_at(outcome->body.at("value").at(0), "properties.repeated"), "49");
  clock_.advance(std::chrono::minutes(1));
  record("same", 403);
  EXPECT_EQ(listed().size(), 2U);
}

TEST_F(ActivityTest, RefusalsOfOneCallerHaveTwentyRowsAMinute) {
  for (int i = 0; i < 100; i++) record("g" + std::to_string(i), 403);
  record("done");
  EXPECT_EQ(listed().size(), 21U);
  EXPECT_EQ(listed().front(), "done");
}

TEST_F(ActivityTest, ForgetsOfEachLogAlone) {
  auto above = call("PUT", "");
  above.path = "/providers/Microsoft.Management/managementGroups/g";
  above.parts.clear();
  const auto in_tenant = [&] {
    const auto outcome = list_tenant_activity(above);
    EXPECT_TRUE(outcome);
    return outcome ? outcome->body.at("value").get_array().size() : 0;
  };
  ASSERT_TRUE(record_activity(above, {.correlation = "c", .status = 200}));
  clock_.advance(std::chrono::hours(24 * 91));
  record("new");
  EXPECT_EQ(in_tenant(), 0U);
  ASSERT_TRUE(record_activity(above, {.correlation = "c", .status = 200}));
  EXPECT_EQ(in_tenant(), 1U);
  EXPECT_EQ(listed(), std::vector<std::string>{"new"});
  const auto count = "tenant-activity-count/" + above.caller.tenant;
  ASSERT_TRUE(model_.read("", [&](const model::View& view) -> Result<> {
    EXPECT_EQ(TRY(view.facts("tenant-activity/")).size(), 1U);
    EXPECT_EQ(int_at(*TRY(view.find_fact(count)), "count"), 1);
    return {};
  }));
}

TEST_F(ActivityTest, RecordsNothingForCallersOfAnotherTenant) {
  auto other = call("PUT", "/resourceGroups/g");
  other.caller.tenant = "another";
  ASSERT_TRUE(record_activity(other, {.correlation = "c", .status = 403}));
  EXPECT_TRUE(listed().empty());
}

}  // namespace
}  // namespace pinaco::provider
