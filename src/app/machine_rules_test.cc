// What happens to machines while something else works on them or on what they need: in a whole
// server, with operations held back where a test needs one that goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/server_testing.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;

constexpr const char* galleries = "?api-version=2022-03-03";
constexpr const char* machines = "?api-version=2022-08-01";
constexpr const char* network = "?api-version=2022-07-01";
constexpr const char* disks = WholeServer::disks_api;

class MachineRules : public testing::Test {
 protected:
  // Two groups, an image and a network in the first.
  MachineRules() {
    const Json place = JsonObject{{"location", "westeurope"}};
    for (const auto& group : {group_, other_}) {
      server_.must("PUT", group + "?api-version=2021-04-01", place);
    }
    make_disk(compute_);
    server_.must("PUT", compute_ + "/galleries/g" + galleries, place);
    server_.must(
        "PUT", definition_ + galleries,
        put({{"osType", "Linux"},
             {"osState", "Specialized"},
             {"identifier", JsonObject{{"publisher", "p"}, {"offer", "o"}, {"sku", "s"}}}}));
    server_.drain();
    const Json os = JsonObject{{"source", JsonObject{{"id", compute_ + "/disks/disk"}}}};
    server_.must("PUT", definition_ + "/versions/1.0.0" + galleries,
                 put({{"storageProfile", JsonObject{{"osDiskImage", os}}}}));
    server_.drain();
  }

  static Json put(JsonObject properties) {
    return JsonObject{{"location", "westeurope"}, {"properties", std::move(properties)}};
  }

  void make_disk(const std::string& compute) {
    server_.must("PUT", compute + "/disks/disk" + disks,
                 put({{"osType", "Linux"},
                      {"diskSizeGB", 1},
                      {"creationData", JsonObject{{"createOption", "Empty"}}}}));
  }

  // A running machine with a network of its own in its group; its resource id.
  std::string make_machine(const std::string& group) {
    const auto net = group + "/providers/Microsoft.Network";
    const Json rule = JsonObject{{"name", "ssh"}, {"properties", rule_of("22")}};
    server_.must("PUT", net + "/networkSecurityGroups/nsg" + network,
                 put({{"securityRules", JsonArray{rule}}}));
    server_.must("PUT", net + "/publicIPAddresses/ip" + network,
                 put({{"publicIPAllocationMethod", "Static"}}));
    const Json subnet =
        JsonObject{{"name", "all"}, {"properties", JsonObject{{"addressPrefix", "10.0.0.0/24"}}}};
    server_.must("PUT", net + "/virtualNetworks/net" + network,
                 put({{"addressSpace", JsonObject{{"addressPrefixes", JsonArray{"10.0.0.0/24"}}}},
                      {"subnets", JsonArray{subnet}}}));
    const Json address = JsonObject{
        {"name", "main"},
        {"properties",
         JsonObject{{"subnet", JsonObject{{"id", net + "/virtualNetworks/net/subnets/all"}}},
                    {"publicIPAddress", JsonObject{{"id", net + "/publicIPAddresses/ip"}}}}}};
    server_.must(
        "PUT", net + "/networkInterfaces/card" + network,
        put({{"ipConfigurations", JsonArray{address}},
             {"networkSecurityGroup", JsonObject{{"id", net + "/networkSecurityGroups/nsg"}}}}));
    const Json card = JsonObject{{"id", net + "/networkInterfaces/card"}};
    const auto id = group + "/providers/Microsoft.Compute/virtualMachines/m";
    server_.must(
        "PUT", id + machines,
        put({{"hardwareProfile", JsonObject{{"vmSize", "Standard_B1s"}}},
             {"storageProfile", JsonObject{{"imageReference", JsonObject{{"id", definition_}}}}},
             {"networkProfile", JsonObject{{"networkInterfaces", JsonArray{card}}}}}));
    server_.drain();
    return id;
  }

  static JsonObject rule_of(const char* port) {
    return {{"priority", 100},
            {"direction", "Inbound"},
            {"access", "Allow"},
            {"protocol", "Tcp"},
            {"sourcePortRange", "*"},
            {"sourceAddressPrefix", "*"},
            {"destinationAddressPrefix", "*"},
            {"destinationPortRange", port}};
  }

  // A flexible set of one, with a data disk at LUN 0, in the network of make_machine(); its id.
  std::string make_flexible_set() {
    const auto net = group_ + "/providers/Microsoft.Network";
    const Json address = JsonObject{
        {"name", "main"},
        {"properties", JsonObject{{"subnet", JsonObject{{"id", net + "/virtualNetworks/net/subnets/"
                                                                     "all"}}}}}};
    const Json card = JsonObject{
        {"name", "card"}, {"properties", JsonObject{{"ipConfigurations", JsonArray{address}}}}};
    const Json storage = JsonObject{
        {"imageReference", JsonObject{{"id", definition_}}},
        {"dataDisks",
         JsonArray{JsonObject{{"lun", 0}, {"createOption", "Empty"}, {"diskSizeGB", 1}}}}};
    Json set =
        put({{"orchestrationMode", "Flexible"},
             {"virtualMachineProfile",
              JsonObject{{"storageProfile", storage},
                         {"networkProfile",
                          JsonObject{{"networkInterfaceConfigurations", JsonArray{card}}}}}}});
    set_path(set, "sku", JsonObject{{"name", "Standard_B2s"}, {"capacity", 1}});
    const auto id = compute_ + "/virtualMachineScaleSets/set";
    server_.must("PUT", id + machines, set);
    server_.drain();
    return id;
  }

  model::Resource row(const std::string& id) {
    const auto found = server_.parts().model->get(*arm::ResourceId::parse(id));
    EXPECT_TRUE(found) << id;
    return found.value_or(model::Resource());
  }
  // Nothing can be done to the machine's guest while this is held.
  std::unique_lock<std::mutex> hold(const std::string& machine) {
    return server_.parts().host->lock(string_at(row(machine).properties, "vmId"));
  }

  WholeServer server_;
  std::string group_ = server_.scope() + "/resourceGroups/rg";
  std::string other_ = server_.scope() + "/resourceGroups/other";
  std::string compute_ = group_ + "/providers/Microsoft.Compute";
  std::string definition_ = compute_ + "/galleries/g/images/d";
};

TEST_F(MachineRules, DeletingAMachineThatIsBeingStartedPreemptsTheStart) {
  const auto id = make_machine(group_);
  server_.must("POST", id + "/deallocate" + machines);
  server_.drain();
  Told started, deleted;
  {
    const auto held = hold(id);
    started = server_.must("POST", id + "/start" + machines);
    deleted = server_.must("DELETE", id + machines);
    const auto end = server_.end_of(started);
    EXPECT_EQ(end.text("status"), "Failed");
    EXPECT_EQ(end.text("error.code"), "OperationPreempted");
    EXPECT_EQ(server_.end_of(deleted).text("status"), "InProgress");
  }
  server_.drain();
  EXPECT_EQ(server_.end_of(deleted).text("status"), "Succeeded");
  EXPECT_EQ(server_.send("GET", id + machines).status, 404);
  // Nor did the start that was late bring a guest to life.
  EXPECT_TRUE(server_.parts().host->hypervisor().list().empty());
}

TEST_F(MachineRules, OtherOperationsAreNotPreempted) {
  const auto id = make_machine(group_);
  const auto held = hold(id);
  const auto stopped = server_.must("POST", id + "/deallocate" + machines);
  const auto refused = server_.send("DELETE", id + machines);
  EXPECT_THAT(refused.outcome(), HasSubstr("409 Conflict: Another operation (Updating)"));
  EXPECT_EQ(server_.end_of(stopped).text("status"), "InProgress");
}

TEST_F(MachineRules, AGroupThatIsBeingDeletedLendsNothing) {
  const auto machine = make_machine(other_);
  const auto compute = other_ + "/providers/Microsoft.Compute";
  make_disk(compute);
  server_.drain();
  const auto taker = make_machine(group_);
  const auto held = hold(machine);
  server_.must("DELETE", other_ + "?api-version=2021-04-01");
  const Json disk = JsonObject{{"lun", 0},
                               {"createOption", "Attach"},
                               {"managedDisk", JsonObject{{"id", compute + "/disks/disk"}}}};
  const auto refused = server_.send(
      "PATCH", taker + machines,
      JsonObject{{"properties",
                  JsonObject{{"storageProfile", JsonObject{{"dataDisks", JsonArray{disk}}}}}}});
  EXPECT_THAT(refused.outcome(), HasSubstr("409 ResourceGroupBeingDeleted"));
  // Nor is anything made in it.
  EXPECT_THAT(
      server_
          .send("PUT", compute + "/disks/new" + disks,
                put({{"diskSizeGB", 1}, {"creationData", JsonObject{{"createOption", "Empty"}}}}))
          .outcome(),
      HasSubstr("409 ResourceGroupBeingDeleted"));
}

TEST_F(MachineRules, WhatIsStillToBeCapturedIsNoSource) {
  const auto snapshot = compute_ + "/snapshots/s";
  server_.must("PUT", snapshot + disks,
               put({{"creationData", JsonObject{{"createOption", "Copy"},
                                                {"sourceResourceId", compute_ + "/disks/disk"}}}}));
  server_.drain();
  // As a snapshot of a machine's disk is until a worker has stored what the machine wrote.
  const auto waits = [&](const std::string& id, const char* path, bool wait) {
    const auto changed = server_.parts().model->change(
        server_.first().subscription, [&](model::Change& change) -> Result<> {
          auto now = TRY(change.get(TRY(arm::ResourceId::parse(id))));
          Json content = *find_path(now.internal, path);
          Json& one = content.is_array() ? content.get_array().front() : content;
          if (wait) {
            set_path(one, "disk", compute_ + "/disks/disk");
          } else {
            erase_path(one, "disk");
          }
          set_path(now.internal, path, std::move(content));
          return change.put(now);
        });
    ASSERT_TRUE(changed) << changed.error().message;
  };
  const auto copy = [&](const char* name, const std::string& source) {
    return server_
        .send("PUT", compute_ + "/disks/" + name + disks,
              put({{"creationData",
                    JsonObject{{"createOption", "Copy"}, {"sourceResourceId", source}}}}))
        .outcome();
  };
  const auto from_image = [&](const char* name, const std::string& image) {
    return server_
        .send("PUT", compute_ + "/disks/" + name + disks,
              put({{"creationData",
                    JsonObject{{"createOption", "FromImage"},
                               {"galleryImageReference", JsonObject{{"id", image}}}}}}))
        .outcome();
  };
  waits(snapshot, "content", true);
  EXPECT_THAT(copy("a", snapshot),
              HasSubstr("409 OperationNotAllowed: 's' is still being captured"));
  EXPECT_GE(server_.send("POST", "/pinaco/v1/links", JsonObject{{"id", snapshot}}).status, 400);
  waits(snapshot, "content", false);
  EXPECT_EQ(copy("a", snapshot), "202");

  const auto version = definition_ + "/versions/1.0.0";
  waits(version, "contents", true);
  EXPECT_THAT(from_image("b", version), HasSubstr("404 GalleryImageNotFound"));
  EXPECT_THAT(from_image("b", definition_), HasSubstr("404 GalleryImageNotFound"));
  EXPECT_GE(server_.send("POST", "/pinaco/v1/links", JsonObject{{"id", version}}).status, 400);
  waits(version, "contents", false);
  EXPECT_EQ(from_image("b", definition_), "202");
  server_.drain();
}

TEST_F(MachineRules, ARunningGuestIsToldWhatChangedInItsNetwork) {
  const auto id = make_machine(group_);
  const auto net = group_ + "/providers/Microsoft.Network";
  const auto told = [&] {
    // Whatever changes the machine tells the guest, as looking after it does.
    server_.must("PATCH", id + machines, JsonObject{{"tags", JsonObject{{"n", "1"}}}});
    server_.drain();
    return std::string(string_at(row(id).internal, "told"));
  };
  const auto first = told();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(told(), first);
  server_.must("PUT", net + "/networkSecurityGroups/nsg/securityRules/ssh" + network,
               JsonObject{{"properties", rule_of("2222")}});
  const auto second = told();
  EXPECT_NE(second, first);
  // The card loses its public address.
  auto card = server_.must("GET", net + "/networkInterfaces/card" + network).body;
  auto& configurations = card.at("properties").at("ipConfigurations").as_array();
  erase_path(configurations.front(), "properties.publicIPAddress");
  server_.must("PUT", net + "/networkInterfaces/card" + network, card);
  EXPECT_NE(told(), second);
}

TEST_F(MachineRules, WhatAScaleSetDidNotMakeStaysAsItIs) {
  make_machine(group_);
  const auto set = make_flexible_set();
  const auto list = server_.must("GET", compute_ + "/virtualMachines" + machines).body;
  std::string id;
  for (const Json& each : list.at("value").as_array()) {
    if (string_at(each, "name") != "m") id = string_at(each, "id");
  }
  // As a server that marked no disks wrote it.
  const auto made = [&] {
    return std::string(
        string_at(find_path(row(id).properties, "storageProfile.dataDisks")->get_array().front(),
                  "managedDisk.id"));
  };
  const auto disk = made();
  const auto overlay = [&] {
    return std::string(find_path(row(disk).internal, "overlays")->get_array().back().get_string());
  };
  ASSERT_TRUE(server_.parts().model->change(
      server_.first().subscription, [&](model::Change& change) -> Result<> {
        auto old = TRY(change.get(*arm::ResourceId::parse(disk)));
        EXPECT_EQ(string_at(old.internal, "set"), set);
        erase_path(old.internal, "set");
        return change.put(old);
      }));
  const auto before = overlay();
  ASSERT_TRUE(os::write_file_durably(before, as_bytes("what its guest wrote")));
  server_.must("POST", set + "/reimageall" + machines);
  server_.drain();
  EXPECT_EQ(row(id).provisioning, "Succeeded");
  EXPECT_EQ(made(), disk);
  EXPECT_EQ(overlay(), before);
  EXPECT_EQ(os::read_file(before, 64).value_or(""), "what its guest wrote");
  // Nor does it go when the set has no such place any more.
  server_.must(
      "PATCH", set + machines,
      JsonObject{
          {"properties",
           JsonObject{{"upgradePolicy", JsonObject{{"mode", "Automatic"}}},
                      {"virtualMachineProfile",
                       JsonObject{{"storageProfile", JsonObject{{"dataDisks", JsonArray{}}}}}}}}});
  server_.drain();
  EXPECT_EQ(row(id).provisioning, "Succeeded");
  EXPECT_EQ(int_at(row(id).internal, "model"), int_at(row(set).internal, "model.number"));
  EXPECT_EQ(made(), disk);
  EXPECT_EQ(string_at(row(disk).properties, "diskState"), "Attached");
  EXPECT_EQ(overlay(), before);
}

TEST_F(MachineRules, LinksToBootDiagnosticsEndWithTheNextOnesAndWithTheMachine) {
  const auto id = make_machine(group_);
  const auto links = [&] {
    const auto told = server_.must("POST", id + "/retrieveBootDiagnosticsData" + machines);
    return std::pair(std::string(told.text("serialConsoleLogBlobUri")),
                     std::string(told.text("consoleScreenshotBlobUri")));
  };
  const auto open = [&](const std::string& link) {
    EXPECT_TRUE(link.starts_with(server_.base())) << link;
    return server_.send("GET", link.substr(server_.base().size())).status;
  };
  // No guest runs here, so there is no console; whoever may not ask does not hear that.
  const auto [console, screen] = links();
  EXPECT_EQ(open(console), 404);
  EXPECT_EQ(open(screen), 404);
  auto forged = console;
  forged.back() = forged.back() == 'A' ? 'B' : 'A';
  EXPECT_EQ(open(forged), 403);
  const auto [later, later_screen] = links();
  EXPECT_EQ(open(console), 403);
  EXPECT_EQ(open(screen), 403);
  EXPECT_EQ(open(later), 404);
  server_.clock().put_forward(7201);
  EXPECT_EQ(open(later), 403);
  server_.clock().put_forward(-7201);
  server_.must("DELETE", id + machines);
  server_.drain();
  EXPECT_EQ(open(later), 403);
  EXPECT_EQ(open(later_screen), 403);
  std::size_t left = 0;
  ASSERT_TRUE(server_.parts().model->read(server_.first().subscription,
                                          [&](const model::View& view) -> Result<> {
                                            left = TRY(view.facts("grant/"))
                                            .size();
                                            return {};
                                          }));
  EXPECT_EQ(left, 0U);
}

}  // namespace
}  // namespace pinaco::app
