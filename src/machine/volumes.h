// Overlays of a guest on their way to a libvirt host and back.
//
// An overlay that a guest may write to is in one place: its file here goes once its volume is
// there, was read back and is noted as delivered, before the guest starts; it comes back, durably,
// before the volume goes. So a file that is here is right, and a volume counts only where the file
// is missing. One that is delivered and nowhere is lost, which is an error and never a disk without
// what was written. Frozen overlays do not change and may be in both places.
//
// For a call only, by whoever has the guest's turn.
#pragma once

#include <map>
#include <string>

#include "machine/hypervisor.h"
#include "machine/libvirt.h"
#include "machine/placement.h"

namespace pinaco::machine {

std::string volume_of(const std::string& overlay_path);  // its name
std::string disc_volume_of(const std::string& id);

class Volumes {
 public:
  // `placed` is kept in mind and on disk as overlays come and go.
  Volumes(Libvirt& host, Placed& placed, const Placement& placement)
      : host_(host), placed_(placed), placement_(placement) {}

  // Takes all of a disk's overlays there, and makes the topmost if there was none.
  Result<> deliver(const Disk& disk);
  // Takes the topmost there if it is here. Nothing may run on it.
  Result<> hand_over(const Disk& disk);
  // Takes there what is missing there; leaves alone what is there, which a guest may run on.
  Result<> ensure(const Disk& disk);
  // Fetches what is only there, and leaves it there.
  Result<> fetch_frozen(const Disk& disk);
  // Brings all back, and leaves nothing there. Nothing may run on it.
  Result<> retrieve(const Disk& disk);
  // Where the disk's overlays are on the host, by their paths here.
  Result<> find_paths(const Disk& disk, std::map<std::string, std::string>& paths);

 private:
  Result<> send(const std::string& path, std::uint64_t size_bytes);
  Result<> deliver_top(const Disk& disk);
  Result<> fetch_missing(const std::string& path, std::uint64_t size_bytes);
  std::unexpected<Error> lost(const std::string& path) const;

  Libvirt& host_;
  Placed& placed_;
  const Placement& placement_;
};

}  // namespace pinaco::machine
