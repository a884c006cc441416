// One guest on its libvirt host: powered on and off there, its disks changed there. For a call
// only, by whoever has the guest's turn.
#pragma once

#include "machine/domain_xml.h"
#include "machine/guest_folders.h"
#include "machine/libvirt.h"
#include "machine/placement.h"
#include "machine/volumes.h"

namespace pinaco::machine {

// Speaks to a host; for tests to bring one of their own.
using ConnectLibvirt = std::function<std::unique_ptr<Libvirt>(const LibvirtHost&)>;
Result<std::unique_ptr<Hypervisor>> open_libvirt(LibvirtOptions options,
                                                 const ConnectLibvirt& connect);

class LibvirtGuest {
 public:
  LibvirtGuest(Placed placed, Libvirt& host, GuestFolders& folders, const Placement& placement,
               const LibvirtOptions& options)
      : placed_(std::move(placed)),
        host_(host),
        folders_(folders),
        placement_(placement),
        options_(options) {}

  Libvirt& host() { return host_; }
  // Takes disks and disc there, starts the outpost, and powers on. The machine is the one that was
  // placed, with its secrets.
  Result<> begin(const Machine& machine);
  // Powers off; then nothing of it is there any more and its overlays are here.
  Result<> clear(Milliseconds grace);
  Result<> power_up();
  Result<> power_down(Milliseconds grace);
  Result<> resume();
  Result<> attach(const Disk& disk);
  Result<> detach(const std::string& slot);
  Result<> freeze(const std::string& slot, const std::string& new_overlay_path);
  void drop_disc();

 private:
  const std::string& id() const { return placed_.machine.id; }
  Volumes volumes() { return {host_, placed_, placement_}; }
  Result<DomainParts> parts();
  Result<> define();  // the domain, as it is to be from its next start on
  Result<> deliver_disc(const Bytes& disc);

  Placed placed_;
  Libvirt& host_;
  GuestFolders& folders_;
  const Placement& placement_;
  const LibvirtOptions& options_;
};

}  // namespace pinaco::machine
