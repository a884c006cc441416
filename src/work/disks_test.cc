// Disks of machines between their owners, and the overlays on this host.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "os/test_folder.h"
#include "work/guests.h"

namespace pinaco::work {
namespace {

namespace fs = std::filesystem;

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return std::move(*result);
}
void must(const Result<>& result) {
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
}

constexpr const char* compute =
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/"
    "Microsoft.Compute/";

arm::ResourceId id_of(const std::string& below) {
  return must(arm::ResourceId::parse(compute + below));
}

class Disks : public testing::Test {
 protected:
  Disks() {
    os::TestFolder& folder = folder_;
    fs::create_directory(folder / "overlays");
    fs::create_directory(folder / "store");
    auto packs = must(store::open_folder(folder / "store", system_clock()));
    store::RegionOptions region{.name = "westeurope", .places = {}};
    region.places.push_back({.zone = "", .name = "store", .packs = std::move(packs)});
    depot_ = std::make_unique<Depot>(std::vector{must(store::Region::open(std::move(region)))},
                                     must(Uploads::open(folder / "uploads")),
                                     must(Uploads::open(folder / "blobs")));
    HostOptions host{.hypervisor = must(machine::open_none(folder / "guests")),
                     .simulated = true,
                     .disks = {},
                     .disks_socket = folder / "d.sock",
                     .folder = folder / "overlays"};
    nbd::ServerOptions disks;
    disks.unix_path = host.disks_socket;
    host.disks = must(nbd::serve(disks));
    host_ = std::make_unique<Host>(std::move(host));
  }

  Bench bench() {
    return {.model = model_,
            .depot = *depot_,
            .options = options_,
            .ending = ending_,
            .host = host_.get()};
  }

  // A disk of 1 MiB that says whose it is, with these overlays noted.
  void put_disk(const std::string& name, const std::string& machine,
                const std::vector<std::string>& overlays = {}) {
    model::Resource disk{.id = id_of("disks/" + name), .location = "westeurope"};
    set_path(disk.properties, "uniqueId", "unique-" + name);
    set_path(disk.properties, "diskSizeBytes", 1 << 20);
    set_path(disk.properties, "diskState", machine.empty() ? "Unattached" : "Attached");
    if (!machine.empty()) {
      set_path(disk.internal, "machine.id", id_of("virtualMachines/" + machine).text());
      set_path(disk.internal, "managedBy", id_of("virtualMachines/" + machine).text());
    }
    JsonArray list;
    for (const auto& each : overlays) list.emplace_back(each);
    if (!list.empty()) set_path(disk.internal, "overlays", std::move(list));
    must(model_.change(disk.id.subscription,
                       [&](model::Change& change) { return change.put(disk); }));
  }
  std::optional<model::Resource> disk(const std::string& name) {
    return must(model_.find(id_of("disks/" + name)));
  }

  os::TestFolder folder_;
  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  model::Model model_{*kv_, system_clock(), system_random()};
  WorkerOptions options_;
  std::atomic<bool> ending_ = false;
  std::unique_ptr<Depot> depot_;
  std::unique_ptr<Host> host_;
};

TEST_F(Disks, AFreedOneBelongsToNobody) {
  auto work = bench();
  put_disk("d", "one");
  must(free_disk(work, id_of("disks/d"), id_of("virtualMachines/one"), false));
  const auto row = disk("d");
  ASSERT_TRUE(row);
  EXPECT_EQ(string_at(row->internal, "machine.id"), "");
  EXPECT_EQ(string_at(row->internal, "managedBy"), "");
  EXPECT_EQ(string_at(row->properties, "diskState"), "Unattached");
}

TEST_F(Disks, OneThatAnotherMachineHasByNowIsLeftAlone) {
  auto work = bench();
  const auto written = folder_ / "overlays/written.qcow2";
  std::ofstream(written) << "what its guest writes";
  put_disk("d", "two", {written});
  // A repeat of what a machine was to give back or to take along.
  for (const bool erase : {false, true}) {
    must(free_disk(work, id_of("disks/d"), id_of("virtualMachines/one"), erase));
    const auto row = disk("d");
    ASSERT_TRUE(row);
    EXPECT_EQ(string_at(row->internal, "machine.id"), id_of("virtualMachines/two").text());
    EXPECT_EQ(string_at(row->properties, "diskState"), "Attached");
    EXPECT_TRUE(fs::exists(written));
  }
  must(free_disk(work, id_of("disks/d"), id_of("virtualMachines/TWO"), true));
  EXPECT_FALSE(disk("d"));
}

class Captures : public Disks {
 protected:
  Captures() {
    model::Resource machine{.id = id_of("virtualMachines/one"), .location = "westeurope"};
    set_path(machine.properties, "vmId", guest_.id);
    must(model_.change(machine.id.subscription,
                       [&](model::Change& change) { return change.put(machine); }));
    put_disk("d", "one", {folder_ / "overlays/first.qcow2"});
    guest_.disks = {
        {.slot = "os", .overlay_path = folder_ / "overlays/first.qcow2", .size_bytes = 1 << 20}};
    must(host_->hypervisor().start(guest_));
  }
  bool capture() {
    auto work = bench();
    return capture_disk(work, id_of("disks/d")).has_value();
  }
  std::size_t overlays() { return find_path(disk("d")->internal, "overlays")->get_array().size(); }
  machine::Machine guest_{.id = "0a0b0c0d-1111-2222-3333-444455556666", .disks = {}, .facts = {}};
};

TEST_F(Captures, ThatFailTakeNoNameEach) {
  // Where nothing runs here nothing can be frozen.
  for (int i = 0; i < 20; i++) EXPECT_FALSE(capture());
  EXPECT_EQ(overlays(), 2U);
}

TEST_F(Captures, OfAGuestThatIsAwayNameOneOverlayUntilItIsMade) {
  must(host_->hypervisor().end(guest_.id, Milliseconds(0)));
  for (int i = 0; i < 20; i++) EXPECT_TRUE(capture());
  EXPECT_EQ(overlays(), 2U);
}

TEST_F(Captures, NameNoneWhenNobodyKnowsHowTheGuestIs) {
  must(host_->hypervisor().end(guest_.id, Milliseconds(0)));
  fs::create_directory(folder_ / ("guests/" + guest_.id));
  EXPECT_FALSE(capture());
  EXPECT_EQ(overlays(), 1U);
}

TEST_F(Disks, AnOverlayHasANewNameEachTime) {
  std::set<std::string> paths;
  for (int i = 0; i < 100; i++) paths.insert(host_->new_overlay_path("disk", system_random()));
  EXPECT_EQ(paths.size(), 100U);
  for (const auto& path : paths) {
    EXPECT_TRUE(path.starts_with(folder_ / "overlays/disk-")) << path;
  }
}

TEST(HostDisks, HaveSecretNamesWhereOtherHostsReadThem) {
  const auto host_with = [](std::string server, std::string key) {
    HostOptions options{.hypervisor = {}, .disks = {}};
    options.disks_socket = "/a b";
    options.disks_server = std::move(server);
    options.disks_key = std::move(key);
    return std::make_unique<Host>(std::move(options));
  };
  EXPECT_EQ(host_with("", "")->disk_uri("disk"), "nbd+unix:///disk?socket=%2Fa%20b");
  const auto host = host_with("10.0.0.1:10810", "key");
  const auto name = host->export_name("disk");
  EXPECT_EQ(name.size(), 5U + 32U);
  EXPECT_EQ(host->disk_uri("disk"), "nbd://10.0.0.1:10810/" + name);
  // The same after a restart, another for each disk and with another key.
  EXPECT_EQ(host_with("10.0.0.1:10810", "key")->export_name("disk"), name);
  EXPECT_NE(host->export_name("risk").substr(4), name.substr(4));
  EXPECT_NE(host_with("10.0.0.1:10810", "yek")->export_name("disk"), name);
}

TEST_F(Disks, OverlaysThatNoDiskNamesAreRemoved) {
  auto work = bench();
  const auto named = folder_ / "overlays/named.qcow2";
  const auto below = folder_ / "overlays/below.qcow2";
  const auto stray = folder_ / "overlays/stray.qcow2";
  for (const auto& path : {named, below, stray}) std::ofstream(path) << "x";
  put_disk("d", "one", {below, named});
  must(remove_stray_overlays(work));
  EXPECT_TRUE(fs::exists(named));
  EXPECT_TRUE(fs::exists(below));
  EXPECT_FALSE(fs::exists(stray));
}

TEST_F(Disks, OneThatIsErasedTakesItsOverlaysAlong) {
  auto work = bench();
  const auto path = folder_ / "overlays/o.qcow2";
  std::ofstream(path) << "x";
  put_disk("d", "one", {path});
  must(free_disk(work, id_of("disks/d"), id_of("virtualMachines/one"), true));
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(disk("d"));
}

}  // namespace
}  // namespace pinaco::work
