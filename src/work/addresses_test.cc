// Which address of this host a public address gets.
#include <gtest/gtest.h>

#include "work/guests.h"

namespace pinaco::work {
namespace {

class Addresses : public testing::Test {
 protected:
  Addresses() : host_({.hypervisor = {}, .disks = {}, .addresses = "127.9.9.0/30"}) {}

  static arm::ResourceId id_of(const std::string& name) {
    return *arm::ResourceId::parse(
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/"
        "Microsoft.Network/publicIPAddresses/" +
        name);
  }
  // What it is given; or the code of the refusal.
  std::string assign(const std::string& name) {
    const auto id = id_of(name);
    if (!*model_.find(id)) {
      const model::Resource address{.id = id, .location = "westeurope"};
      EXPECT_TRUE(model_.change(
          id.subscription, [&](model::Change& change) -> Result<> { return change.put(address); }));
    }
    Bench bench{model_, depot_, options_, ending_, &host_};
    if (const auto done = assign_address_to(bench, id); !done) return done.error().code;
    return std::string(string_at(model_.get(id)->properties, "ipAddress"));
  }
  void erase(const std::string& name) {
    const auto id = id_of(name);
    EXPECT_TRUE(model_.change(id.subscription,
                              [&](model::Change& change) -> Result<> { return change.erase(id); }));
  }

  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  model::Model model_{*kv_, system_clock(), system_random()};
  Depot depot_{{}, nullptr, nullptr};
  WorkerOptions options_;
  std::atomic<bool> ending_ = false;
  Host host_;
};

TEST_F(Addresses, EachGetsOneOfItsOwnAndKeepsIt) {
  EXPECT_EQ(assign("a"), "127.9.9.1");
  EXPECT_EQ(assign("b"), "127.9.9.2");
  EXPECT_EQ(assign("a"), "127.9.9.1");
}

TEST_F(Addresses, OneThatIsFreeAgainIsGivenWhenNoOtherIsLeft) {
  EXPECT_EQ(assign("a"), "127.9.9.1");
  erase("a");
  EXPECT_EQ(assign("b"), "127.9.9.2");
  EXPECT_EQ(assign("c"), "127.9.9.1");
  EXPECT_EQ(assign("d"), "PublicIPCountLimitReached");
}

}  // namespace
}  // namespace pinaco::work
