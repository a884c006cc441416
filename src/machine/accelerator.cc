// Whether KVM works here, found out with a guest that goes the way of real ones: the same processor
// model, the BIOS, a boot sector from a virtio disk. The sector writes to QEMU's isa-debug-exit
// device, which ends QEMU with a code of our choice. There are machines on which a few
// instructions run on KVM and the BIOS already hangs.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "machine/machine.h"
#include "machine/qemu.h"
#include "os/files.h"
#include "os/process.h"

namespace pinaco::machine {
namespace {

constexpr std::uint8_t code = 0x21;
constexpr int exit_status = (code << 1) | 1;  // what the device makes of it
constexpr Milliseconds kvm_time_box = std::chrono::seconds(3);

Bytes tiny_disk() {
  Bytes disk(1 << 20);  // SeaBIOS does not boot from much smaller ones
  const std::uint8_t boot_sector[] = {
      0xb0, code,  // mov al, code
      0xe6, 0xf4,  // out 0xf4, al
      0xf4,        // hlt
      0xeb, 0xfd,  // jmp to the hlt
  };
  std::memcpy(disk.data(), boot_sector, sizeof boot_sector);
  store_le<std::uint16_t>(disk, 510, 0xaa55);
  return disk;
}

Result<Accelerator> measure() {
  if (::access("/dev/kvm", R_OK | W_OK) != 0) {
    // Not even worth a try, but QEMU must be there all the same.
    TRY(find_qemu());
    return Accelerator::tcg;
  }
  if (TRY(runs_on(Accelerator::kvm, kvm_time_box))) return Accelerator::kvm;
  LOG(info, "machine", "/dev/kvm opens, but a guest does not run on it: guests are emulated");
  return Accelerator::tcg;
}

}  // namespace

Result<bool> runs_on(Accelerator accelerator, Milliseconds time_box) {
  const os::File disk(::memfd_create("tiny-disk", MFD_CLOEXEC));
  if (!disk.is_open()) return std::unexpected(system_error("making a disk in memory", errno));
  TRY(disk.write_exact(0, tiny_disk()));
  const int inherited[] = {disk.descriptor()};
  auto process = os::Process::start(
      {qemu_program, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc",
       "-accel", std::string(to_string(accelerator)), "-cpu", guest_processor, "-m", "32",
       "-blockdev", "file,filename=/proc/self/fd/3,node-name=disk,read-only=on", "-device",
       "virtio-blk-pci,drive=disk", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"},
      inherited);
  if (!process) return std::unexpected(explain_missing(std::move(process.error())));
  const auto status = TRY(process->wait(time_box));
  return status == exit_status;  // a guest that hangs is killed by the destructor
}

std::string_view to_string(Accelerator accelerator) {
  return accelerator == Accelerator::kvm ? "kvm" : "tcg";
}

Result<Accelerator> find_accelerator() {
  static std::mutex mutex;
  static std::optional<Accelerator> found;
  std::lock_guard lock(mutex);
  if (!found) found = TRY(measure());
  return *found;
}

}  // namespace pinaco::machine
