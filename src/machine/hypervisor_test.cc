// What every Hypervisor does, on all; with QEMU for real, and boot sectors as guests. This program
// is also the supervisor that they need. For libvirt PINACO_LIBVIRT names a host that emulates, as
// test/e2e/guests_on_libvirt.sh has one: a daemon of its own, which needs root.
#include <gtest/gtest.h>

#include "machine/supervised_test.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

// Reports that the guest is ready, under its computer's name, whenever its facts change.
class FakeCard final : public guest::Card {
 public:
  FakeCard(os::Socket socket, std::function<void(const guest::Report&)> on_report)
      : socket_(std::move(socket)), on_report_(std::move(on_report)) {}
  Result<> change(guest::Facts facts) override {
    on_report_({.health = guest::Health::ready, .text = facts.computer_name});
    return {};
  }

 private:
  os::Socket socket_;
  std::function<void(const guest::Report&)> on_report_;
};

Result<std::unique_ptr<guest::Card>> attach_fake(
    os::Socket socket, guest::Facts facts, std::function<void(const guest::Report&)> on_report) {
  if (facts.computer_name == "refused") return fail(Kind::invalid, "the card is refused");
  return std::make_unique<FakeCard>(std::move(socket), std::move(on_report));
}

class EveryHypervisor : public Supervised, public testing::WithParamInterface<const char*> {
 protected:
  bool is(std::string_view driver) const { return GetParam() == driver; }
  void reopen() {
    guests_.reset();
    if (is("qemu")) return open();
    if (is("none")) {
      guests_ = open_none(guests_folder_).value();
      return;
    }
    guests_ = open_libvirt({.common = {.folder = guests_folder_,
                                       .supervisor = {"/proc/self/exe", supervisor_}},
                            .hosts = {{.name = "here",
                                       .uri = std::getenv("PINACO_LIBVIRT"),
                                       .memory_mib = 100,
                                       .accelerator = "tcg"}}})
                  .value();
  }
  void SetUp() override {
    if (is("none")) return reopen();
    NEEDS_TOOL("qemu-system-x86_64");
    NEEDS_TOOL("nbdkit");
    prepare(boot_disk("up", halt));
    reopen();
  }
  Disk data_disk() const {
    return {.slot = "lun3",
            .base_uri = "",
            .overlay_path = folder_ / "data.qcow2",
            .size_bytes = 4 << 20};
  }
};
std::vector<const char*> drivers() {
  if (std::getenv("PINACO_LIBVIRT") == nullptr) return {"qemu", "none"};
  return {"qemu", "none", "libvirt"};
}
INSTANTIATE_TEST_SUITE_P(Machine, EveryHypervisor, testing::ValuesIn(drivers()),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(EveryHypervisor, GoesThroughTheLifeOfAGuest) {
  EXPECT_EQ(status().state, State::absent);
  start();
  EXPECT_EQ(status().state, State::running);
  EXPECT_EQ(guests_->list(), std::vector<std::string>{guest_id});
  start();  // repeatable
  EXPECT_TRUE(guests_->resume(guest_id));
  ASSERT_TRUE(guests_->power_off(guest_id, Milliseconds(0)));
  EXPECT_EQ(status().state, State::stopped);
  ASSERT_TRUE(guests_->power_off(guest_id, Milliseconds(0)));
  EXPECT_EQ(guests_->resume(guest_id).error().kind, Kind::conflict);
  EXPECT_EQ(guests_->list(), std::vector<std::string>{guest_id});
  start();
  EXPECT_EQ(status().state, State::running);
  ASSERT_TRUE(guests_->restart(guest_id, Milliseconds(0)));
  EXPECT_EQ(status().state, State::running);
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_EQ(status().state, State::absent);
  EXPECT_EQ(status().trouble, "");
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_TRUE(guests_->list().empty());
}

TEST_P(EveryHypervisor, FindsItsGuestsAgain) {
  start();
  reopen();
  EXPECT_EQ(status().state, State::running);
  EXPECT_EQ(guests_->list(), std::vector<std::string>{guest_id});
  ASSERT_TRUE(guests_->power_off(guest_id, Milliseconds(0)));
  reopen();
  EXPECT_EQ(status().state, State::stopped);
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
}

TEST_P(EveryHypervisor, MakesOverlaysAndLeavesThemBehind) {
  start();
  ASSERT_TRUE(guests_->attach(guest_id, data_disk()));
  ASSERT_TRUE(guests_->attach(guest_id, data_disk()));  // repeatable
  ASSERT_TRUE(guests_->detach(guest_id, "lun3"));
  ASSERT_TRUE(guests_->detach(guest_id, "lun3"));
  ASSERT_TRUE(guests_->remove(guest_id));
  EXPECT_FALSE(os::exists(guests_folder_ + "/" + guest_id).value());
  EXPECT_TRUE(os::exists(overlay_).value());
  EXPECT_TRUE(os::exists(data_disk().overlay_path).value());
}

TEST_P(EveryHypervisor, RefusesWhatDoesNotRun) {
  EXPECT_EQ(guests_->power_off(guest_id, Milliseconds(0)).error().kind, Kind::not_found);
  EXPECT_EQ(guests_->restart(guest_id, Milliseconds(0)).error().kind, Kind::not_found);
  EXPECT_EQ(guests_->resume(guest_id).error().kind, Kind::not_found);
  EXPECT_EQ(guests_->change(guest_id, {}).error().kind, Kind::not_found);
  EXPECT_EQ(guests_->attach(guest_id, data_disk()).error().kind, Kind::not_found);
  EXPECT_EQ(guests_->detach(guest_id, "lun3").error().kind, Kind::not_found);
  EXPECT_EQ(guests_->freeze(guest_id, "os", "/x").error().kind, Kind::not_found);
  EXPECT_EQ(guests_->console(guest_id).error().kind, Kind::not_found);
  EXPECT_EQ(guests_->screenshot(guest_id).error().kind, Kind::not_found);
}

TEST_P(EveryHypervisor, RefusesWhatIsNoMachine) {
  const auto refused = [&](auto change) {
    auto wrong = machine();
    change(wrong);
    const auto started = guests_->start(wrong);
    return !started && started.error().kind == Kind::invalid;
  };
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.id = "../../etc"; }));
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.id = ""; }));
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.cpus = 0; }));
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.memory_mib = 1; }));
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.disks.clear(); }));
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.disks[0].slot = "lun0"; }));
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.disks[0].overlay_path = "os.qcow2"; }));
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.disks[0].base_uri = "file:///etc/passwd"; }));
  EXPECT_TRUE(refused([](Machine& wrong) { wrong.disks.push_back(wrong.disks[0]); }));
  for (const auto* slot : {"lun64", "lun07", "lun-1", "lun", "LUN1", "os/../x"}) {
    auto disk = data_disk();
    disk.slot = slot;
    EXPECT_EQ(guests_->attach(guest_id, disk).error().kind, Kind::invalid) << slot;
  }
  EXPECT_FALSE(guests_->status("../x"));
  EXPECT_FALSE(guests_->remove(".."));
}

TEST(NoHypervisor, SaysThatItHasNoConsole) {
  const os::TestFolder folder;
  const auto guests = open_none(folder.path()).value();
  const auto console = guests->console(guest_id);
  ASSERT_FALSE(console);
  EXPECT_EQ(console.error().kind, Kind::not_found);
  EXPECT_NE(console.error().message.find("does not run its guests"), std::string::npos);
}

}  // namespace
}  // namespace pinaco::machine

int main(int count, char** arguments) {
  if (count == 3 && std::string_view(arguments[1]) == "machine") {
    return pinaco::machine::supervise(arguments[2], pinaco::machine::attach_fake);
  }
  if (count == 3 && std::string_view(arguments[1]) == "machine-with-card") {
    return pinaco::machine::supervise(arguments[2], pinaco::guest::Card::attach);
  }
  testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
