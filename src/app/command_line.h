// The arguments of the program in words and as options. Pure but for reading no file at all: what
// a command does is its own business (run.cc brings both together).
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "app/advise.h"
#include "app/boot.h"
#include "app/cloud.h"
#include "app/copy.h"
#include "app/cost_command.h"
#include "app/directory.h"
#include "app/expire.h"
#include "app/list.h"
#include "app/log_command.h"
#include "app/login.h"
#include "app/machines.h"
#include "app/pull.h"
#include "app/push.h"
#include "app/regions.h"
#include "app/remove.h"
#include "app/retain.h"
#include "app/serve.h"
#include "app/show.h"
#include "app/usage.h"

namespace pinaco::app {

struct PrintText {  // help, version, completion scripts
  std::string text;
};
struct RoutesOptions {};

using Command =
    std::variant<PrintText, ServeOptions, RoutesOptions, LoginOptions, RegionOptions, PushOptions,
                 PullOptions, ListOptions, LogOptions, ShowOptions, BootOptions, DeleteOptions,
                 ExpireOptions, RetainOptions, DirectoryOptions, MachineOptions, CloudOptions,
                 UsageOptions, CostOptions, CopyOptions, AdviseOptions>;

struct CommandLine {
  Command command;
  bool json = false;  // -o json
};

// `arguments` are without the program's name. Invalid: what is wrong and which help to read.
Result<CommandLine> parse_command_line(std::vector<std::string> arguments);

}  // namespace pinaco::app
