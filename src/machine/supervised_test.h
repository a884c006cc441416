// What the tests of supervised guests share. For tests only: hypervisor_test.cc has the main() that
// turns this program into a supervisor.
#pragma once

#include <string>

#include "machine/machine.h"
#include "machine/test_guest.h"
#include "os/test_folder.h"

namespace pinaco::machine {

inline const std::string guest_id = "0a0b0c0d-1111-2222-3333-444455556666";

class Supervised : public testing::Test {
 protected:
  ~Supervised() override {
    if (guests_) (void)guests_->remove(guest_id);
    export_.end();
  }

  void open() {
    guests_.reset();
    auto opened =
        open_qemu({.folder = guests_folder_, .supervisor = {"/proc/self/exe", supervisor_}});
    ASSERT_TRUE(opened) << opened.error().message;
    guests_ = std::move(*opened);
  }
  // Serves a disk, and opens the hypervisor.
  void prepare(const Bytes& disk, std::vector<std::string> filters = {}) {
    export_.serve(folder_.path(), disk, std::move(filters));
    base_uri_ = export_.uri();
    open();
  }
  Machine machine() const {
    Machine made;
    made.id = guest_id;
    made.memory_mib = 32;
    made.disks = {
        {.slot = "os", .base_uri = base_uri_, .overlay_path = overlay_, .size_bytes = 1 << 20}};
    made.facts.id = guest_id;
    made.facts.mac = "00:0d:3a:01:02:03";
    return made;
  }
  void start() {
    const auto started = guests_->start(machine());
    ASSERT_TRUE(started) << started.error().message;
  }
  Status status() const {
    const auto got = guests_->status(guest_id);
    EXPECT_TRUE(got) << got.error().message;
    return got.value_or(Status());
  }
  // How often the console has said it.
  std::size_t times_said(std::string_view text) const {
    const auto console = guests_->console(guest_id).value_or("");
    std::size_t times = 0;
    for (auto at = console.find(text); at != std::string::npos; at = console.find(text, at + 1)) {
      ++times;
    }
    return times;
  }
  void wait_for_text(std::string_view text, std::size_t times = 1) {
    export_.wait_until([&] { return times_said(text) >= times; });
  }
  std::string file(std::string_view name) const {
    return guests_folder_ + "/" + guest_id + "/" + std::string(name);
  }

  os::TestFolder folder_;
  std::string guests_folder_ = folder_ / "guests";
  std::string overlay_ = folder_ / "os.qcow2";
  TestExport export_;
  std::string base_uri_;
  std::string supervisor_ = "machine";  // with a card that only reports
  std::unique_ptr<Hypervisor> guests_;
};

}  // namespace pinaco::machine
