// A machine with what is around it, gathered from several resources, and in words.
#pragma once

#include "app/machines.h"

namespace pinaco::app {

struct MachineView {
  arm::ResourceId id;
  Json machine;         // with its instance view
  std::string address;  // public; empty: none, or none now
  std::string private_address;
  std::vector<Json> disks;  // as resources, in the machine's order; null for one that is gone
};
Result<MachineView> view_machine(Connection& connection, const arm::ResourceId& id);

std::string power_of(const Json& machine);  // "running", "deallocated", ...; of its instance view
std::string image_of(const Json& machine);  // "linux/debian-12 1.0.0"
std::string user_of(const Json& machine);   // who it was made for; empty when it was not told
// Why it is not well; empty when it is.
std::string trouble_of(const Json& machine);
bool is_simulated(const Json& machine);
// Where the guest's port 22 is found on its address: elsewhere when a program of the server's host
// holds it there.
int ssh_port(const Json& machine);
// "ssh azureuser@127.42.0.1"; empty without an address.
std::string login_command(const MachineView& view);
// How to get to the address from here; empty when there is nothing to say.
std::string advice_on(std::string_view address, const std::string& endpoint);
std::string machine_text(const MachineView& view);
Json machine_json(const MachineView& view);

}  // namespace pinaco::app
