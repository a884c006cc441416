// Overlays on their way to a libvirt host and back.
//
// An overlay that a guest may write to is in one place: its file here goes once its volume is
// there, before the guest starts, and comes back, durably, before the volume goes. So a file that
// is here is right, and a volume counts only where the file is missing. Frozen overlays do not
// change and may be in both places.
#pragma once

#include <map>
#include <string>

#include "machine/hypervisor.h"
#include "machine/libvirt.h"

namespace pinaco::machine {

std::string volume_of(const std::string& overlay_path);  // its name
std::string disc_volume_of(const std::string& id);
// Takes all of a disk's overlays there, and makes the topmost if there was none.
Result<> deliver(Libvirt& host, const Disk& disk);
// An empty one, for a disk of that size.
Result<> deliver_empty(Libvirt& host, const std::string& overlay_path, std::uint64_t size_bytes);
// Fetches what is only there, and leaves it there.
Result<> fetch_frozen(Libvirt& host, const Disk& disk);
// Brings all back, and leaves nothing there. Nothing may run on it.
Result<> retrieve(Libvirt& host, const Disk& disk);
// Where the disk's overlays are on the host, by their paths here.
Result<> find_paths(Libvirt& host, const Disk& disk, std::map<std::string, std::string>& paths);

}  // namespace pinaco::machine
