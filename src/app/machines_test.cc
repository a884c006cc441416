// The commands of machines, against a whole server in memory on which nothing runs.
#include "app/machines.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/fake_server.h"
#include "app/push.h"
#include "app/reference.h"
#include "app/region.h"
#include "app/waiting.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* public_key =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFbTzk0rGxw8y0bfWd5cO3zMnHCBq8vmXbDXCZ3hPnVm ann\n";

class MachineCommands : public testing::Test {
 protected:
  void SetUp() override {
    const std::string data = folder_ / "data";
    Config config = default_config(data);
    config.port = 0;
    config.nbd_port = 0;
    config.machines.driver = "none";
    auto started =
        start(config, {.data_folder = data, .in_memory = true}, system_clock(), system_random());
    ASSERT_TRUE(started) << started.error().message;
    pinaco_ = std::move(*started);
    const auto& first = *pinaco_->identity->directory().first_credentials();
    login_ = {.endpoint = "https://localhost:" + std::to_string(pinaco_->http->port()),
              .ca_file = pinaco_->ca_file,
              .tenant = first.tenant,
              .subscription = first.subscription,
              .client_id = first.client_id,
              .client_secret = first.client_secret};
    ASSERT_TRUE(os::write_file_durably(folder_ / "key.pub", as_bytes(public_key)));
    Bytes disk(20 << 20, 0);
    disk[510] = 0x55;
    disk[511] = 0xaa;
    ASSERT_TRUE(os::write_file_durably(folder_ / "disk.raw", disk));
    push_image("general", "Generalized");
  }

  void push_image(const std::string& definition, const std::string& state) {
    Console console({.out = nothing_, .error = nothing_}, system_clock());
    Connection connection(login_, patience_);
    const auto pushed = push({.image = folder_ / "disk.raw",
                              .gallery = "linux",
                              .definition = definition,
                              .version = "1.0.0",
                              .os_state = state},
                             connection, console);
    ASSERT_TRUE(pushed) << pushed.error().message;
  }

  struct Said {
    Result<> done;
    std::string text;
    Json json() const { return parse_json(text).value_or(Json(nullptr)); }
    std::string at(std::string_view path) const { return std::string(string_at(json(), path)); }
    std::string error() const { return done ? "none" : done.error().message; }
  };
  Said run(const MachineOptions& options, bool json = true) {
    const auto path = folder_ / "out";
    std::FILE* out = std::fopen(path.c_str(), "w");
    Connection connection(login_, patience_);
    Result<> done;
    {
      Console console({.json = json, .out = out, .error = nothing_}, system_clock());
      done = machines(options, connection, console);
    }
    (void)std::fclose(out);
    return {.done = std::move(done), .text = os::read_file(path, 1 << 20).value_or("")};
  }
  MachineOptions create(const std::string& name) {
    return {.command = "vm create",
            .name = name,
            .image = "linux/general",
            .key_file = folder_ / "key.pub"};
  }
  Said make(const std::string& name) {
    auto made = run(create(name));
    EXPECT_TRUE(made.done) << made.error();
    return made;
  }
  Said change(const char* command, const std::string& name) {
    auto done = run({.command = command, .name = name});
    EXPECT_TRUE(done.done) << command << ": " << done.error();
    return done;
  }
  // How many there are of a type, in all groups.
  std::size_t count_of(const Sort& sort) {
    Connection connection(login_, patience_);
    return connection.list(list_path(connection, sort, "")).value().size();
  }

  TemporaryFolder folder_;
  std::FILE* nothing_ = std::fopen("/dev/null", "w");
  std::unique_ptr<Waiting> waiting_ = wait_regardless();
  Patience patience_{.clock = system_clock(), .waiting = *waiting_, .retry_for = Seconds(5)};
  std::unique_ptr<Pinaco> pinaco_;
  Login login_;
};

TEST_F(MachineCommands, MakesWhatAMachineNeedsAndFindsItAgain) {
  auto options = create("web");
  options.open_ports = {80, 443};
  options.data_disks_gb = {1, 2};
  options.tags = {"project=shop"};
  const auto made = run(options);
  ASSERT_TRUE(made.done) << made.error();
  EXPECT_EQ(made.at("addresses.public"), "127.42.0.1");
  EXPECT_EQ(made.at("addresses.private"), "10.0.0.4");
  EXPECT_EQ(made.at("login"), "ssh azureuser@127.42.0.1");
  EXPECT_EQ(made.at("tags.project"), "shop");
  EXPECT_EQ(made.at("properties.storageProfile.imageReference.exactVersion"), "1.0.0");
  const auto disks = made.json().at("properties").at("storageProfile").at("dataDisks").as_array();
  ASSERT_EQ(disks.size(), 2U);
  EXPECT_EQ(int_at(disks[1], "lun"), 1);
  EXPECT_EQ(int_at(disks[1], "diskSizeGB"), 2);
  EXPECT_EQ(string_at(disks[1], "deleteOption"), "Detach");
  Connection connection(login_, patience_);
  const auto guard = connection.get(path_of(id_of(connection, guard_sort, "pinaco", "webNSG")));
  ASSERT_TRUE(guard) << guard.error().message;
  EXPECT_EQ(guard->at("properties").at("securityRules").as_array().size(), 3U);
  // A second time, and with one port more after only the machine is gone.
  const auto again = run(options);
  ASSERT_TRUE(again.done) << again.error();
  EXPECT_EQ(again.at("properties.vmId"), made.at("properties.vmId"));
  ASSERT_TRUE(run({.command = "vm delete", .name = "web", .yes = true}).done);
  options.open_ports.push_back(8000);
  const auto anew = run(options);
  ASSERT_TRUE(anew.done) << anew.error();
  EXPECT_EQ(anew.at("addresses.public"), "127.42.0.1");
  const auto rules = connection.get(path_of(id_of(connection, guard_sort, "pinaco", "webNSG")));
  EXPECT_EQ(rules->at("properties").at("securityRules").as_array().size(), 4U);
}

TEST_F(MachineCommands, TheSecondMachineJoinsTheNetworkOfTheFirst) {
  make("one");
  auto options = create("two");
  options.public_ip = "no";
  const auto two = run(options);
  ASSERT_TRUE(two.done) << two.error();
  EXPECT_EQ(two.at("addresses.private"), "10.0.0.5");
  EXPECT_EQ(two.at("addresses.public"), "");
  EXPECT_EQ(count_of(network_sort), 1U);
  EXPECT_EQ(count_of(address_sort), 1U);
  // Who leaves first leaves the network to the other.
  ASSERT_TRUE(run({.command = "vm delete", .name = "one", .yes = true, .with_network = true}).done);
  EXPECT_EQ(count_of(network_sort), 1U);
  EXPECT_EQ(count_of(address_sort), 0U);
  EXPECT_EQ(count_of(card_sort), 1U);
  EXPECT_EQ(count_of(guard_sort), 1U);
}

TEST_F(MachineCommands, RefusesAnotherImageUnderTheSameName) {
  make("web");
  push_image("other", "Generalized");
  auto options = create("web");
  options.image = "linux/other";
  const auto refused = run(options);
  ASSERT_FALSE(refused.done);
  EXPECT_EQ(refused.done.error().kind, Kind::conflict);
  EXPECT_THAT(refused.error(), HasSubstr("linux/general 1.0.0"));
}

TEST_F(MachineCommands, WhatIsWrongIsToldBeforeAnythingIsMade) {
  auto options = create("web");
  options.image = "linux/none";
  EXPECT_THAT(run(options).error(), HasSubstr("pinaco list"));
  options.image = "linux/general/7.0.0";
  EXPECT_THAT(run(options).error(), HasSubstr("pinaco list linux/general --all"));
  options.image = "nothing";
  EXPECT_THAT(run(options).error(), HasSubstr("pinaco image list"));
  options = create("web");
  options.key_file = folder_ / "no.pub";
  EXPECT_FALSE(run(options).done);
  options = create("web");
  options.tags = {"nonsense"};
  EXPECT_THAT(run(options).error(), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(run(create("../web")).error(), Not(HasSubstr("none")));
  EXPECT_EQ(count_of(guard_sort), 0U);
  EXPECT_EQ(count_of(machine_sort), 0U);
}

TEST_F(MachineCommands, ASpecializedImageTakesNoUser) {
  push_image("special", "Specialized");
  MachineOptions options{.command = "vm create", .name = "web", .image = "linux/special/1.0.0"};
  const auto made = run(options);
  ASSERT_TRUE(made.done) << made.error();
  EXPECT_EQ(find_path(made.json(), "properties.osProfile"), nullptr);
  EXPECT_EQ(made.at("login"), "ssh 127.42.0.1");
  options.name = "two";
  options.key_file = folder_ / "key.pub";
  EXPECT_THAT(run(options).error(), HasSubstr("--ssh-key"));
}

TEST_F(MachineCommands, ShowsStateAddressesAndThatNothingRuns) {
  make("web");
  const auto shown = run({.command = "vm show", .name = "web"}, false);
  for (const char* word : {"running", "linux/general 1.0.0", "127.42.0.1 public", "Standard_B1s",
                           "ssh azureuser@127.42.0.1", "driver is \"none\"", "deleted"}) {
    EXPECT_THAT(shown.text, HasSubstr(word));
  }
  const auto list = run({.command = "vm list", .all = true}, false);
  EXPECT_THAT(list.text, HasSubstr("127.42.0.1"));
  EXPECT_THAT(list.text, HasSubstr("running"));
  EXPECT_THAT(run({.command = "vm list", .group = "none"}).error(), HasSubstr("none"));
  EXPECT_THAT(run({.command = "vm sizes"}, false).text, HasSubstr("Standard_B1s"));
  EXPECT_THAT(run({.command = "vm console", .name = "web"}).error(), HasSubstr("console"));
  EXPECT_THAT(run({.command = "vm show", .name = "wob"}).error(), HasSubstr("pinaco vm list"));
}

TEST_F(MachineCommands, StopsStartsAndDeallocates) {
  make("web");
  EXPECT_THAT(run({.command = "vm stop", .name = "pinaco/web", .force = true}, false).text,
              HasSubstr("is stopped"));
  EXPECT_THAT(run({.command = "vm start", .name = "web"}, false).text, HasSubstr("is running"));
  EXPECT_THAT(run({.command = "vm restart", .name = "web"}, false).text, HasSubstr("is running"));
  EXPECT_FALSE(run({.command = "vm generalize", .name = "web"}).done);
  EXPECT_THAT(run({.command = "vm deallocate", .name = "web"}, false).text,
              HasSubstr("is deallocated"));
  EXPECT_THAT(run({.command = "vm generalize", .name = "web"}, false).text,
              HasSubstr("version create"));
}

TEST_F(MachineCommands, DeletesOnlyWithYesAndSaysWhatStays) {
  auto options = create("web");
  options.data_disks_gb = {1};
  ASSERT_TRUE(run(options).done);
  const auto refused = run({.command = "vm delete", .name = "web", .with_network = true});
  ASSERT_FALSE(refused.done);
  EXPECT_THAT(refused.error(), HasSubstr("--yes"));
  EXPECT_THAT(refused.error(), HasSubstr("disk web_OsDisk_1"));
  EXPECT_THAT(refused.error(), HasSubstr("webPublicIP"));
  EXPECT_THAT(refused.error().substr(refused.error().find("stay:")), HasSubstr("web_disk2"));
  EXPECT_EQ(count_of(machine_sort), 1U);
  // Stopped after the machine itself: what is around it goes the next time.
  ASSERT_TRUE(run({.command = "vm delete", .name = "web", .yes = true}).done);
  EXPECT_EQ(count_of(card_sort), 1U);
  ASSERT_TRUE(run({.command = "vm delete", .name = "web", .yes = true, .with_network = true}).done);
  for (const auto& sort : {card_sort, address_sort, guard_sort, network_sort}) {
    EXPECT_EQ(count_of(sort), 0U) << sort.type;
  }
  EXPECT_EQ(count_of(disk_sort), 1U);
  EXPECT_FALSE(
      run({.command = "vm delete", .name = "web", .yes = true, .with_network = true}).done);
}

TEST_F(MachineCommands, AnImageOfAMachineStartsAnother) {
  auto options = create("web");
  options.data_disks_gb = {1};
  ASSERT_TRUE(run(options).done);
  const MachineOptions image{.command = "image create", .name = "base", .from_machine = "web"};
  EXPECT_THAT(run(image).error(), HasSubstr("pinaco vm generalize web"));
  change("vm deallocate", "web");
  change("vm generalize", "web");
  ASSERT_TRUE(run(image).done);
  ASSERT_TRUE(run(image).done) << "the same again is fine";
  EXPECT_THAT(run({.command = "image list"}, false).text, HasSubstr("base"));
  EXPECT_THAT(run({.command = "image show", .name = "base"}, false).text, HasSubstr("lun 0"));
  // Its data disk comes along, and new ones go beside it.
  options.name = "next";
  options.image = "base";
  const auto next = run(options);
  ASSERT_TRUE(next.done) << next.error();
  const auto disks = next.json().at("properties").at("storageProfile").at("dataDisks").as_array();
  ASSERT_EQ(disks.size(), 2U);
  EXPECT_EQ(int_at(disks[0], "lun") + int_at(disks[1], "lun"), 1);
  EXPECT_FALSE(run({.command = "image delete", .name = "base"}).done);
  EXPECT_TRUE(run({.command = "image delete", .name = "base", .yes = true}).done);
  EXPECT_EQ(count_of(image_sort), 0U);
}

TEST_F(MachineCommands, VersionsAreMadeOfMachinesImagesSnapshotsAndVersions) {
  const auto web = make("web");
  const auto disk = web.at("properties.storageProfile.osDisk.name");
  change("vm deallocate", "web");
  change("vm generalize", "web");
  ASSERT_TRUE(run({.command = "image create", .name = "base", .from_machine = "web"}).done);
  const auto snapshot = run({.command = "snapshot create", .name = "early", .from_disk = disk});
  ASSERT_TRUE(snapshot.done) << snapshot.error();
  EXPECT_THAT(run({.command = "snapshot list"}, false).text, HasSubstr("early"));

  MachineOptions version{.command = "version create", .name = "linux/web/1.0.0"};
  EXPECT_THAT(run(version).error(), HasSubstr("--from-vm"));
  version.from_machine = "web";
  version.regions = {"westeurope=1", "northeurope"};
  const auto made = run(version);
  ASSERT_TRUE(made.done) << made.error();
  EXPECT_EQ(made.json().at("contents").at("regions").as_array().size(), 2U);
  EXPECT_EQ(run(version).json().at("alreadyThere"), Json(true));
  Connection connection(login_, patience_);
  const auto definition =
      connection.get(path_of(gallery_id(connection, "pinaco", "linux").child("images", "web")));
  ASSERT_TRUE(definition) << definition.error().message;
  EXPECT_EQ(string_at(*definition, "properties.osState"), "Generalized");

  version = {.command = "version create", .name = "linux/web/1.0.0", .from_snapshot = "early"};
  EXPECT_THAT(run(version).error(), HasSubstr("another number"));
  version.name = "linux/web/1.0.1";
  EXPECT_TRUE(run(version).done);
  version = {.command = "version create", .name = "linux/web/1.0.2", .from_image = "base"};
  EXPECT_TRUE(run(version).done);
  version = {.command = "version create", .name = "linux/web/1.0.3", .from_disk = disk};
  EXPECT_TRUE(run(version).done);
  version = {.command = "version create", .name = "fresh/web/1.0.0", .from_version = "linux/web"};
  const auto copy = run(version);
  ASSERT_TRUE(copy.done) << copy.error();
  EXPECT_THAT(copy.at("source"), HasSubstr("/versions/1.0.3"));
  version.name = "fresh/web";
  EXPECT_THAT(run(version).error(), HasSubstr("GALLERY/DEFINITION/"));
}

TEST_F(MachineCommands, ANameInTwoGroupsAsksForTheGroup) {
  make("web");
  make("other/web");
  const auto refused = run({.command = "vm show", .name = "web"});
  ASSERT_FALSE(refused.done);
  EXPECT_THAT(refused.error(), HasSubstr("other/web"));
  EXPECT_EQ(run({.command = "vm show", .name = "web", .group = "other"}).at("addresses.public"),
            "127.42.0.2");
  EXPECT_THAT(run({.command = "vm show", .name = "other/web", .group = "pinaco"}).error(),
              HasSubstr("--group names pinaco"));
}

}  // namespace
}  // namespace pinaco::app
