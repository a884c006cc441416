// Guests on QEMU with their supervisors: what outlives what, disks, consoles, and trouble.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <fstream>

#include "machine/console_log.h"
#include "machine/control.h"
#include "machine/qmp.h"
#include "machine/supervised_test.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

class Supervisor : public Supervised {
 protected:
  void SetUp() override {
    NEEDS_TOOL("qemu-system-x86_64");
    NEEDS_TOOL("nbdkit");
    NEEDS_TOOL("qemu-img");
  }
  void start_and_wait(const Bytes& disk) {
    prepare(disk);
    start();
    wait_for_text("up");
  }
  void expect_sound(const std::string& path) {
    const auto check = os::run_program({"qemu-img", "check", "-f", "qcow2", path}, patience);
    ASSERT_TRUE(check);
    EXPECT_EQ(check->status, 0) << check->output << check->errors;
  }
  static bool holds(const std::string& path, std::string_view text) {
    return os::read_file(path, 10u << 20).value_or("").find(text) != std::string::npos;
  }
  pid_t find_supervisor() const {
    const auto socket = os::Socket::connect_unix(file("control"));
    ucred peer = {};
    socklen_t size = sizeof peer;
    EXPECT_EQ(::getsockopt(socket->descriptor(), SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
    return peer.pid;
  }
  bool has_ended() const { return os::wait_for_lock(file("lock"), patience).has_value(); }
  Result<Json> qmp(std::string_view command, JsonObject arguments) const {
    Qmp client(TRY(os::Socket::connect_unix(file("qmp"))));
    TRY(client.start(patience));
    return client.execute(command, std::move(arguments), patience);
  }
};

TEST_F(Supervisor, ShowsConsoleAndScreen) {
  start_and_wait(boot_disk("up", halt));
  const auto picture = guests_->screenshot(guest_id);
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_TRUE(as_text(*picture).starts_with("\x89PNG"));
  EXPECT_FALSE(os::exists(file("screen.png")).value());
}

TEST_F(Supervisor, TakesItsQemuWithItWhenItIsKilled) {
  start_and_wait(boot_disk("up", halt));
  ASSERT_EQ(::kill(find_supervisor(), SIGKILL), 0);
  ASSERT_TRUE(has_ended());  // QEMU holds the lock as well
  EXPECT_EQ(status().state, State::absent);
  EXPECT_NE(status().trouble, "");
  start();
  EXPECT_EQ(status().state, State::running);
}

TEST_F(Supervisor, PressesThePowerButtonFirst) {
  start_and_wait(boot_disk("up", obey));
  const auto before = system_clock().steady();
  ASSERT_TRUE(guests_->power_off(guest_id, patience));
  EXPECT_LT(system_clock().steady() - before, patience / 2);
  EXPECT_EQ(string_at(qmp("query-status", {}).value(), "status"), "shutdown");
  EXPECT_EQ(status().state, State::stopped);
  ASSERT_TRUE(guests_->restart(guest_id, patience));  // powers it on
  wait_for_text("up", 2);
}

TEST_F(Supervisor, UsesForceWhenTheGuestDoesNotObey) {
  start_and_wait(boot_disk("up", halt));
  ASSERT_TRUE(guests_->power_off(guest_id, Milliseconds(50)));
  EXPECT_EQ(status().state, State::stopped);
  start();
  wait_for_text("up", 2);
}

TEST_F(Supervisor, LeavesASoundOverlay) {
  start_and_wait(boot_disk("up", halt, write_sector));
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  expect_sound(overlay_);
  EXPECT_TRUE(holds(overlay_, "up"));
  EXPECT_NE(guests_->console(guest_id)->find("up"), std::string::npos);  // still to be read
}

TEST_F(Supervisor, FreezesADiskThatIsWritten) {
  // The sector that it writes is written once each time it starts.
  start_and_wait(boot_disk("up", halt, write_sector));
  const auto above = folder_ / "above.qcow2";
  ASSERT_TRUE(guests_->freeze(guest_id, "os", above));
  ASSERT_TRUE(guests_->freeze(guest_id, "os", above));  // repeatable
  const auto before = os::read_file(overlay_, 10u << 20).value();
  EXPECT_FALSE(holds(above, "up"));
  ASSERT_TRUE(guests_->restart(guest_id, Milliseconds(0)));
  wait_for_text("up", 2);
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  EXPECT_EQ(os::read_file(overlay_, 10u << 20).value(), before);
  EXPECT_TRUE(holds(above, "up"));
  expect_sound(overlay_);
  expect_sound(above);

  // It starts again on all three.
  auto next = machine();
  next.disks[0].frozen = {overlay_};
  next.disks[0].overlay_path = above;
  ASSERT_TRUE(guests_->start(next));
  wait_for_text("up");
  EXPECT_EQ(guests_->freeze(guest_id, "lun1", above).error().kind, Kind::not_found);
  EXPECT_EQ(guests_->freeze(guest_id, "os", overlay_).error().kind, Kind::conflict);
  ASSERT_TRUE(guests_->freeze(guest_id, "os", folder_ / "top.qcow2"));
}

TEST_F(Supervisor, AttachesAndDetachesDisks) {
  start_and_wait(boot_disk("up", halt));
  const Disk first = {.slot = "lun1",
                      .base_uri = export_.uri(),
                      .overlay_path = folder_ / "first.qcow2",
                      .size_bytes = 1 << 20};
  auto second = first;
  second.overlay_path = folder_ / "second.qcow2";
  ASSERT_TRUE(guests_->attach(guest_id, first));
  EXPECT_EQ(guests_->attach(guest_id, second).error().kind, Kind::conflict);
  ASSERT_TRUE(guests_->freeze(guest_id, "lun1", folder_ / "above.qcow2"));
  const auto detached = guests_->detach(guest_id, "lun1");
  ASSERT_TRUE(detached) << detached.error().message;
  ASSERT_TRUE(guests_->attach(guest_id, second));
  EXPECT_EQ(guests_->detach(guest_id, "os").error().kind, Kind::conflict);
  auto nowhere = first;
  nowhere.slot = "lun2";
  nowhere.base_uri = "nbd+unix:///?socket=" + folder_ / "nobody";
  ASSERT_FALSE(guests_->attach(guest_id, nowhere));
  nowhere.base_uri = "";
  ASSERT_TRUE(guests_->attach(guest_id, nowhere));  // the failure left nothing
}

TEST_F(Supervisor, ThrowsTheDiscAwayWhenItIsEjected) {
  prepare(boot_disk("up", halt));
  auto with_disc = machine();
  with_disc.disc = Bytes(64 << 10, 7);
  ASSERT_TRUE(guests_->start(with_disc));
  EXPECT_TRUE(os::exists(file("disc.iso")).value());
  ASSERT_TRUE(qmp("blockdev-open-tray", {{"id", disc_device}}));
  export_.wait_until([&] { return !os::exists(file("disc.iso")).value(); });
  export_.wait_until(
      [&] { return !to_text(qmp("query-named-block-nodes", {}).value()).contains("disc.iso"); });
}

TEST_F(Supervisor, ThrowsTheDiscAwayWhenTheGuestIsReady) {
  prepare(boot_disk("up", halt));
  auto with_disc = machine();
  with_disc.disc = Bytes(64 << 10, 7);
  ASSERT_TRUE(guests_->start(with_disc));
  EXPECT_EQ(status().report.health, guest::Health::unknown);
  auto facts = with_disc.facts;
  facts.computer_name = "other";
  ASSERT_TRUE(guests_->change(guest_id, facts));
  EXPECT_EQ(status().report.health, guest::Health::ready);
  EXPECT_EQ(status().report.text, "other");
  EXPECT_FALSE(os::exists(file("disc.iso")).value());
}

TEST_F(Supervisor, SaysWhyAGuestDoesNotStart) {
  prepare(boot_disk("up", halt));
  auto wrong = machine();
  wrong.facts.computer_name = "refused";
  auto started = guests_->start(wrong);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, Kind::invalid);
  EXPECT_EQ(started.error().message, "the card is refused");
  EXPECT_EQ(status().state, State::absent);
  EXPECT_EQ(status().trouble, "the card is refused");

  ASSERT_TRUE(has_ended());
  wrong = machine();
  wrong.disks[0].base_uri = "nbd+unix:///?socket=" + folder_ / "nobody";
  started = guests_->start(wrong);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("Failed to connect"), std::string::npos)
      << started.error().message;
}

TEST_F(Supervisor, PausesAGuestWhoseDiskFailsUntilItIsRepaired) {
  const auto trigger = folder_ / "fail";
  std::ofstream(trigger) << "now";
  prepare(boot_disk("up", halt), {"--filter=error", "error-pread=EIO", "error-pread-rate=100%",
                                  "error-pread-file=" + trigger});
  start();
  // QEMU pauses it first, and then its supervisor writes down why.
  export_.wait_until([&] {
    const auto now = status();
    return now.state == State::broken && !now.trouble.empty();
  });
  EXPECT_NE(status().trouble.find("disk failed"), std::string::npos) << status().trouble;
  ASSERT_TRUE(os::remove_file(trigger));
  ASSERT_TRUE(guests_->resume(guest_id));
  wait_for_text("up");
  EXPECT_EQ(status().state, State::running);
  EXPECT_EQ(status().trouble, "");
}

TEST_F(Supervisor, KeepsTheVariablesOfItsFirmware) {
  if (!os::exists("/usr/share/OVMF/OVMF_VARS_4M.fd").value()) {
    if (std::getenv("CI") != nullptr) FAIL() << "missing: OVMF";
    GTEST_SKIP() << "missing: OVMF";
  }
  prepare(boot_disk("up", halt));
  auto uefi = machine();
  uefi.uefi = true;
  uefi.memory_mib = 128;
  ASSERT_TRUE(guests_->start(uefi));
  EXPECT_EQ(status().state, State::running);
  ASSERT_TRUE(guests_->end(guest_id, Milliseconds(0)));
  {
    const auto variables = os::File::open_write(file("uefi.vars")).value();
    ASSERT_TRUE(variables.write_exact(400'000, as_bytes("mine")));
  }
  ASSERT_TRUE(guests_->start(uefi));
  EXPECT_TRUE(holds(file("uefi.vars"), "mine"));
}

TEST_F(Supervisor, RefusesGarbageOnItsControlSocket) {
  start_and_wait(boot_disk("up", halt));
  for (const auto& line :
       {std::string("garbage\n"), std::string("{\"do\":\"dance\"}\n"),
        std::string("{\"do\":\"change\"}\n"), std::string(5 << 20, 'x') + "\n"}) {
    const auto client = os::Socket::connect_unix(file("control")).value();
    (void)client.write_all(as_bytes(line), patience);
    const auto answer = receive_line(client, 1 << 20, patience);
    EXPECT_TRUE(!answer || answer->contains("error")) << *answer;
  }
  EXPECT_EQ(status().state, State::running);
  EXPECT_TRUE(guests_->change(guest_id, machine().facts));
}

TEST_F(Supervisor, LivesInAFolderWithALongName) {
  guests_folder_ += "/" + std::string(150, 'x');
  start_and_wait(boot_disk("up", halt));
  EXPECT_EQ(status().state, State::running);
  EXPECT_TRUE(guests_->change(guest_id, machine().facts));
}

TEST_F(Supervisor, IsTheGuestsNetworkCard) {
  supervisor_ = "machine-with-card";
  start_and_wait(boot_disk("up", halt));
  auto facts = machine().facts;
  facts.tags = JsonObject{{"a", "b"}};
  const auto changed = guests_->change(guest_id, facts);
  EXPECT_TRUE(changed) << changed.error().message;
  facts.subnet = "nonsense";
  EXPECT_EQ(guests_->change(guest_id, facts).error().kind, Kind::invalid);
  EXPECT_EQ(status().state, State::running);
}

TEST_F(Supervisor, IsRefusedWithoutItsLock) {
  const auto ended = os::run_program({"/proc/self/exe", "machine", folder_.path()}, patience);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 2);
  EXPECT_NE(ended->errors.find("only the server"), std::string::npos) << ended->errors;
}

}  // namespace
}  // namespace pinaco::machine
