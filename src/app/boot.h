// `pinaco boot`: starts a virtual machine on this computer from a version or a disk, straight from
// the server's blocks, and waits for its console to say a text: the proof that an image boots.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct BootOptions {
  std::string name;    // GALLERY/DEFINITION[/VERSION], or a version's resource id
  std::string disk;    // instead: a managed disk's name or resource id
  std::string group;   // empty: looked for; of a disk: pinaco
  std::string region;  // empty: the home location
  int memory_mib = 512;
  int cpus = 1;
  std::string until = "login:";
  Seconds timeout = Seconds(600);
  bool show_console = false;  // copies the guest's console to standard error
  bool direct = false;        // no managed disk: the version itself is exported
  Seconds retry_for = Seconds(60);
};

Result<> boot(const BootOptions& options, Console& console);

}  // namespace pinaco::app
