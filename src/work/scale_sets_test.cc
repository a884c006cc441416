// What operations on scale sets do where no machines run, and after one that failed half-way.
#include "work/scale_sets.h"

#include <gtest/gtest.h>

#include "os/test_folder.h"

namespace pinaco::work {
namespace {

constexpr const char* set_text =
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/"
    "Microsoft.Compute/virtualMachineScaleSets/web";

class ScaleSets : public testing::Test {
 protected:
  ScaleSets() {
    auto hypervisor = machine::open_none(folder_ / "guests");
    EXPECT_TRUE(hypervisor) << hypervisor.error().message;
    host_ = std::make_unique<Host>(
        HostOptions{.hypervisor = std::move(*hypervisor), .simulated = true, .disks = {}});
  }

  Bench bench(Host* host) { return {model_, depot_, options_, ending_, host}; }
  // A set that wants one, with an instance whose disk is gone, under that operation.
  model::Operation put_set(const std::string& instance_operation) {
    model::Operation operation;
    EXPECT_TRUE(model_.change(set_.subscription, [&](model::Change& change) -> Result<> {
      operation = TRY(change.start(
          {.resource = set_, .task = "update_scale_set", .surface = "", .location = ""}));
      model::Resource set{.id = set_, .location = "westeurope"};
      set.operation = operation.id;
      set.sku = JsonObject{{"capacity", 1}};
      TRY(change.put(set));
      model::Resource instance{.id = instance_, .location = "westeurope"};
      set_path(instance.properties, "vmId", "11111111-0000-4000-8000-000000000001");
      set_path(instance.properties, "storageProfile.osDisk.managedDisk.id", "gone");
      set_path(instance.internal, "set", set_text);
      instance.provisioning = "Creating";
      instance.operation = instance_operation;
      return change.put(instance);
    }));
    return operation;
  }

  const arm::ResourceId set_ = *arm::ResourceId::parse(set_text);
  const arm::ResourceId instance_ = set_.child("virtualMachines", "0");
  os::TestFolder folder_;
  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  model::Model model_{*kv_, system_clock(), system_random()};
  Depot depot_{{}, nullptr, nullptr};
  WorkerOptions options_;
  std::atomic<bool> ending_ = false;
  std::unique_ptr<Host> host_;
};

TEST_F(ScaleSets, NothingIsDoneWhereNoMachinesRun) {
  auto operation = put_set("");
  auto nowhere = bench(nullptr);
  EXPECT_EQ(update_scale_set(nowhere, operation).error().code, "OperationNotAllowed");
  EXPECT_EQ(act_on_scale_set(nowhere, operation).error().code, "OperationNotAllowed");
  operation.resource = instance_;
  EXPECT_EQ(reimage_machine(nowhere, operation).error().code, "OperationNotAllowed");
}

TEST_F(ScaleSets, WhatAFailedOperationLeftHalfMadeDoesNotStaySo) {
  const auto operation = put_set("an operation that is over");
  auto here = bench(host_.get());
  EXPECT_FALSE(update_scale_set(here, operation));
  const auto instance = model_.get(instance_);
  ASSERT_TRUE(instance);
  EXPECT_EQ(instance->provisioning, "Failed");
  EXPECT_EQ(instance->operation, "");
}

}  // namespace
}  // namespace pinaco::work
