// What a virtual machine and the profile of a scale set's instances have in common: one list, from
// which each makes its schema. In a set they lie below "virtualMachineProfile".
#pragma once

#include <array>

#include "provider/schema.h"

namespace pinaco::provider {
namespace machine_members {

using enum Shape;
using enum Access;

struct Common {
  std::string_view path;
  Shape shape;
  Access of_machine;
  Access of_set;  // its next instances may differ
  std::string_view since = "";
  std::string_view values = "";
};

inline constexpr std::string_view caching = "None|ReadOnly|ReadWrite";

inline constexpr Common common[] = {
    {"storageProfile", object, changeable, changeable},
    {"storageProfile.imageReference", object, fixed, changeable},
    {"storageProfile.imageReference.id", text, fixed, changeable},
    {"storageProfile.imageReference.publisher", text, fixed, changeable},
    {"storageProfile.imageReference.offer", text, fixed, changeable},
    {"storageProfile.imageReference.sku", text, fixed, changeable},
    {"storageProfile.imageReference.version", text, fixed, changeable},
    {"storageProfile.imageReference.exactVersion", text, read_only, read_only},
    {"storageProfile.imageReference.sharedGalleryImageId", text, fixed, changeable, "2021-07-01"},
    {"storageProfile.imageReference.communityGalleryImageId", text, fixed, changeable,
     "2021-11-01"},
    {"storageProfile.osDisk", object, changeable, changeable},
    {"storageProfile.osDisk.osType", text, fixed, changeable, "", "Windows|Linux"},
    {"storageProfile.osDisk.name", text, fixed, changeable},
    {"storageProfile.osDisk.caching", text, changeable, changeable, "", caching},
    {"storageProfile.osDisk.diskSizeGB", number, changeable, changeable},
    {"storageProfile.osDisk.deleteOption", text, changeable, changeable, "", "Delete|Detach"},
    {"storageProfile.osDisk.writeAcceleratorEnabled", boolean, changeable, changeable},
    {"storageProfile.osDisk.managedDisk", object, changeable, changeable},
    {"storageProfile.osDisk.managedDisk.storageAccountType", text, changeable, changeable},
    {"storageProfile.dataDisks", list, changeable, changeable},
    {"storageProfile.dataDisks[]", object, changeable, changeable},
    {"storageProfile.dataDisks[].lun", number, changeable, changeable},
    {"storageProfile.dataDisks[].name", text, changeable, changeable},
    {"storageProfile.dataDisks[].caching", text, changeable, changeable, "", caching},
    {"storageProfile.dataDisks[].diskSizeGB", number, changeable, changeable},
    {"storageProfile.dataDisks[].deleteOption", text, changeable, changeable, "", "Delete|Detach"},
    {"storageProfile.dataDisks[].writeAcceleratorEnabled", boolean, changeable, changeable},
    {"storageProfile.dataDisks[].managedDisk", object, changeable, changeable},
    {"storageProfile.dataDisks[].managedDisk.storageAccountType", text, changeable, changeable},
    {"storageProfile.diskControllerType", text, changeable, changeable},
    {"osProfile", object, changeable, changeable},
    {"osProfile.adminUsername", text, fixed, changeable},
    {"osProfile.adminPassword", text, changeable, changeable},
    {"osProfile.customData", free, changeable, changeable},
    {"osProfile.secrets", list, changeable, changeable},
    {"osProfile.secrets[]", free, changeable, changeable},
    {"osProfile.allowExtensionOperations", boolean, changeable, changeable},
    {"osProfile.requireGuestProvisionSignal", boolean, changeable, changeable},
    {"osProfile.linuxConfiguration", object, changeable, changeable},
    {"osProfile.linuxConfiguration.disablePasswordAuthentication", boolean, fixed, changeable},
    {"osProfile.linuxConfiguration.provisionVMAgent", boolean, changeable, changeable},
    {"osProfile.linuxConfiguration.enableVMAgentPlatformUpdates", boolean, changeable, changeable},
    {"osProfile.linuxConfiguration.patchSettings", free, changeable, changeable},
    {"osProfile.linuxConfiguration.ssh", object, fixed, changeable},
    {"osProfile.linuxConfiguration.ssh.publicKeys", list, fixed, changeable},
    {"osProfile.linuxConfiguration.ssh.publicKeys[]", object, fixed, changeable},
    {"osProfile.linuxConfiguration.ssh.publicKeys[].path", text, fixed, changeable},
    {"osProfile.linuxConfiguration.ssh.publicKeys[].keyData", text, fixed, changeable},
    {"osProfile.windowsConfiguration", free, changeable, changeable},
    {"networkProfile", object, changeable, changeable},
    {"diagnosticsProfile", object, changeable, changeable},
    {"diagnosticsProfile.bootDiagnostics", object, changeable, changeable},
    {"diagnosticsProfile.bootDiagnostics.enabled", boolean, changeable, changeable},
    {"diagnosticsProfile.bootDiagnostics.storageUri", text, changeable, changeable},
    {"licenseType", text, changeable, changeable},
    {"priority", text, fixed, fixed, "", "Regular|Low|Spot"},
    {"evictionPolicy", text, fixed, fixed},
    {"billingProfile", free, changeable, changeable},
    {"securityProfile", object, changeable, changeable},
    {"securityProfile.securityType", text, fixed, changeable},
    {"securityProfile.encryptionAtHost", boolean, changeable, changeable},
    {"securityProfile.uefiSettings", free, changeable, changeable},
    {"userData", free, changeable, changeable, "2021-03-01"},
};

}  // namespace machine_members

// The common members, below `prefix` if there is one, and a type's own. It holds their paths, and
// so stays where it was made.
template <std::size_t N>
class MachineTable {
 public:
  constexpr MachineTable(std::string_view prefix, const Member (&own)[N]) {
    std::size_t at = 0;
    for (const auto& each : machine_members::common) {
      members_[at] = {.path = join(paths_[at], prefix, each.path),
                      .shape = each.shape,
                      .access = prefix.empty() ? each.of_machine : each.of_set,
                      .since = each.since,
                      .values = each.values};
      at++;
    }
    for (const auto& each : own) members_[at++] = each;
  }
  MachineTable(const MachineTable&) = delete;
  MachineTable& operator=(const MachineTable&) = delete;
  constexpr std::span<const Member> members() const { return members_; }

 private:
  using Path = std::array<char, 96>;

  static constexpr std::string_view join(Path& path, std::string_view prefix,
                                         std::string_view rest) {
    std::size_t size = 0;
    for (const char c : prefix) path[size++] = c;
    for (const char c : rest) path[size++] = c;
    return {path.data(), size};
  }

  static constexpr std::size_t commons = std::size(machine_members::common);
  std::array<Path, commons> paths_ = {};
  std::array<Member, commons + N> members_ = {};
};

}  // namespace pinaco::provider
