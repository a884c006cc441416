#include "app/command_regions.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace pinaco::app {

void add_region_commands(CLI::App& root, RegionOptions& options,
                         const std::function<void(CLI::App&, const std::string&)>& add_leaf) {
  auto* region = root.add_subcommand(
      "region", "The server's regions, and who may use those that are restricted.");
  region->require_subcommand(1);
  region->footer("A command's own --help explains it, with examples.");
  const auto leaf = [&](const std::string& name, const std::string& about,
                        const std::string& examples) {
    auto* made = region->add_subcommand(name, about);
    made->footer("Examples:\n" + examples);
    add_leaf(*made, "region " + name);
    return made;
  };
  const auto named = [&](CLI::App* made) {
    made->add_option("name", options.name, "Region, such as australiacentral")->required();
  };
  leaf("list", "List the server's regions, and whether your subscription may use them.",
       "  pinaco region list\n  pinaco region list -o json");
  auto* request = leaf("request", "Ask for a restricted region for your subscription.",
                       "  pinaco region request australiacentral --reason 'a site in Canberra'");
  named(request);
  request->add_option("--reason", options.reason, "What for, for whoever decides");
  request->add_option("--subscription", options.subscription, "Id or name (that of your login)");
  for (const bool allowing : {true, false}) {
    auto* decide = leaf(
        allowing ? "allow" : "deny",
        allowing ? "Let a subscription use a restricted region. It holds at once. Only "
                   "administrators of the server's first tenant may."
                 : "Refuse a subscription a restricted region, also one that was allowed. What "
                   "it has there stays. Only administrators of the server's first tenant may.",
        allowing ? "  pinaco region requests\n"
                   "  pinaco region allow australiacentral --subscription ID"
                 : "  pinaco region deny australiacentral --subscription ID");
    named(decide);
    decide->add_option("--subscription", options.subscription, "Id, or the name of one of yours")
        ->required();
  }
  leaf("requests",
       "List who asked for restricted regions, was allowed or denied: of all subscriptions for "
       "administrators of the server's first tenant, else of yours.",
       "  pinaco region requests");
}

}  // namespace pinaco::app
