#include "machine/domain_xml.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "machine/description.h"
#include "machine/uri.h"

namespace pinaco::machine {
namespace {

constexpr int drive_number = 64;  // after the 64 places of data disks

// sda, sdb, … sdz, sdaa, …
std::string scsi_name(int number) {
  std::string letters;
  for (int left = number; left >= 0; left = left / 26 - 1) {
    letters.insert(letters.begin(), static_cast<char>('a' + left % 26));
  }
  return "sd" + letters;
}

std::string base_xml(const Disk& disk) {
  if (disk.base_uri.empty()) return "<backingStore/>";
  // Checked before: check_disk.
  const auto address = parse_export_uri(disk.base_uri).value_or(ExportAddress());
  const auto host =
      address.host.empty()
          ? fmt::format("<host transport='unix' socket='{}'/>", markup_escape(address.socket_path))
          : fmt::format("<host name='{}' port='{}'/>", markup_escape(address.host), address.port);
  return fmt::format(
      "<backingStore type='network'><format type='raw'/><source protocol='nbd' name='{}'>{}"
      "</source><backingStore/></backingStore>",
      markup_escape(address.name), host);
}

// Every level is said, so that nothing inside a file chooses what is below it.
std::string chain_xml(const Disk& disk, const DomainParts& parts) {
  auto below = base_xml(disk);
  for (const auto& path : disk.frozen) {
    const auto there = parts.paths.find(path);
    if (there == parts.paths.end()) continue;
    below = fmt::format(
        "<backingStore type='file'><format type='qcow2'/><source file='{}'/>{}</backingStore>",
        markup_escape(there->second), below);
  }
  const auto top = parts.paths.find(disk.overlay_path);
  return fmt::format("<source file='{}'/>{}",
                     markup_escape(top == parts.paths.end() ? std::string() : top->second), below);
}

std::string processor_xml(const DomainParts& parts) {
  // systemd must not say "kvm" or "qemu" where the agents' units ask for "microsoft".
  if (parts.kvm) return "<cpu mode='host-passthrough'/>";
  return "<cpu mode='maximum'><feature policy='disable' name='hypervisor'/></cpu>";
}

std::string features_xml(const Machine& machine, const DomainParts& parts) {
  if (parts.kvm) {
    return "<features><acpi/><apic/><kvm><hidden state='on'/></kvm><hyperv><relaxed state='on'/>"
           "<vapic state='on'/><vpindex state='on'/></hyperv></features>";
  }
  // Room for translated code: without a limit it is a GiB.
  return fmt::format(
      "<features><acpi/><apic/><tcg><tb-cache unit='MiB'>{}</tb-cache></tcg></features>",
      std::clamp(machine.memory_mib / 8, 32u, 512u));
}

std::string firmware_xml(bool uefi) {
  if (!uefi) return "<os><type arch='x86_64' machine='pc'>hvm</type><smbios mode='sysinfo'/></os>";
  return "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><firmware>"
         "<feature enabled='no' name='enrolled-keys'/><feature enabled='no' name='secure-boot'/>"
         "</firmware><smbios mode='sysinfo'/></os>";
}

std::string argument(std::string_view value) {
  return fmt::format("<qemu:arg value='{}'/>", markup_escape(value));
}

std::string card_xml(const Machine& machine, const DomainParts& parts) {
  const JsonObject line = {{"type", "stream"},
                           {"id", "network"},
                           {"server", false},
                           {"addr", JsonObject{{"type", "inet"},
                                               {"host", parts.server},
                                               {"port", std::to_string(parts.card_port)}}}};
  const JsonObject card = {{"driver", "virtio-net-pci"},
                           {"netdev", "network"},
                           {"mac", machine.facts.mac},
                           {"romfile", ""}};
  return "<qemu:commandline>" + argument("-netdev") + argument(to_text(line)) +
         argument("-device") + argument(to_text(card)) + "</qemu:commandline>";
}

// What follows `<target dev='…'`, back to the beginning of its disk.
std::string_view disk_in(std::string_view xml, const std::string& slot) {
  const auto at = xml.find(fmt::format("<target dev='{}'", target_of(slot)));
  if (at == std::string_view::npos) return {};
  const auto begin = xml.rfind("<disk ", at);
  return begin == std::string_view::npos ? std::string_view() : xml.substr(begin, at - begin);
}

}  // namespace

std::string target_of(const std::string& slot) {
  const auto lun = lun_of(slot);
  return lun ? scsi_name(*lun) : "vda";
}

std::string disk_xml(const Disk& disk, const DomainParts& parts) {
  const auto lun = lun_of(disk.slot);
  const auto place =
      lun ? fmt::format("<address type='drive' controller='0' bus='0' target='0' unit='{}'/>", *lun)
          : std::string("<boot order='1'/>");
  // A guest that loses its disk is paused, so that it never sees an error it would keep.
  return fmt::format(
      "<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap' "
      "error_policy='stop' rerror_policy='stop'/>{}<target dev='{}' bus='{}'/>{}</disk>",
      chain_xml(disk, parts), target_of(disk.slot), lun ? "scsi" : "virtio", place);
}

std::string disc_drive_xml(const std::string& path) {
  return fmt::format(
      "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>{}"
      "<target dev='{}' bus='scsi'/><readonly/>"
      "<address type='drive' controller='0' bus='0' target='1' unit='0'/></disk>",
      path.empty() ? std::string() : fmt::format("<source file='{}'/>", markup_escape(path)),
      scsi_name(drive_number));
}

std::string domain_xml(const Machine& machine, const DomainParts& parts) {
  std::string devices = "<controller type='scsi' index='0' model='virtio-scsi'/>";
  for (const auto& disk : machine.disks) devices += disk_xml(disk, parts);
  devices += disc_drive_xml(parts.disc_path);
  devices += fmt::format(
      "<serial type='tcp'><source mode='connect' host='{}' service='{}'/><protocol type='raw'/>"
      "<target port='0'/></serial>",
      markup_escape(parts.server), parts.console_port);
  devices +=
      "<video><model type='vga'/></video><memballoon model='none'/><panic model='isa'/>"
      "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>";
  // cloud-init and waagent know Azure by these words.
  return fmt::format(
      "<domain type='{}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
      "<name>pinaco-{}</name><uuid>{}</uuid><title>{}</title>"
      "<memory unit='MiB'>{}</memory><vcpu>{}</vcpu>{}"
      "<sysinfo type='smbios'><system><entry name='manufacturer'>Microsoft Corporation</entry>"
      "<entry name='product'>Virtual Machine</entry>"
      "<entry name='version'>Hyper-V UEFI Release v4.1</entry><entry name='uuid'>{}</entry>"
      "</system><chassis><entry name='asset'>7783-7084-3265-9085-8269-3286-77</entry></chassis>"
      "</sysinfo>{}{}"
      "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>preserve</"
      "on_crash>"
      "<devices>{}</devices>{}</domain>",
      parts.kvm ? "kvm" : "qemu", machine.id, machine.id,
      markup_escape(machine.facts.name.empty() ? machine.id : machine.facts.name),
      machine.memory_mib, machine.cpus, firmware_xml(machine.uefi), machine.id,
      processor_xml(parts), features_xml(machine, parts), devices, card_xml(machine, parts));
}

std::string freeze_xml(const std::string& live_xml, const std::vector<Disk>& disks,
                       const std::string& slot, const std::string& path) {
  std::string list;
  for (const auto& disk : disks) {
    if (!has_target(live_xml, disk.slot)) continue;  // libvirt refuses a name that it does not know
    list += disk.slot != slot ? fmt::format("<disk name='{}' snapshot='no'/>", target_of(disk.slot))
                              : fmt::format(
                                    "<disk name='{}' snapshot='external' type='file'>"
                                    "<driver type='qcow2'/><source file='{}'/></disk>",
                                    target_of(disk.slot), markup_escape(path));
  }
  return fmt::format("<domainsnapshot><disks>{}</disks></domainsnapshot>", list);
}

bool has_target(const std::string& live_xml, const std::string& slot) {
  return !disk_in(live_xml, slot).empty();
}

std::string source_of(const std::string& live_xml, const std::string& slot) {
  constexpr std::string_view begin = "<source file='";
  const auto disk = disk_in(live_xml, slot);
  const auto at = disk.find(begin);
  if (at == std::string_view::npos) return {};
  const auto rest = disk.substr(at + begin.size());
  return std::string(rest.substr(0, rest.find('\'')));
}

}  // namespace pinaco::machine
