// Guests on a real libvirt host, which PINACO_LIBVIRT names: what goes there, what comes back.
#include <gtest/gtest.h>

#include "machine/libvirt.h"
#include "machine/supervised_test.h"
#include "machine/volumes.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

class OnLibvirt : public Supervised, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    const auto& uri = GetParam();
    host_ = {.name = "here", .uri = uri, .memory_mib = 300, .accelerator = "tcg"};
    libvirt_ = std::make_unique<Libvirt>("here", uri, "default");
  }
  void serve(const Bytes& disk) {
    prepare(disk);
    reopen();
  }
  void reopen() {
    guests_.reset();
    guests_ = open_libvirt({.common = {.folder = guests_folder_,
                                       .supervisor = {"/proc/self/exe", supervisor_}},
                            .hosts = {host_}})
                  .value();
  }
  bool is_here(const std::string& path) const { return os::exists(path).value(); }
  bool is_there(const std::string& path) const {
    return libvirt_->find_volume(volume_of(path)).value().has_value();
  }
  // Whether the boot sector, which the guest wrote to its second one, is in the file.
  bool has_write(const std::string& path) const {
    return os::read_file(path, 64 << 20).value().find("written") != std::string::npos;
  }
  LibvirtHost host_;
  std::unique_ptr<Libvirt> libvirt_;
};

// None without a host: test/e2e/guests_on_libvirt.sh has one.
std::vector<std::string> uris() {
  const char* uri = std::getenv("PINACO_LIBVIRT");
  return uri == nullptr ? std::vector<std::string>() : std::vector<std::string>{uri};
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OnLibvirt);
INSTANTIATE_TEST_SUITE_P(Host, OnLibvirt, testing::ValuesIn(uris()));

TEST_P(OnLibvirt, WhatTheGuestWroteComesBackWhenItEnds) {
  serve(boot_disk("written", halt, write_sector));
  start();
  EXPECT_FALSE(is_here(overlay_));
  EXPECT_TRUE(is_there(overlay_));
  wait_for_text("written");
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_TRUE(has_write(overlay_));
  EXPECT_FALSE(is_there(overlay_));
  EXPECT_EQ(libvirt_->domain(guest_id).value().is, Domain::Is::missing);
  EXPECT_TRUE(guests_->list().empty());
}

TEST_P(OnLibvirt, AFrozenOverlayIsHereWhileTheGuestWritesAboveIt) {
  serve(boot_disk("written", reset, write_sector));
  start();
  wait_for_text("written");
  const auto above = folder_ / "above.qcow2";
  ASSERT_TRUE(guests_->freeze(guest_id, "os", above));
  ASSERT_TRUE(guests_->freeze(guest_id, "os", above));  // repeatable
  EXPECT_TRUE(has_write(overlay_));
  EXPECT_FALSE(is_here(above));
  wait_for_text("written", times_said("written") + 2);
  // A power cycle finds all levels.
  ASSERT_TRUE(guests_->restart(guest_id, Milliseconds(0)));
  wait_for_text("written", times_said("written") + 1);
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_TRUE(has_write(above));
  EXPECT_FALSE(is_there(above));
  EXPECT_FALSE(is_there(overlay_));
}

TEST_P(OnLibvirt, AKilledOutpostLosesNothing) {
  serve(boot_disk("written", halt, write_sector));
  start();
  wait_for_text("written");
  // As if this host had gone down: nobody is left who knows the guest.
  const auto told =
      os::run_program({"pkill", "-KILL", "-f", " machine " + guests_folder_}, patience);
  ASSERT_EQ(told.value().status, 0);
  export_.wait_until([&] { return status().state == State::absent; });
  EXPECT_NE(status().trouble.find("killed from outside"), std::string::npos);
  EXPECT_EQ(guests_->list(), std::vector<std::string>{guest_id});
  reopen();
  start();
  EXPECT_EQ(status().state, State::running);
  wait_for_text("written");
  ASSERT_TRUE(guests_->remove(guest_id));
  EXPECT_TRUE(has_write(overlay_));
  EXPECT_FALSE(is_there(overlay_));
}

TEST_P(OnLibvirt, TheDiscGoesOnceTheGuestHasReported) {
  serve(boot_disk("up", halt));
  auto with_disc = machine();
  with_disc.disc.resize(1 << 16);
  ASSERT_TRUE(guests_->start(with_disc));
  EXPECT_TRUE(libvirt_->find_volume(disc_volume_of(guest_id)).value().has_value());
  auto facts = machine().facts;
  facts.computer_name = "ready";
  export_.wait_until([&] {
    (void)guests_->change(guest_id, facts);  // at which the card of these tests reports
    return status().report.health == guest::Health::ready;
  });
  export_.wait_until([&] {
    (void)status();
    return !libvirt_->find_volume(disc_volume_of(guest_id)).value().has_value();
  });
}

TEST_P(OnLibvirt, AGuestThatSwitchesItselfOffIsStoppedAndStartsAgain) {
  serve(boot_disk("up", obey));
  start();
  wait_for_text("up");
  ASSERT_TRUE(guests_->power_off(guest_id, patience));
  EXPECT_EQ(status().state, State::stopped);
  EXPECT_EQ(status().trouble, "");
  start();
  wait_for_text("up", 2);
  EXPECT_EQ(status().state, State::running);
}

TEST_P(OnLibvirt, TakesAPictureOfTheScreen) {
  serve(boot_disk("up", halt));
  start();
  wait_for_text("up");
  const auto picture = guests_->screenshot(guest_id);
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_EQ(as_text(*picture).substr(1, 3), "PNG");
}

TEST_P(OnLibvirt, AGuestOfGenerationTwoStartsTwiceAndLeavesNoVariables) {
  if (!os::exists("/usr/share/OVMF/OVMF_CODE_4M.fd").value()) GTEST_SKIP() << "missing: ovmf";
  serve(boot_disk("up", halt));
  auto second = machine();
  second.uefi = true;
  second.memory_mib = 128;
  ASSERT_TRUE(guests_->start(second));
  EXPECT_EQ(status().state, State::running);
  const auto xml = libvirt_->live_xml(guest_id).value();
  EXPECT_NE(xml.find("OVMF_CODE_4M.fd"), std::string::npos) << xml;
  ASSERT_TRUE(guests_->restart(guest_id, Milliseconds(0)));
  EXPECT_EQ(status().state, State::running);
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_EQ(libvirt_->domain(guest_id).value().is, Domain::Is::missing);
}

TEST_P(OnLibvirt, AttachesADiskToAGuestThatRunsAndBringsItBack) {
  serve(boot_disk("up", halt));
  start();
  wait_for_text("up");
  const Disk data{.slot = "lun3",
                  .base_uri = base_uri_,
                  .overlay_path = folder_ / "data.qcow2",
                  .size_bytes = 1 << 20};
  ASSERT_TRUE(guests_->attach(guest_id, data));
  EXPECT_NE(libvirt_->live_xml(guest_id).value().find("pinaco-data.qcow2"), std::string::npos);
  EXPECT_FALSE(is_here(data.overlay_path));
  auto other = data;
  other.overlay_path = folder_ / "other.qcow2";
  EXPECT_EQ(guests_->attach(guest_id, other).error().kind, Kind::conflict);
  EXPECT_EQ(guests_->freeze(guest_id, "lun3", folder_ / "above.qcow2").has_value(), true);
  ASSERT_TRUE(guests_->detach(guest_id, "lun3"));
  EXPECT_TRUE(is_here(data.overlay_path) && is_here(folder_ / "above.qcow2"));
  EXPECT_FALSE(is_there(data.overlay_path) || is_there(folder_ / "above.qcow2"));
}

TEST_P(OnLibvirt, AHostThatIsAwayIsNamedAndKeepsNothing) {
  serve(boot_disk("up", halt));
  host_.uri = "qemu+unix:///system?socket=" + (folder_ / "none");
  reopen();
  const auto started = guests_->start(machine());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, Kind::unavailable);
  EXPECT_NE(started.error().message.find("'here' cannot be reached"), std::string::npos);
  EXPECT_EQ(status().state, State::absent);
  EXPECT_TRUE(guests_->list().empty());
}

}  // namespace
}  // namespace pinaco::machine
