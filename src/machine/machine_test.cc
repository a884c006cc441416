// Booting: real QEMU, with boot sectors of a few bytes as guests.
#include "machine/machine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>

#include "machine/overlay.h"
#include "machine/qemu.h"
#include "machine/test_guest.h"
#include "os/files.h"
#include "os/process.h"

namespace pinaco::machine {
namespace {

class Boot : public testing::Test {
 protected:
  Boot() {
    std::string pattern = testing::TempDir() + "pinaco-boot-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    options_.work_folder = folder_ + "/work";
    std::filesystem::create_directory(options_.work_folder);
    options_.limit = patience;
    options_.memory_mib = 32;
    options_.cpus = 1;
  }
  ~Boot() override {
    server_.end();
    std::filesystem::remove_all(folder_);
  }

  // Serves the disk read-only and points the options at it.
  void serve(const Bytes& disk, std::vector<std::string> filters = {}) {
    server_.serve(folder_, disk, std::move(filters));
    options_.nbd_uri = server_.uri();
  }
  std::size_t files_left() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& file :
         std::filesystem::directory_iterator(options_.work_folder)) {
      ++count;
    }
    return count;
  }

  std::string folder_;
  TestExport server_;
  BootOptions options_;
};

TEST_F(Boot, EndsWhenTheTextIsOnTheConsole) {
  NEEDS_TOOL("qemu-system-x86_64");
  NEEDS_TOOL("nbdkit");
  serve(boot_disk("tiny login: ", halt));
  std::string console;
  options_.console = [&](std::string_view piece) { console += piece; };
  const auto report = boot(options_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_NE(console.find("tiny login:"), std::string::npos);
  EXPECT_GT(report->until_text, Milliseconds(0));
  EXPECT_TRUE(report->overlay_path.empty());
  EXPECT_EQ(files_left(), 0u);
}

TEST_F(Boot, WritesGoToTheOverlayAndNotToTheExport) {
  NEEDS_TOOL("qemu-system-x86_64");
  NEEDS_TOOL("nbdkit");
  const auto disk = boot_disk("login:", halt, write_sector);
  serve(disk);
  options_.keep_overlay = true;
  const auto report = boot(options_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(os::read_file(server_.disk_path(), 2u << 20).value(), as_text(disk));
  EXPECT_GT(report->overlay_bytes, 5 * 65536u);  // an L2 table and a cluster of data more
  const auto check = os::run_program({"qemu-img", "check", report->overlay_path}, patience);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->status, 0) << check->output;
  const auto overlay = os::read_file(report->overlay_path, 10u << 20);
  ASSERT_TRUE(overlay);
  EXPECT_NE(overlay->find("login:"), std::string::npos);  // the sector that was written
}

TEST_F(Boot, TellsWhatTheConsoleSaidWhenTheGuestResets) {
  NEEDS_TOOL("qemu-system-x86_64");
  NEEDS_TOOL("nbdkit");
  serve(boot_disk("one\ntwo\n\x1b[31mkernel panic\x1b[0m: no root\n", reset));
  const auto report = boot(options_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, Kind::unavailable);
  EXPECT_NE(report.error().message.find("switched itself off"), std::string::npos)
      << report.error().message;
  EXPECT_NE(report.error().message.find("\n  two\n  kernel panic: no root"), std::string::npos)
      << report.error().message;
  EXPECT_EQ(files_left(), 0u);
}

TEST_F(Boot, EndsAtItsLimit) {
  NEEDS_TOOL("qemu-system-x86_64");
  NEEDS_TOOL("nbdkit");
  serve(boot_disk("still here", halt));
  options_.limit = std::chrono::seconds(1);
  const auto report = boot(options_);
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message.find("did not say 'login:' within 1 s"), std::string::npos)
      << report.error().message;
}

TEST_F(Boot, StopsWhenAsked) {
  NEEDS_TOOL("qemu-system-x86_64");
  NEEDS_TOOL("nbdkit");
  serve(boot_disk("still here", halt));
  options_.stopped = [] { return true; };
  const auto report = boot(options_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, Kind::cancelled);
  EXPECT_EQ(files_left(), 0u);
}

TEST_F(Boot, FailsWhenTheDiskCannotBeRead) {
  NEEDS_TOOL("qemu-system-x86_64");
  NEEDS_TOOL("nbdkit");
  serve(boot_disk("login:", halt), {"--filter=error", "error-pread=EIO", "error-pread-rate=100%"});
  options_.disk_bytes = 1u << 20;
  const auto report = boot(options_);
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message.find("disk failed"), std::string::npos)
      << report.error().message;
}

TEST_F(Boot, SaysWhatQemuSaidWhenTheExportIsNotThere) {
  NEEDS_TOOL("qemu-system-x86_64");
  options_.nbd_uri = "nbd+unix:///?socket=" + folder_ + "/nobody";
  for (const std::uint64_t disk_bytes : {0u, 1u << 20}) {
    options_.disk_bytes = disk_bytes;
    const auto report = boot(options_);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, Kind::unavailable);
    EXPECT_NE(report.error().message.find("Failed to connect"), std::string::npos)
        << report.error().message;
  }
}

TEST_F(Boot, SaysWhatToInstallWhenQemuIsMissing) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  options_.nbd_uri = "nbd://127.0.0.1:1/x";
  const auto report = boot(options_);
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, Kind::not_found);
  EXPECT_NE(report.error().message.find("apt-get install qemu-system-x86"), std::string::npos);
}

TEST_F(Boot, RefusesOptionsOutOfRange) {
  auto refused = [&](auto change) {
    auto options = options_;
    options.nbd_uri = "nbd://127.0.0.1/x";
    change(options);
    const auto report = boot(options);
    return !report && report.error().kind != Kind::unavailable;
  };
  EXPECT_TRUE(refused([](BootOptions& options) { options.until = ""; }));
  EXPECT_TRUE(refused([](BootOptions& options) { options.cpus = 0; }));
  EXPECT_TRUE(refused([](BootOptions& options) { options.memory_mib = 1; }));
  EXPECT_TRUE(refused([](BootOptions& options) { options.work_folder += "/none"; }));
  EXPECT_TRUE(refused([](BootOptions& options) { options.nbd_uri = "file:///etc/passwd"; }));
}

TEST(Accelerator, TheProbeEndsUnderEmulation) {
  NEEDS_TOOL("qemu-system-x86_64");
  const auto runs = runs_on(Accelerator::tcg, patience);
  ASSERT_TRUE(runs) << runs.error().message;
  EXPECT_TRUE(*runs);
}

TEST(Accelerator, IsKvmOnlyWhereAGuestRunsOnIt) {
  NEEDS_TOOL("qemu-system-x86_64");
  const auto found = find_accelerator();
  ASSERT_TRUE(found) << found.error().message;
  const auto before = system_clock().steady();
  EXPECT_EQ(find_accelerator().value(), *found);  // remembered
  EXPECT_LT(system_clock().steady() - before, std::chrono::seconds(1));
  if (*found == Accelerator::kvm) {
    EXPECT_EQ(runs_on(Accelerator::kvm, patience).value(), true);
  }
}

TEST(Overlay, IsSoundForSmallAndHugeDisks) {
  NEEDS_TOOL("qemu-img");
  std::string pattern = testing::TempDir() + "pinaco-overlay-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  for (const std::uint64_t size : {std::uint64_t{512}, std::uint64_t{536870912},
                                   std::uint64_t{536870913}, std::uint64_t{64} << 40}) {
    const auto path = pattern + "/" + std::to_string(size);
    ASSERT_TRUE(create_overlay(path, size));
    const auto check = os::run_program({"qemu-img", "check", "-f", "qcow2", path}, patience);
    ASSERT_TRUE(check);
    EXPECT_EQ(check->status, 0) << check->output << check->errors;
    const auto info =
        os::run_program({"qemu-img", "info", "--output=json", "-f", "qcow2", path}, patience);
    ASSERT_TRUE(info);
    const auto json = parse_json(info->output);
    ASSERT_TRUE(json);
    EXPECT_EQ(int_at(*json, "virtual-size"), static_cast<std::int64_t>((size + 511) / 512 * 512));
    EXPECT_EQ(find_path(*json, "backing-filename"), nullptr);
  }
  EXPECT_EQ(create_overlay(pattern + "/512", 512).error().kind, Kind::conflict);
  EXPECT_EQ(create_overlay(pattern + "/0", 0).error().kind, Kind::invalid);
  EXPECT_EQ(create_overlay(pattern + "/1", (std::uint64_t{64} << 40) + 1).error().kind,
            Kind::invalid);
  std::filesystem::remove_all(pattern);
}

TEST(ExportUri, IsReadInBothKinds) {
  const auto tcp = parse_export_uri("nbd://127.0.0.1:4711/a%20b");
  ASSERT_TRUE(tcp);
  EXPECT_EQ(to_text(to_qemu(*tcp)), R"({"type":"inet","host":"127.0.0.1","port":"4711"})");
  EXPECT_EQ(tcp->name, "a b");
  const auto plain = parse_export_uri("nbd://[::1]");
  ASSERT_TRUE(plain);
  EXPECT_EQ(to_text(to_qemu(*plain)), R"({"type":"inet","host":"::1","port":"10809"})");
  EXPECT_EQ(plain->name, "");
  const auto local = parse_export_uri("nbd+unix:///x,y?socket=/tmp/a%3Db");
  ASSERT_TRUE(local);
  EXPECT_EQ(to_text(to_qemu(*local)), R"({"type":"unix","path":"/tmp/a=b"})");
  EXPECT_EQ(local->name, "x,y");
}

TEST(ExportUri, IsRefusedWhenSomethingIsMissing) {
  for (const auto* uri :
       {"", "nbd:", "nbd://", "nbd:///x", "nbd://h:0/x", "nbd://h:99999/x", "nbd://h:1x/x",
        "nbds://h/x", "nbd+unix:///x", "nbd+unix:///x?socket=", "nbd://h/%zz", "http://h/x"}) {
    const auto address = parse_export_uri(uri);
    ASSERT_FALSE(address) << uri;
    EXPECT_EQ(address.error().kind, Kind::invalid);
  }
}

}  // namespace
}  // namespace pinaco::machine
