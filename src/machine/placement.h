// Which guest is on which libvirt host: a note in the guest's folder, written before anything of
// the guest is there and removed when nothing is any more.
//
// Threads: any. Errors: conflict (AllocationFailed) when no host has room.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "machine/guest_folders.h"

namespace pinaco::machine {

struct Placed {
  std::string host;
  std::string pool = {};  // there
  Machine machine;        // without what is secret: of its facts only id, name and card
  bool kvm = false;
  bool has_disc = false;
  int card_port = 0;  // of its outpost
  int console_port = 0;
  std::set<std::string> delivered = {};  // overlays that are there unless they are here
};

// For drivers that run no guests elsewhere: conflict when the guest of this folder has its disks on
// a libvirt host, where they stay out of such a driver's reach.
Result<> refuse_if_placed(const std::string& guest_folder);

class Placement {
 public:
  Placement(const GuestFolders& folders, std::vector<LibvirtHost> hosts)
      : folders_(folders), hosts_(std::move(hosts)) {}

  // Chooses the host with most memory left, but none of `without`, and notes it.
  Result<Placed> place(const Machine& machine, const std::set<std::string>& without);
  Result<std::optional<Placed>> find(const std::string& id) const;
  Result<Placed> get(const std::string& id) const;
  Result<> keep(const Placed& placed) const;  // durable
  Result<> forget(const std::string& id) const;

 private:
  const GuestFolders& folders_;
  const std::vector<LibvirtHost> hosts_;
  std::mutex mutex_;  // of choosing: two guests must not get the same last place
};

}  // namespace pinaco::machine
