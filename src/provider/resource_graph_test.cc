// Resource Graph over a model in memory: what a query may hold.
#include "provider/resource_graph.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pinaco::provider {
namespace {

class ResourceGraphTest : public testing::Test {
 protected:
  ResourceGraphTest()
      : kv_(kv::open_memory()),
        random_(seeded_random(1)),
        model_(*kv_, clock_, *random_),
        directory_(*identity::Directory::open(model_, access::Access::welcome)),
        access_(model_, *directory_) {}

  void make_groups(int count) {
    const auto& first = *directory_->first_credentials();
    ASSERT_TRUE(model_.change(first.subscription, [&](model::Change& change) -> Result<> {
      for (int i = 0; i < count; i++) {
        TRY(change.put({.id = {.subscription = first.subscription,
                               .group = fmt::format("g{}", i),
                               .provider = "Microsoft.Resources",
                               .types = {"resourceGroups"},
                               .names = {fmt::format("g{}", i)}},
                        .location = "westeurope",
                        .tags = JsonObject{{"long", std::string(1000, 'x')}}}));
      }
      return {};
    }));
  }
  Result<Outcome> query(const std::string& text) {
    const auto& first = *directory_->first_credentials();
    Call call{.method = "POST",
              .path = "/providers/Microsoft.ResourceGraph/resources",
              .id = {},
              .api_version = "2022-10-01",
              .body = JsonObject{{"query", text}},
              .caller = {.tenant = first.tenant, .object_id = first.object_id},
              .model = model_,
              .world = world_,
              .access = access_};
    return query_resource_graph(call);
  }
  // How many rows there are, or the code of the refusal.
  std::string found(const std::string& text) {
    const auto outcome = query(text);
    if (outcome) return fmt::to_string(int_at(outcome->body, "totalRecords"));
    return outcome.error().details.empty() ? outcome.error().code : outcome.error().details[0].code;
  }

  ManualClock clock_;
  std::unique_ptr<kv::Kv> kv_;
  std::unique_ptr<Random> random_;
  model::Model model_;
  std::unique_ptr<identity::Directory> directory_;
  World world_;
  access::Access access_;
};

TEST_F(ResourceGraphTest, AQueryHoldsSoManyBytes) {
  make_groups(100);
  EXPECT_EQ(found("resourcecontainers | where type endswith 'groups'"), "100");
  world_.graph_bytes_max = 100'000;
  const auto all = query("resourcecontainers");
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, "BadRequest");
  EXPECT_EQ(found("resourcecontainers"), "ResponsePayloadTooLarge");
  // What is dropped on the way is not held.
  EXPECT_EQ(found("resourcecontainers | where name == 'g7'"), "1");
  EXPECT_EQ(found("resourcecontainers | where type endswith 'groups' | count"), "1");
  EXPECT_EQ(found("resourcecontainers | where type endswith 'groups' | project name"), "100");
  EXPECT_EQ(found("resourcecontainers | project name, tags"), "ResponsePayloadTooLarge");
}

TEST_F(ResourceGraphTest, AQueryGoesThroughSoManyRows) {
  make_groups(20);
  world_.graph_rows_max = 10;
  EXPECT_EQ(found("resourcecontainers | count"), "ResponsePayloadTooLarge");
  EXPECT_EQ(found("resourcecontainers | where name startswith 'g1' | where name != 'g1'"), "10");
}

}  // namespace
}  // namespace pinaco::provider
