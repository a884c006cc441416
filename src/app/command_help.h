// What completion scripts need to know, from the command tree.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/completion.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pinaco::app {

struct HelpSource {
  const CLI::App* root = nullptr;
  std::vector<const CLI::App*> commands;                                  // that can be run
  const std::map<const CLI::Option*, std::vector<std::string>>& choices;  // of options' values
  const std::map<const CLI::App*, std::vector<std::string>>& words;  // that may follow a command
};
// Commands of two words and more are words of their first one, whose options are theirs all.
std::vector<CommandHelp> help_of(const HelpSource& source);

}  // namespace pinaco::app
