// What a list costs: what lies above its rows is read once, however many there are.
#include <gtest/gtest.h>

#include "provider/scale_sets.h"

namespace pinaco::provider {
namespace {

// Rows in memory, with how often they were looked at.
class CountingKv : public kv::Kv {
 public:
  Result<kv::Revision> change(std::string_view shard,
                              const std::function<Result<>(kv::Transaction&)>& change) override {
    return rows_->change(shard, change);
  }
  Result<> read(std::string_view shard,
                const std::function<Result<>(kv::Reader&)>& reading) const override {
    reads++;
    return rows_->read(shard, reading);
  }
  Result<kv::Revision> revision(std::string_view shard) const override {
    return rows_->revision(shard);
  }
  Result<std::vector<kv::Changed>> changes(std::string_view shard, kv::Revision after,
                                           std::size_t rows_max) const override {
    return rows_->changes(shard, after, rows_max);
  }
  Result<kv::Revision> wait(std::string_view shard, kv::Revision after,
                            Milliseconds at_most) const override {
    return rows_->wait(shard, after, at_most);
  }
  Result<std::vector<std::string>> shards() const override { return rows_->shards(); }

  mutable std::size_t reads = 0;

 private:
  const std::unique_ptr<kv::Kv> rows_ = kv::open_memory();
};

class ListTest : public testing::Test {
 protected:
  ListTest() {
    const auto& first = *directory_->first_credentials();
    set_ = *arm::ResourceId::parse(
        "/subscriptions/" + first.subscription +
        "/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/web");
    EXPECT_TRUE(model_.change(first.subscription, [&](model::Change& change) -> Result<> {
      TRY(change.put({.id = set_.group_id(), .location = "westeurope"}));
      model::Resource set{.id = set_, .location = "westeurope"};
      set_path(set.internal, "model.number", 7);
      return change.put(set);
    }));
  }

  void put_instance(int number, int made_from) {
    ASSERT_TRUE(model_.change(set_.subscription, [&](model::Change& change) {
      model::Resource row{.id = set_.child("virtualMachines", std::to_string(number)),
                          .location = "westeurope"};
      set_path(row.internal, "model", made_from);
      return change.put(row);
    }));
  }

  JsonArray list() {
    const auto& first = *directory_->first_credentials();
    const Call call{.method = "GET",
                    .path = set_.text() + "/virtualMachines",
                    .id = set_.child("virtualMachines", ""),
                    .api_version = "2022-08-01",
                    .caller = {.tenant = first.tenant, .object_id = first.object_id},
                    .model = model_,
                    .world = world_,
                    .access = access_};
    const auto listed = list_resources(scale_set_instances, call);
    EXPECT_TRUE(listed) << listed.error().message;
    return listed ? listed->body.at("value").as_array() : JsonArray();
  }

  ManualClock clock_;
  CountingKv kv_;
  std::unique_ptr<Random> random_ = seeded_random(1);
  model::Model model_{kv_, clock_, *random_};
  std::unique_ptr<identity::Directory> directory_ =
      *identity::Directory::open(model_, access::Access::welcome);
  World world_;
  access::Access access_{model_, *directory_};
  arm::ResourceId set_;
};

TEST_F(ListTest, ASetsInstancesAreComparedWithItReadOnce) {
  put_instance(0, 7);
  list();
  kv_.reads = 0;
  ASSERT_EQ(list().size(), 1U);
  const auto for_one = kv_.reads;
  for (int i = 1; i < 20; i++) put_instance(i, 6);
  kv_.reads = 0;
  const auto all = list();
  ASSERT_EQ(all.size(), 20U);
  EXPECT_EQ(kv_.reads, for_one);
  EXPECT_TRUE(bool_at(all[0], "properties.latestModelApplied"));
  EXPECT_FALSE(bool_at(all[1], "properties.latestModelApplied", true));
}

}  // namespace
}  // namespace pinaco::provider
