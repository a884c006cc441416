#include "app/command_cost.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace pinaco::app {

void add_cost_command(CLI::App& root, CostOptions& options,
                      const std::function<void(CLI::App&)>& add_leaf) {
  auto* leaf =
      root.add_subcommand("cost", "Show what image versions cost, and what was really stored.");
  leaf->footer(
      "Examples:\n"
      "  pinaco cost                              this month, by gallery\n"
      "  pinaco cost linux --by version\n"
      "  pinaco cost --by region --month 2026-11\n"
      "  pinaco cost --by month -o csv > costs.csv\n\n"
      "What was deleted still counts in its month. Prices are the server's: [cost] of its\n"
      "configuration.");
  leaf->add_option("name", options.name,
                   "GALLERY[/DEFINITION[/VERSION]], or a resource id (the whole subscription)");
  leaf->add_option("--by", options.by,
                   "A line for each gallery, definition, version, region, type or month")
      ->capture_default_str()
      ->check(CLI::IsMember({"gallery", "definition", "version", "region", "type", "month"},
                            CLI::ignore_case));
  leaf->add_option("--month", options.month, "As 2026-11 (this one; by month: all that are kept)");
  leaf->add_option("-g,--group", options.group, "Resource group (all, or looked for)");
  add_leaf(*leaf);
}

void add_log_command(CLI::App& root, LogOptions& options,
                     const std::function<void(CLI::App&)>& add_leaf) {
  auto* leaf = root.add_subcommand("log", "Show who wrote, deleted or did what, and how it ended.");
  leaf->footer("Examples:\n  pinaco log\n  pinaco log --failed --hours 168\n  pinaco log -o json");
  leaf->add_option("--hours", options.hours, "How far back")
      ->capture_default_str()
      ->check(CLI::Range(1, 24 * 90));
  leaf->add_flag("--failed", options.failed, "Only what failed or was refused");
  leaf->add_option("--caller", options.caller, "Only of this name, object id or client id");
  leaf->add_option("-g,--group", options.group, "Resource group (all)");
  add_leaf(*leaf);
}

}  // namespace pinaco::app
