// What becomes of a guest's writes when its libvirt host, or the way to it, fails in between. The
// host is one in memory, the outposts are real.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "machine/fake_libvirt_test.h"
#include "machine/libvirt_guest.h"
#include "machine/overlay.h"
#include "machine/peers.h"
#include "machine/supervised_test.h"

namespace pinaco::machine {
namespace {

constexpr std::uint64_t disk_bytes = 1 << 20;

class Away : public Supervised {
 protected:
  void SetUp() override { reopen(); }
  void TearDown() override {
    host_.fails = host_.fails_after = {};
    ASSERT_TRUE(guests_->remove(guest_id));
    guests_.reset();  // before the host
  }
  void reopen() {
    guests_.reset();
    LibvirtOptions options;
    options.common = {.folder = guests_folder_, .supervisor = {"/proc/self/exe", "machine"}};
    options.hosts = {{.name = "far", .uri = uri_, .pool = pool_, .memory_mib = 100}};
    options.hosts[0].accelerator = accelerator_;
    guests_ = open_libvirt(options, [this](const LibvirtHost&) {
                return std::make_unique<FakeLibvirt>(host_);
              }).value();
  }
  Machine with(const std::string& overlay, std::vector<std::string> frozen = {}) const {
    auto made = machine();
    made.disks[0].overlay_path = overlay;
    made.disks[0].frozen = std::move(frozen);
    return made;
  }
  Disk data_disk() const {
    return {.slot = "lun3", .overlay_path = folder_ / "data.qcow2", .size_bytes = disk_bytes};
  }
  bool is_here(const std::string& path) const { return os::exists(path).value(); }
  std::string& there(const std::string& path) { return host_.volumes[volume_of(path)]; }
  bool is_there(const std::string& path) const { return host_.volumes.contains(volume_of(path)); }
  std::string content(const std::string& path) const {
    return os::read_file(path, 64 << 20).value_or("nothing");
  }
  // As if this server's host had gone down: nobody is left who knows the guest.
  void lose_outpost() {
    GuestFolders folders(guests_folder_, {});
    ASSERT_TRUE(folders.tell(guest_id, JsonObject{{"do", "end"}}));
    ASSERT_TRUE(folders.has_ended(guest_id, patience));
  }
  const std::string& live() { return host_.guests[guest_id].live; }

  std::string uri_ = "test:///far";
  std::string pool_ = "default";
  std::string accelerator_ = "tcg";
  FakeHost host_;
  std::string above_ = folder_ / "above.qcow2";
};

TEST_F(Away, AnOverlayThatWasNamedWhileTheServerWasGoneGoesAboveWhatWasWritten) {
  start();
  there(overlay_) = "what the guest wrote";
  lose_outpost();
  // The caller has seen no file of what is only there.
  const auto started = guests_->start(with(above_));
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(there(overlay_), "what the guest wrote");
  EXPECT_NE(live().find("/pool/" + volume_of(overlay_)), std::string::npos) << live();
  EXPECT_EQ(source_of(live(), "os"), "/pool/" + volume_of(above_));
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_EQ(content(overlay_), "what the guest wrote");
  EXPECT_TRUE(is_here(above_));
  EXPECT_TRUE(host_.volumes.empty());
}

TEST_F(Away, ADiskThatQemuHasInSpiteOfAnErrorStays) {
  start();
  host_.fails_after = {"plug"};
  const auto attached = guests_->attach(guest_id, data_disk());
  EXPECT_TRUE(attached) << attached.error().message;
  EXPECT_TRUE(is_there(data_disk().overlay_path));
  there(data_disk().overlay_path) = "written";
  host_.fails_after = {};
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_EQ(content(data_disk().overlay_path), "written");
}

TEST_F(Away, ADiskThatQemuMayHaveStaysUntilTheHostAnswers) {
  start();
  host_.fails_after = {"plug"};
  host_.fails = {"live_xml"};
  EXPECT_EQ(guests_->attach(guest_id, data_disk()).error().kind, Kind::unavailable);
  EXPECT_TRUE(is_there(data_disk().overlay_path));
  host_.fails_after = host_.fails = {};
  EXPECT_TRUE(guests_->attach(guest_id, data_disk()));
}

TEST_F(Away, ADiskThatQemuHasNotComesBack) {
  start();
  host_.fails = {"plug"};
  EXPECT_EQ(guests_->attach(guest_id, data_disk()).error().kind, Kind::unavailable);
  EXPECT_FALSE(is_there(data_disk().overlay_path));
  EXPECT_TRUE(is_here(data_disk().overlay_path));
}

TEST_F(Away, WhatIsNowhereIsAnErrorAndNoEmptyDisk) {
  start();
  const auto kept = there(overlay_);
  host_.volumes.clear();
  for (const auto& tried : {guests_->end(guest_id, Milliseconds(0)), guests_->remove(guest_id),
                            guests_->restart(guest_id, Milliseconds(0))}) {
    ASSERT_FALSE(tried);
    EXPECT_EQ(tried.error().kind, Kind::unavailable);
    for (const auto* name : {"'far'", "'default'", "pinaco-os.qcow2"}) {
      EXPECT_NE(tried.error().message.find(name), std::string::npos) << tried.error().message;
    }
  }
  there(overlay_) = kept;
  EXPECT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_EQ(content(overlay_), kept);
}

TEST_F(Away, AnotherPoolUnderTheSameNameIsRefused) {
  start();
  pool_ = "other";
  reopen();
  const auto ended = guests_->end(guest_id, Milliseconds(0));
  ASSERT_FALSE(ended);
  EXPECT_NE(ended.error().message.find("pool 'default'"), std::string::npos);
  pool_ = "default";
  reopen();
  EXPECT_TRUE(guests_->end(guest_id, Milliseconds(0)));
}

TEST_F(Away, OtherDriversLeaveItAlone) {
  start();
  std::vector<std::unique_ptr<Hypervisor>> others;
  others.push_back(open_none(guests_folder_).value());
  others.push_back(
      open_qemu({.folder = guests_folder_, .supervisor = {"/proc/self/exe", "machine"}}).value());
  for (const auto& other : others) {
    for (const auto& tried : {other->start(machine()), other->end(guest_id, Milliseconds(0)),
                              other->remove(guest_id)}) {
      ASSERT_FALSE(tried);
      EXPECT_EQ(tried.error().kind, Kind::conflict);
      EXPECT_NE(tried.error().message.find("libvirt host 'far'"), std::string::npos);
    }
  }
  EXPECT_FALSE(live().empty());
  EXPECT_TRUE(is_there(overlay_));
}

TEST_F(Away, WhatArrivesOtherwiseIsNotTrusted) {
  ASSERT_TRUE(create_overlay(overlay_, disk_bytes));
  auto file = os::File::open_write(overlay_).value();
  ASSERT_TRUE(file.write_exact(file.size_bytes().value(), as_bytes("written before")));
  const auto before = content(overlay_);
  host_.spoils = true;
  EXPECT_EQ(guests_->start(machine()).error().kind, Kind::unavailable);
  EXPECT_EQ(content(overlay_), before);
  EXPECT_TRUE(host_.volumes.empty());
  host_.spoils = false;
  ASSERT_TRUE(guests_->start(machine()));
  EXPECT_FALSE(is_here(overlay_));
  EXPECT_EQ(there(overlay_), before);
}

TEST_F(Away, AGuestWhoseProcessHereIsGoneIsOff) {
  start();
  lose_outpost();
  host_.fails = {"power_off"};
  EXPECT_NE(status().trouble.find("it may run on"), std::string::npos);
  EXPECT_FALSE(guests_->power_off(guest_id, Milliseconds(0)));
  EXPECT_FALSE(live().empty());
  host_.fails = {};
  EXPECT_EQ(status().state, State::absent);
  EXPECT_TRUE(live().empty());
  EXPECT_TRUE(guests_->power_off(guest_id, Milliseconds(0)));
}

TEST_F(Away, AHostThatCannotSayWhetherItEmulatesKeepsNothing) {
  uri_ = "qemu+ssh://far.invalid/system";
  accelerator_ = "auto";
  reopen();
  host_.fails = {"has_kvm"};
  EXPECT_EQ(guests_->start(machine()).error().kind, Kind::unavailable);
  EXPECT_TRUE(guests_->list().empty());
  EXPECT_EQ(status().state, State::absent);
}

TEST_F(Away, WhoAsksWhileDisksAreOnTheirWayIsNotKeptWaiting) {
  std::promise<void> begun;
  std::promise<void> go_on;
  host_.on_upload = [&] {
    begun.set_value();
    go_on.get_future().wait();
  };
  std::thread starting([&] { (void)guests_->start(machine()); });
  begun.get_future().wait();
  EXPECT_EQ(guests_->status(guest_id).error().kind, Kind::unavailable);
  EXPECT_EQ(guests_->screenshot(guest_id).error().kind, Kind::unavailable);
  go_on.set_value();
  starting.join();
  EXPECT_EQ(status().state, State::running);
}

TEST(Peers, AreTheHostsThatUrisName) {
  EXPECT_EQ(host_in_uri("qemu+ssh://root@east.lan:22/system?keyfile=/k@x"), "east.lan");
  EXPECT_EQ(host_in_uri("qemu+tls://[fd00::1]:16514/system"), "fd00::1");
  EXPECT_EQ(host_in_uri("qemu:///system"), "");
  EXPECT_EQ(host_in_uri("qemu+unix:///system?socket=/a"), "");
  using List = std::vector<std::string>;
  EXPECT_EQ(peers_of("qemu+ssh://10.0.0.7/system", "10.0.0.1"), List{"10.0.0.7"});
  EXPECT_EQ(peers_of("qemu:///system", "10.0.0.1"), (List{"10.0.0.1", "127.0.0.1"}));
}

TEST_F(Away, AFreezeThatFailedLeavesAGuestThatStarts) {
  start();
  host_.fails = {"upload"};
  EXPECT_FALSE(guests_->freeze(guest_id, "os", above_));
  host_.fails = {};
  ASSERT_TRUE(guests_->power_off(guest_id, Milliseconds(0)));
  ASSERT_TRUE(guests_->restart(guest_id, Milliseconds(0)));
  EXPECT_EQ(source_of(live(), "os"), "/pool/" + volume_of(above_));
  EXPECT_NE(live().find("/pool/" + volume_of(overlay_)), std::string::npos);
}

TEST_F(Away, AFreezeNamesNoDiskThatTheGuestHasNot) {
  start();
  host_.fails = {"plug", "live_xml"};
  EXPECT_FALSE(guests_->attach(guest_id, data_disk()));
  host_.fails = {};
  host_.fails_after = {"snapshot"};
  EXPECT_FALSE(guests_->freeze(guest_id, "os", above_));
  EXPECT_EQ(host_.snapshot.find(target_of("lun3")), std::string::npos) << host_.snapshot;
  host_.fails_after = {};
  EXPECT_TRUE(guests_->freeze(guest_id, "os", above_));
  EXPECT_TRUE(is_here(overlay_));
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
}

}  // namespace
}  // namespace pinaco::machine
