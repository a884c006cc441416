// Machine: boots a guest from an NBD export on QEMU and watches its serial console until a text
// appears. The export is only read; what the guest writes goes to an overlay of its own.
//
// Threads: any; each boot is a process of its own, watched by the calling thread. Lifetime: the
// guest ends with the call, and is killed by the kernel if this process dies first. Limits: the
// boot ends at `limit`; the last 64 KiB of console are kept. Errors: not_found when QEMU is not
// installed (says which package to install), unavailable when the guest ends, loses its disk or
// does not get there in time (says what the console said last), cancelled when `stopped` says so.
//
// While the export's server is away the guest waits: QEMU reconnects for 60 s. A read that the
// server answers with an error pauses the guest and fails the boot.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "machine/hypervisor.h"  // guests that live on

namespace pinaco::machine {

enum class Accelerator { kvm, tcg };
std::string_view to_string(Accelerator accelerator);  // "kvm", "tcg"

// kvm only if a boot sector really runs on it within 3 s: a /dev/kvm that opens proves nothing.
// Measured at the first call, then remembered. not_found without QEMU.
Result<Accelerator> find_accelerator();

struct BootOptions {
  std::string nbd_uri;      // nbd://host:port/name or nbd+unix:///name?socket=path
  std::string work_folder;  // exists; the overlay and firmware variables go here
  bool keep_overlay = false;
  std::uint64_t disk_bytes = 0;  // of the export; 0: the server is asked
  unsigned memory_mib = 1024;
  unsigned cpus = 2;
  bool uefi = false;     // OVMF instead of SeaBIOS (generation V2 images)
  bool network = false;  // QEMU's own user network: out only, no way in
  Milliseconds limit = std::chrono::minutes(10);
  std::string until = "login:";                             // not empty, at most 4 KiB
  std::function<void(std::string_view)> console = nullptr;  // gets each piece of console output
  std::function<bool()> stopped = nullptr;                  // asked at least every 200 ms
};

struct BootReport {
  Milliseconds until_text = {};  // from the start of QEMU to the text
  Accelerator accelerator = Accelerator::tcg;
  std::uint64_t overlay_bytes = 0;  // what the guest wrote, with the overlay's own tables
  std::string overlay_path = {};    // empty unless kept
};

Result<BootReport> boot(const BootOptions& options);

}  // namespace pinaco::machine
