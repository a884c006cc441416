#include "app/command_images.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace pinaco::app {

void add_copy_command(CLI::App& root, CopyOptions& options,
                      const std::function<void(CLI::App&)>& add_leaf) {
  auto* leaf =
      root.add_subcommand("copy", "Copy a version, a definition or a gallery to another gallery.");
  leaf->footer(
      "Examples:\n"
      "  pinaco copy linux/debian-12/1.0.0 other       as other/debian-12/1.0.0\n"
      "  pinaco copy linux/debian-12 other/golden      all its versions, as other/golden\n"
      "  pinaco copy linux linux --to-subscription Testing\n"
      "  pinaco copy linux other --dry-run             what would be copied\n\n"
      "What is not there is made like its source: group, gallery, definitions. Run again, it "
      "copies\n"
      "what is new. A gallery cannot be moved; it can be copied, and then be deleted.");
  leaf->add_option("from", options.from, "GALLERY[/DEFINITION[/VERSION|/latest]], or a resource id")
      ->required();
  leaf->add_option("to", options.to, "GALLERY[/DEFINITION[/VERSION]], or a resource id")
      ->required();
  leaf->add_option("-g,--group", options.group, "Resource group of the source (looked for)");
  leaf->add_option("--subscription", options.subscription,
                   "Subscription of the source, its id or name (the login's)");
  leaf->add_option("--to-group", options.to_group,
                   "Resource group to copy to (the gallery's, or of the source's name)");
  leaf->add_option("--to-subscription", options.to_subscription,
                   "Subscription to copy to, its id or name (the login's)");
  leaf->add_flag("--dry-run", options.dry_run, "Show what would be copied, and copy nothing");
  add_leaf(*leaf);
}

void add_advise_command(CLI::App& root, AdviseOptions& options,
                        const std::function<void(CLI::App&)>& add_leaf) {
  auto* leaf = root.add_subcommand(
      "advise", "Say how many replicas a version should have in each region, and why.");
  leaf->footer(
      "Examples:\n"
      "  pinaco advise linux/debian-12                 by what was made of it lately\n"
      "  pinaco advise linux/debian-12 --vms 200 --at-once 100 --region westeurope\n"
      "  pinaco advise linux/debian-12 --scale-sets 3 --instances 1000 --apply\n\n"
      "A replica serves 20 machines that are made at once, or a scale set of 600 instances; "
      "images\n"
      "of more than 128 GiB get more. --apply adds replicas and takes none away.");
  leaf->add_option("name", options.name, "GALLERY/DEFINITION[/VERSION] (its latest)")->required();
  leaf->add_option("--vms", options.machines, "Machines to be made")
      ->check(CLI::Range(0, 1'000'000));
  leaf->add_option("--at-once", options.at_once, "How many of them at once (all)")
      ->check(CLI::Range(0, 1'000'000));
  leaf->add_option("--scale-sets", options.scale_sets, "Scale sets to be made besides")
      ->check(CLI::Range(0, 10'000));
  leaf->add_option("--instances", options.instances, "Instances of each of them")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  leaf->add_option("--region", options.region,
                   "Only this region, which may be a new one (all that the version has)");
  leaf->add_option("--days", options.days, "How far back to look at what was made")
      ->capture_default_str()
      ->check(CLI::Range(1, 3650));
  leaf->add_flag("--apply", options.apply, "Add the replicas");
  leaf->add_option("-g,--group", options.group, "Resource group (looked for)");
  add_leaf(*leaf);
}

}  // namespace pinaco::app
