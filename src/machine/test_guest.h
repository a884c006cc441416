// Guests for tests: boot sectors of a few bytes, and nbdkit to serve them. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/bytes.h"
#include "os/process.h"

namespace pinaco::machine {

inline constexpr Milliseconds patience = std::chrono::seconds(60);

inline bool is_missing(const std::string& program) {
  const auto found = os::run_program({program, "--version"}, patience);
  return !found && found.error().kind == Kind::not_found;
}

// A test without its tool must be seen; where everything has to be there, it fails.
#define NEEDS_TOOL(name)                                                  \
  if (is_missing(name)) {                                                 \
    if (std::getenv("CI") != nullptr) FAIL() << "missing tool: " << name; \
    GTEST_SKIP() << "missing tool: " << name;                             \
  }

inline Bytes code(std::initializer_list<int> bytes) {
  Bytes made;
  for (const int byte : bytes) made.push_back(static_cast<std::uint8_t>(byte));
  return made;
}
inline const Bytes halt = code({0xf4, 0xeb, 0xfd});               // hlt; jmp back
inline const Bytes reset = code({0xb0, 0xfe, 0xe6, 0x64, 0xf4});  // mov al, 0xfe; out 0x64, al; hlt
// Writes the boot sector itself to the second sector, through the BIOS (int 0x13).
inline const Bytes write_sector = code({0xb8, 0x01, 0x03,  // mov ax, 0x0301: write one sector
                                        0xb9, 0x02, 0x00,  // mov cx, 2
                                        0xba, 0x80, 0x00,  // mov dx, 0x80: the first disk
                                        0xbb, 0x00, 0x7c,  // mov bx, 0x7c00
                                        0xcd, 0x13});      // int 0x13

// Waits for the power button and switches itself off, as ACPI has it on QEMU's boards.
inline const Bytes obey = code({0xfa,              // cli
                                0xba, 0x02, 0x06,  // mov dx, 0x602: which events it wants
                                0xb8, 0x00, 0x01,  // mov ax, 0x100: the power button
                                0xef,              // out dx, ax
                                0xba, 0x00, 0x06,  // mov dx, 0x600: which events came
                                0xed,              // in ax, dx
                                0xf6, 0xc4, 0x01,  // test ah, 1
                                0x74, 0xfa,        // jz to the in
                                0xba, 0x04, 0x06,  // mov dx, 0x604: the sleep state
                                0xb8, 0x00, 0x20,  // mov ax, 0x2000: off
                                0xef,              // out dx, ax
                                0xf4, 0xeb, 0xfd});

// A disk of 1 MiB whose boot sector runs `first`, says `text` on the serial port, runs `last`.
inline Bytes boot_disk(std::string_view text, const Bytes& last, const Bytes& first = {}) {
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

// A disk served read-only by nbdkit.
class TestExport {
 public:
  // The first of `filters` is nbdkit's --filter, the others its parameters.
  void serve(const std::string& folder, const Bytes& disk, std::vector<std::string> filters = {}) {
    disk_path_ = folder + "/disk";
    std::ofstream(disk_path_, std::ios::binary) << as_text(disk);
    socket_ = folder + "/socket";
    std::vector<std::string> line = {"nbdkit", "-f", "-r", "-U", socket_};
    if (!filters.empty()) line.push_back(filters[0]);
    line.insert(line.end(), {"file", disk_path_});
    if (!filters.empty()) line.insert(line.end(), filters.begin() + 1, filters.end());
    auto started = os::Process::start(line);
    ASSERT_TRUE(started) << started.error().message;
    server_.emplace(std::move(*started));
    wait_until([&] { return os::Socket::connect_unix(socket_).has_value(); });
    // A libvirt host runs its guests under another account.
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
    std::filesystem::permissions(socket_, std::filesystem::perms(0777));
  }
  // Looks every 10 ms until it is true, or the server ends.
  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = system_clock().steady() + patience;
    while (!condition()) {
      ASSERT_LT(system_clock().steady(), give_up);
      ASSERT_EQ(server_->wait(Milliseconds(10)).value(), std::nullopt);
    }
  }
  void end() { server_.reset(); }

  std::string uri() const { return "nbd+unix:///?socket=" + socket_; }
  const std::string& disk_path() const { return disk_path_; }

 private:
  std::string disk_path_;
  std::string socket_;
  std::optional<os::Process> server_;
};

}  // namespace pinaco::machine
