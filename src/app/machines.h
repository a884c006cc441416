// `pinaco vm`: virtual machines, from an image to a login. `pinaco scale-set`: many of one image.
// `pinaco image` and `snapshot`: what is kept of machines and disks. `pinaco version create`: a
// version of what the server has already.
//
// Every command finds what an earlier attempt of it did, so one that was stopped is simply run
// again. Errors: what the server said, with what to do; cancelled when the user stopped it.
#pragma once

#include <string>
#include <vector>

#include "app/client.h"
#include "app/console.h"
#include "app/resource_name.h"

namespace pinaco::app {

struct MachineOptions {
  std::string command;   // "vm create"
  std::string name;      // NAME, GROUP/NAME or an id; of a version GALLERY/DEFINITION/VERSION
  std::string group;     // empty: looked for; of what is made: pinaco
  std::string location;  // empty: where the image or source is
  std::string image;     // GALLERY/DEFINITION[/VERSION], a managed image's name, or an id
  std::string size = "Standard_B1s";
  std::string user;  // empty: azureuser; of `vm ssh`: who the machine was made for
  std::string key_file;
  std::string password_file;
  std::string custom_data_file;
  std::string user_data_file;
  std::string os_disk_type;
  std::string public_ip = "yes";
  std::vector<int> data_disks_gb;
  std::vector<int> open_ports;
  std::vector<std::string> tags;  // K=V
  std::string from_machine;
  std::string from_disk;
  std::string from_image;
  std::string from_snapshot;
  std::string from_version;
  std::string os_type;     // of a disk that does not say it
  std::string generation;  // the same
  std::vector<std::string> regions;
  int replicas = 1;
  int count = 1;  // of machines in a scale set
  bool flexible = false;
  bool rolling = false;
  bool exclude_from_latest = false;
  std::string end_of_life;
  std::string file;                // of a screenshot
  std::vector<std::string> words;  // the command that ssh is to run
  bool specialized = false;
  bool follow = false;
  bool raw = false;
  bool all = false;
  bool force = false;
  bool yes = false;
  bool with_network = false;
  bool eager = false;
};

// `vm ssh` ends this process by becoming ssh.
Result<> machines(const MachineOptions& options, Console& console);
Result<> machines(const MachineOptions& options, Connection& connection, Console& console);

// --- for the files of these commands -------------------------------------------------------------

struct MachineCall {
  const MachineOptions& options;
  Connection& connection;
  Console& console;
};
using MachineCommand = Result<> (*)(const MachineCall& call);
struct NamedMachineCommand {
  std::string_view name;
  MachineCommand run;
};

Result<> create_machine(const MachineCall& call);
Result<> delete_machine(const MachineCall& call);
Result<> list_machines(const MachineCall& call);
Result<> show_machine(const MachineCall& call);
Result<> list_sizes(const MachineCall& call);
Result<> print_console(const MachineCall& call);
Result<> save_screenshot(const MachineCall& call);
Result<> create_version(const MachineCall& call);
std::vector<NamedMachineCommand> power_commands();
std::vector<NamedMachineCommand> image_commands();
std::vector<NamedMachineCommand> set_commands();

// The arguments of the ssh that logs in, beginning with "ssh".
Result<std::vector<std::string>> ssh_arguments(const MachineCall& call);
// A console log without what would move the cursor, set colours or ring a terminal's bell.
std::string plain_text(std::string_view log);
// What is new in `now` after `before`, both being the last part of a growing log.
std::string_view new_part(std::string_view before, std::string_view now);

// The resource's state once nothing works on it any more, shown as progress meanwhile; nullopt
// when it is not there.
Result<std::optional<Json>> settle(const MachineCall& call, const std::string& path,
                                   std::string_view doing);
// Runs an operation with its progress shown.
Result<Json> run_shown(const MachineCall& call, std::string_view method, const std::string& path,
                       const Json* body, std::string_view doing);
// Makes it unless it is there; true when it was made. One that failed is made again.
Result<bool> ensure(const MachineCall& call, const arm::ResourceId& id, const Json& body);
// {"K": "V"} of K=V.
Result<JsonObject> parse_tags(const std::vector<std::string>& tags);
// Refuses without --yes, listing what would go and what would stay.
Result<> check_deletion(const MachineCall& call, const std::vector<std::string>& going,
                        const std::vector<std::string>& staying);

}  // namespace pinaco::app
