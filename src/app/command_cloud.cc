#include "app/command_cloud.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace pinaco::app {

void add_cloud_commands(CLI::App& root, CloudOptions& options,
                        const std::function<void(CLI::App&, const std::string&)>& add_leaf) {
  auto* family = root.add_subcommand(
      "cloud", "Print what points another client of Azure at this server: az, Packer, SDKs.");
  family->footer(
      "Examples:\n  pinaco cloud                  what there is\n"
      "  pinaco cloud az --apply       register the cloud with az\n"
      "  eval \"$(pinaco cloud env)\"    this shell's variables\n\n"
      "The lines go into a shell as they are. All comes from the login that `pinaco login` keeps; "
      "the\nsecret is in those of `pinaco cloud env` only.");
  for (const auto& client : cloud_clients()) {
    auto* leaf = family->add_subcommand(std::string(client.name),
                                        fmt::format("Print the lines for {}.", client.about));
    std::string examples = fmt::format("Examples:\n  pinaco cloud {}", client.name);
    if (client.name == "az") {
      leaf->add_flag("--apply", options.apply, "Run them, up to the login, instead");
      leaf->add_flag("--hybrid", options.hybrid,
                     "With the profile 2020-09-01-hybrid, in ~/.azure-pinaco-hybrid: az 2.45 of "
                     "Debian 12 has vm, vmss, image and network in it only");
      examples += "\n  pinaco cloud az --apply\n  pinaco cloud az --hybrid";
    } else if (client.name == "env") {
      examples = "Examples:\n  eval \"$(pinaco cloud env)\"";
    }
    leaf->footer(examples);
    add_leaf(*leaf, fmt::format("cloud {}", client.name));
  }
  add_leaf(*family, "cloud");
}

}  // namespace pinaco::app
