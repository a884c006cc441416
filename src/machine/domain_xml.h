// A Machine as libvirt describes domains (libvirt.org/formatdomain.html). Pure.
//
// Disks, console, firmware and identity are libvirt's own elements, so that the host's tools show
// them and its security driver knows the files. Only the network card is handed to QEMU as it is:
// libvirt knows no card on a socket.
#pragma once

#include <map>
#include <string>

#include "machine/machine.h"

namespace pinaco::machine {

struct DomainParts {
  bool kvm = false;
  std::string server;    // where the guest's card and console are, and its disks
  int card_port = 0;     // of its outpost
  int console_port = 0;  // of its outpost
  std::map<std::string, std::string> paths = {};  // on the host, of each overlay by its path here
  std::string disc_path = {};                     // on the host; empty: an empty drive
};

// Overlays that have no path yet are left out of a chain.
std::string domain_xml(const Machine& machine, const DomainParts& parts);
std::string disk_xml(const Disk& disk, const DomainParts& parts);
std::string disc_drive_xml(const std::string& path);  // "" for an empty one
// One disk goes on in a file that is there, all others that the guest has stay.
std::string freeze_xml(const std::string& live_xml, const std::vector<Disk>& disks,
                       const std::string& slot, const std::string& path);
std::string target_of(const std::string& slot);  // "vda", "sda" … as libvirt calls its place
// Whether the place shows a disk, and which file is on top there.
bool has_target(const std::string& live_xml, const std::string& slot);
std::string source_of(const std::string& live_xml, const std::string& slot);

}  // namespace pinaco::machine
