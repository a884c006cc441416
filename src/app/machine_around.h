// What a machine needs around it: a network card in a subnet, a security group, a public address,
// named after it as `az vm create` does. What is made for one machine has the tag "pinaco-machine"
// with its name, so that it can go with it.
#pragma once

#include "app/machines.h"

namespace pinaco::app {

inline constexpr const char* made_for_tag = "pinaco-machine";

// Finds or makes them; the network card's id. A virtual network that the group has in this
// location is used.
Result<arm::ResourceId> make_around(const MachineCall& call, const arm::ResourceId& machine,
                                    const std::string& location, bool windows);

// The same for a scale set, whose machines bring cards and addresses of their own.
struct SetPlace {
  std::string subnet;
  std::string guard;
};
Result<SetPlace> make_around_set(const MachineCall& call, const arm::ResourceId& set,
                                 const std::string& location, bool windows);

// What was made for the machine and is still there, in the order in which it may be deleted.
Result<std::vector<arm::ResourceId>> find_around(const MachineCall& call,
                                                 const arm::ResourceId& machine);
// Deletes them. A virtual network that others use stays, with a note.
Result<> remove_around(const MachineCall& call, const std::vector<arm::ResourceId>& around);

}  // namespace pinaco::app
