// The handlers over a model in memory, as they run after the router's checks.
#include <gtest/gtest.h>

#include "blob/blob.h"
#include "provider/platform.h"

namespace pinaco::provider {
namespace {

class TrackedTest : public testing::Test {
 protected:
  TrackedTest()
      : kv_(kv::open_memory()),
        random_(seeded_random(1)),
        model_(*kv_, clock_, *random_),
        directory_(*identity::Directory::open(model_, access::Access::welcome)),
        access_(model_, *directory_) {
    const auto& first = *directory_->first_credentials();
    group_ = "/subscriptions/" + first.subscription + "/resourceGroups/rg";
    gallery_ = *arm::ResourceId::parse(group_ + "/providers/Microsoft.Compute/galleries/g");
    EXPECT_TRUE(model_.change(first.subscription, [&](model::Change& change) -> Result<> {
      TRY(change.put({.id = gallery_.group_id(), .location = "westeurope"}));
      return change.put({.id = gallery_, .location = "westeurope"});
    }));
  }

  Result<Outcome> remove_gallery() {
    const auto& first = *directory_->first_credentials();
    const Call call{.method = "DELETE",
                    .path = gallery_.text(),
                    .id = gallery_,
                    .api_version = "2021-10-01",
                    .caller = {.tenant = first.tenant, .object_id = first.object_id},
                    .model = model_,
                    .world = world_,
                    .access = access_};
    return delete_resource(*find_type("Microsoft.Compute", "galleries"), call);
  }
  void put_lock(const std::string& scope) {
    const auto& first = *directory_->first_credentials();
    ASSERT_TRUE(model_.change(first.subscription, [&](model::Change& change) {
      return access::put_rule(change, access::Lock{.name = "l",
                                                   .tenant = first.tenant,
                                                   .scope = scope,
                                                   .level = access::LockLevel::cannot_delete});
    }));
  }

  ManualClock clock_;
  std::unique_ptr<kv::Kv> kv_;
  std::unique_ptr<Random> random_;
  model::Model model_;
  std::unique_ptr<identity::Directory> directory_;
  World world_;
  access::Access access_;
  std::string group_;
  arm::ResourceId gallery_;
};

TEST_F(TrackedTest, ALockThatIsPutAfterTheFirstCheckStillKeepsTheResource) {
  const std::string below = gallery_.text() + "/images/d";
  for (const auto& scope : {group_, gallery_.text(), below}) {
    ASSERT_TRUE(access_.check_locks(gallery_.text(), true)) << scope;
    put_lock(scope);  // between the router's check and the transaction
    const auto removed = remove_gallery();
    ASSERT_FALSE(removed) << scope;
    EXPECT_EQ(removed.error().code, "ScopeLocked");
    ASSERT_TRUE(model_.change(gallery_.subscription, [&](model::Change& change) -> Result<> {
      for (const auto& lock : TRY(access::read_locks(change))) {
        TRY(access::erase_lock(change, lock));
      }
      return {};
    }));
  }
  EXPECT_TRUE(remove_gallery());
}

TEST_F(TrackedTest, ARefusedAccountGivesItsNameBack) {
  world_.locations.push_back({.name = "westeurope", .display_name = "West Europe", .zones = {}});
  const auto id =
      *arm::ResourceId::parse(group_ + "/providers/Microsoft.Storage/storageAccounts/disks1");
  const auto put = [&](const char* kind) {
    const auto& first = *directory_->first_credentials();
    const Call call{.method = "PUT",
                    .path = id.text(),
                    .id = id,
                    .api_version = "2022-09-01",
                    .body = JsonObject{{"location", "westeurope"},
                                       {"kind", kind},
                                       {"sku", JsonObject{{"name", "Standard_LRS"}}}},
                    .caller = {.tenant = first.tenant, .object_id = first.object_id},
                    .model = model_,
                    .world = world_,
                    .access = access_};
    return put_resource(*find_type("Microsoft.Storage", "storageAccounts"), call);
  };
  const auto is_claimed = [&] {
    bool claimed = false;
    EXPECT_TRUE(model_.read("", [&](const model::View& view) -> Result<> {
      const auto fact = TRY(view.find_fact(blob::name_fact("disks1")));
      claimed = fact.has_value();
      return {};
    }));
    return claimed;
  };
  EXPECT_FALSE(put("Nonsense"));
  EXPECT_FALSE(is_claimed());
  const auto made = put("StorageV2");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(put("Nonsense"));
  EXPECT_TRUE(is_claimed());  // a change that was refused leaves the account its name
}

}  // namespace
}  // namespace pinaco::provider
