// Starts that wait for their turn keep no worker.
#include "work/starts.h"

#include <gtest/gtest.h>

#include <future>
#include <map>

#include "os/test_folder.h"
#include "work/guests.h"

namespace pinaco::work {
namespace {

class StartsTest : public testing::Test {
 protected:
  bool enter(const std::string& machine) {
    auto turn = starts_.enter(machine, now_);
    if (turn) turns_.emplace(machine, std::move(*turn));
    return turns_.contains(machine);
  }
  void fill() {
    for (std::size_t i = 0; i < Starts::at_once; i++) ASSERT_TRUE(enter(std::to_string(i)));
  }

  Starts starts_;
  SteadyTime now_ = SteadyTime() + Seconds(1000);
  std::map<std::string, Starts::Turn> turns_;
};

TEST_F(StartsTest, WhoComesFirstIsServedFirst) {
  fill();
  EXPECT_FALSE(enter("a"));
  EXPECT_FALSE(enter("b"));
  turns_.erase("3");
  EXPECT_FALSE(enter("b"));
  EXPECT_TRUE(enter("a"));
  EXPECT_FALSE(enter("b"));
  turns_.erase("a");
  EXPECT_TRUE(enter("b"));
}

TEST_F(StartsTest, WhoNeverAsksAgainKeepsNobodyWaiting) {
  fill();
  EXPECT_FALSE(enter("gone"));
  now_ += Seconds(30);
  EXPECT_FALSE(enter("patient"));
  turns_.erase("0");
  EXPECT_FALSE(enter("patient"));
  now_ += Seconds(31);
  EXPECT_TRUE(enter("patient"));
}

TEST_F(StartsTest, WhatWasDeletedKeepsNobodyWaiting) {
  fill();
  EXPECT_FALSE(enter("deleted"));
  EXPECT_FALSE(enter("next"));
  starts_.forget("deleted");
  turns_.erase("0");
  EXPECT_TRUE(enter("next"));
}

TEST_F(StartsTest, AMachineHasOneTurnAtATime) {
  ASSERT_TRUE(enter("a"));
  EXPECT_FALSE(starts_.enter("a", now_));
}

class BringUp : public testing::Test {
 protected:
  BringUp() {
    auto hypervisor = machine::open_none(folder_ / "guests");
    EXPECT_TRUE(hypervisor) << hypervisor.error().message;
    host_ = std::make_unique<Host>(
        HostOptions{.hypervisor = std::move(*hypervisor), .simulated = true, .disks = {}});
    EXPECT_TRUE(model_.change(id_.subscription, [&](model::Change& change) -> Result<> {
      auto disk = id_;
      disk.types = {"disks"};
      TRY(change.put({.id = disk, .location = "westeurope"}));
      operation_ = TRY(
          change.start({.resource = id_, .task = "start_machine", .surface = "", .location = ""}));
      model::Resource machine{.id = id_, .location = "westeurope"};
      set_path(machine.properties, "vmId", guest_);
      set_path(machine.properties, "storageProfile.osDisk.managedDisk.id", disk.text());
      machine.operation = operation_.id;
      return change.put(machine);
    }));
  }

  const arm::ResourceId id_ = *arm::ResourceId::parse(
      "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/"
      "Microsoft.Compute/virtualMachines/web");
  const std::string guest_ = "11111111-0000-4000-8000-000000000001";
  os::TestFolder folder_;
  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  ManualClock clock_;
  model::Model model_{*kv_, clock_, system_random()};
  Depot depot_{{}, nullptr, nullptr};
  WorkerOptions options_;
  std::atomic<bool> ending_ = false;
  std::unique_ptr<Host> host_;
  model::Operation operation_;
};

TEST_F(BringUp, ComesAgainWhileManyStart) {
  std::vector<Starts::Turn> others;
  for (std::size_t i = 0; i < Starts::at_once; i++) {
    others.push_back(std::move(*host_->starts().enter(std::to_string(i), clock_.steady())));
  }
  Bench bench{model_, depot_, options_, ending_, host_.get()};
  const auto waited = bring_up(bench, operation_);
  ASSERT_FALSE(waited);
  EXPECT_TRUE(is_later(waited.error())) << waited.error().message;
  others.pop_back();
  // It has no network interface, which is found out when it is its turn.
  const auto tried = bring_up(bench, operation_);
  ASSERT_FALSE(tried);
  EXPECT_FALSE(is_later(tried.error()));
  // Its turn ended with that.
  EXPECT_TRUE(host_->starts().enter("another", clock_.steady()));
}

TEST_F(BringUp, ComesAgainWhileOneThatSharesItsLockStarts) {
  const auto lock_of = [](std::string_view id) {
    return std::hash<std::string_view>()(id) % Host::locks;
  };
  std::string other = "0";
  for (int i = 1; lock_of(other) != lock_of(guest_); i++) other = std::to_string(i);
  Bench bench{model_, depot_, options_, ending_, host_.get()};
  auto held = host_->lock(other);
  auto tried = std::async(std::launch::async, [&] { return bring_up(bench, operation_); });
  EXPECT_EQ(tried.wait_for(Seconds(10)), std::future_status::ready) << "it waits for the lock";
  held.unlock();
  const auto came = tried.get();
  ASSERT_FALSE(came);
  EXPECT_TRUE(is_later(came.error())) << came.error().message;
  // Nor did it take a turn meanwhile.
  EXPECT_TRUE(host_->starts().enter(guest_, clock_.steady()));
}

}  // namespace
}  // namespace pinaco::work
