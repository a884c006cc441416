// Machines and what is around them by name: NAME, GROUP/NAME, or a whole resource id.
#pragma once

#include <string>
#include <string_view>

#include "app/client.h"
#include "arm/arm.h"

namespace pinaco::app {

inline constexpr std::string_view default_group = "pinaco";

// One type of resource, and how people call it.
struct Sort {
  std::string_view provider;
  std::string_view type;
  std::string_view what;
  std::string_view list;  // the command that lists them; empty: none
};
inline constexpr Sort machine_sort{"Microsoft.Compute", "virtualMachines", "machine",
                                   "pinaco vm list"};
inline constexpr Sort set_sort{"Microsoft.Compute", "virtualMachineScaleSets", "scale set",
                               "pinaco scale-set list"};
inline constexpr Sort image_sort{"Microsoft.Compute", "images", "managed image",
                                 "pinaco image list"};
inline constexpr Sort disk_sort{"Microsoft.Compute", "disks", "disk", ""};
inline constexpr Sort snapshot_sort{"Microsoft.Compute", "snapshots", "snapshot",
                                    "pinaco snapshot list"};
inline constexpr Sort card_sort{"Microsoft.Network", "networkInterfaces", "network card", ""};
inline constexpr Sort address_sort{"Microsoft.Network", "publicIPAddresses", "public address", ""};
inline constexpr Sort guard_sort{"Microsoft.Network", "networkSecurityGroups", "security group",
                                 ""};
inline constexpr Sort network_sort{"Microsoft.Network", "virtualNetworks", "virtual network", ""};

arm::ResourceId id_of(const Connection& connection, const Sort& sort, std::string_view group,
                      std::string_view name);
// Of something to be made: in `group`, or in the one that the name begins with, or in "pinaco".
Result<arm::ResourceId> name_new(const Connection& connection, const Sort& sort,
                                 std::string_view text, std::string_view group);
// Of something that should be there: without a group it is looked for in the whole subscription,
// and must be there once. With one, whether it is there is not asked.
Result<arm::ResourceId> find_named(Connection& connection, const Sort& sort, std::string_view text,
                                   std::string_view group);
// "{subscription or group}/providers/.../{type}?api-version=..."; an empty group means all.
std::string list_path(const Connection& connection, const Sort& sort, std::string_view group);
// "There is no machine 'web' ..."
Error none_named(const Sort& sort, std::string_view name);

}  // namespace pinaco::app
