// The commands of machines.h in the command tree.
#pragma once

#include <functional>
#include <string>

#include "app/machines.h"

namespace CLI {
class App;
}

namespace pinaco::app {

// As add_directory_commands. "version", which prints the program's own version unless a word
// follows, is made here too and returned: what it does alone is the caller's.
CLI::App& add_machine_commands(CLI::App& root, MachineOptions& options,
                               const std::function<void(CLI::App&, const std::string&)>& add_leaf);

}  // namespace pinaco::app
