// Booting: real QEMU, with boot sectors of a few bytes as guests.
#include "machine/machine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "machine/overlay.h"
#include "machine/qemu.h"
#include "os/files.h"
#include "os/process.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds patience = std::chrono::seconds(60);

bool is_missing(const std::string& program) {
  const auto found = os::run_program({program, "--version"}, patience);
  return !found && found.error().kind == Kind::not_found;
}

// A test without its tool must be seen; where everything has to be there, it fails.
#define NEEDS_TOOL(name)                                                  \
  if (is_missing(name)) {                                                 \
    if (std::getenv("CI") != nullptr) FAIL() << "missing tool: " << name; \
    GTEST_SKIP() << "missing tool: " << name;                             \
  }

Bytes code(std::initializer_list<int> bytes) {
  Bytes made;
  for (const int byte : bytes) made.push_back(static_cast<std::uint8_t>(byte));
  return made;
}
const Bytes halt = code({0xf4, 0xeb, 0xfd});               // hlt; jmp back
const Bytes reset = code({0xb0, 0xfe, 0xe6, 0x64, 0xf4});  // mov al, 0xfe; out 0x64, al; hlt
// Writes the boot sector itself to the second sector, through the BIOS (int 0x13).
const Bytes write_sector = code({0xb8, 0x01, 0x03,  // mov ax, 0x0301: write one sector
                                 0xb9, 0x02, 0x00,  // mov cx, 2
                                 0xba, 0x80, 0x00,  // mov dx, 0x80: the first disk
                                 0xbb, 0x00, 0x7c,  // mov bx, 0x7c00
                                 0xcd, 0x13});      // int 0x13

// A disk of 1 MiB whose boot sector runs `first`, says `text` on the serial port, runs `last`.
Bytes boot_disk(std::string_view text, const Bytes& last, const Bytes& first = {}) {
  Bytes sector = code({0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0});  // xor ax, ax; mov ds, ax; mov es, ax
  append(sector, first);
  const auto message = sector.size() + 14 + last.size();
  sector.push_back(0xbe);  // mov si, message
  append_le(sector, static_cast<std::uint16_t>(0x7c00 + message));
  append(sector, code({0xac,              // lodsb
                       0x84, 0xc0,        // test al, al
                       0x74, 0x06,        // jz to `last`
                       0xba, 0xf8, 0x03,  // mov dx, 0x3f8: the first serial port
                       0xee,              // out dx, al
                       0xeb, 0xf5}));     // jmp to the lodsb
  append(sector, last);
  CHECK(sector.size() == message);
  append(sector, as_bytes(text));
  sector.resize(1u << 20);
  store_le<std::uint16_t>(sector, 510, 0xaa55);
  return sector;
}

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
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Serves the disk read-only and points the options at it.
  void serve(const Bytes& disk, std::vector<std::string> filters = {}) {
    disk_path_ = folder_ + "/disk";
    std::ofstream(disk_path_, std::ios::binary) << as_text(disk);
    const auto socket = folder_ + "/socket";
    std::vector<std::string> line = {"nbdkit", "-f", "-r", "-U", socket};
    if (!filters.empty()) line.push_back(filters[0]);
    line.insert(line.end(), {"file", disk_path_});
    if (!filters.empty()) line.insert(line.end(), filters.begin() + 1, filters.end());
    auto started = os::Process::start(line);
    ASSERT_TRUE(started) << started.error().message;
    server_.emplace(std::move(*started));
    const auto give_up = system_clock().steady() + patience;
    while (!os::Socket::connect_unix(socket)) {
      ASSERT_LT(system_clock().steady(), give_up);
      ASSERT_EQ(server_->wait(Milliseconds(10)).value(), std::nullopt);
    }
    options_.nbd_uri = "nbd+unix:///?socket=" + socket;
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
  std::string disk_path_;
  std::optional<os::Process> server_;
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
  EXPECT_EQ(os::read_file(disk_path_, 2u << 20).value(), as_text(disk));
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
