// Completion scripts for shells, made from the commands and their options. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace pinaco::app {

struct OptionHelp {
  std::vector<std::string> names;  // "-o", "--output"
  std::string description;
  bool takes_value = false;
  std::vector<std::string> choices = {};  // empty: a file name, or anything
};
struct CommandHelp {
  std::string name;
  std::string description;
  std::vector<OptionHelp> options;
  std::vector<std::string> words = {};  // what may follow the command itself
};

// shell: bash, zsh or fish.
Result<std::string> completion_script(std::string_view shell,
                                      std::span<const CommandHelp> commands);

}  // namespace pinaco::app
