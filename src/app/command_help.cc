#include "app/command_help.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <utility>

namespace pinaco::app {

std::vector<CommandHelp> help_of(const HelpSource& source) {
  std::vector<CommandHelp> all;
  for (const CLI::App* command : source.commands) {
    const CLI::App* top = command;
    std::string below;
    while (top->get_parent() != source.root) {
      below = top->get_name();
      top = top->get_parent();
    }
    auto place = std::ranges::find(all, top->get_name(), &CommandHelp::name);
    if (place == all.end()) {
      all.push_back(
          {.name = top->get_name(), .description = top->get_description(), .options = {}});
      place = all.end() - 1;
    }
    auto& help = *place;
    if (!below.empty() && std::ranges::find(help.words, below) == help.words.end()) {
      help.words.push_back(below);
    }
    if (const auto words = source.words.find(command); words != source.words.end()) {
      help.words = words->second;
    }
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_positional()) continue;
      OptionHelp one{.names = {},
                     .description = option->get_description(),
                     .takes_value = option->get_items_expected_max() > 0};
      for (const auto& name : option->get_snames()) one.names.push_back("-" + name);
      for (const auto& name : option->get_lnames()) one.names.push_back("--" + name);
      if (const auto found = source.choices.find(option); found != source.choices.end()) {
        one.choices = found->second;
      }
      const auto same = [&](const OptionHelp& other) { return other.names == one.names; };
      if (std::ranges::none_of(help.options, same)) help.options.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace pinaco::app
