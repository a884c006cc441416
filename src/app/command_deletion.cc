#include "app/command_deletion.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace pinaco::app {

void add_delete_command(CLI::App& root, DeleteOptions& options,
                        const std::function<void(CLI::App&)>& add_leaf) {
  auto* leaf = root.add_subcommand(
      "delete", "Delete a version, or a definition or a gallery, also with all that is in it.");
  leaf->footer(
      "Examples:\n"
      "  pinaco delete linux/debian-12/1.0.0 --yes\n"
      "  pinaco delete linux --cascade     says what would go and how many bytes come back, and "
      "asks\n"
      "  pinaco delete linux/debian-12 --cascade --yes\n\n"
      "With --cascade the server deletes all or nothing, and goes on when this command is "
      "stopped.\n"
      "What is in use, locked, or not the caller's to delete is listed, and nothing goes.");
  leaf->add_option("name", options.name, "GALLERY[/DEFINITION[/VERSION]], or a resource id")
      ->required();
  leaf->add_flag("--cascade", options.cascade, "With all that is in the gallery or definition");
  leaf->add_flag("--for-good", options.for_good,
                 "With --cascade: in a gallery with soft delete, so that nothing can be restored");
  leaf->add_flag("--in-use", options.in_use,
                 "With --cascade: also versions that machines and scale sets were made of");
  leaf->add_flag("--yes", options.yes, "Really delete, and do not ask");
  leaf->add_option("-g,--group", options.group, "Resource group (looked for)");
  add_leaf(*leaf);
}

void add_expire_command(CLI::App& root, ExpireOptions& options,
                        const std::function<void(CLI::App&)>& add_leaf) {
  auto* leaf = root.add_subcommand(
      "expire", "Show what the server deletes by itself, what it keeps and why; or do it now.");
  leaf->footer(
      "Examples:\n"
      "  pinaco expire                         what would go, when, and what stays\n"
      "  pinaco expire linux --yes             do now what is due in a gallery\n"
      "  pinaco expire linux/debian-12 --undo  what is marked there stays\n\n"
      "What goes is said by [lifecycle] of the server's configuration and by tags of galleries "
      "and\n"
      "definitions: pinaco-end-of-life, pinaco-grace-days, pinaco-expire-in-use,\n"
      "pinaco-keep-newest, pinaco-keep-tagged. The tag pinaco-keep keeps what has it.");
  leaf->add_option("name,--gallery", options.name,
                   "GALLERY[/DEFINITION[/VERSION]] (the whole subscription)");
  leaf->add_flag("--dry-run", options.dry_run, "Change nothing; so it is without --yes");
  leaf->add_flag("--yes", options.yes, "Do what is due: set marks, delete what had its grace");
  leaf->add_flag("--skip-grace", options.skip_grace, "What is to go goes now");
  leaf->add_flag("--undo", options.undo,
                 "What is marked stays, with the tag pinaco-keep; a deleted version is restored");
  leaf->add_option("-g,--group", options.group, "Resource group (all, or looked for)");
  add_leaf(*leaf);
}

void add_retain_command(CLI::App& root, RetainOptions& options,
                        const std::function<void(CLI::App&)>& add_leaf) {
  auto* leaf = root.add_subcommand(
      "retain", "Say what the server deletes by itself in a gallery or of a definition.");
  leaf->footer(
      "Examples:\n"
      "  pinaco retain linux --newest 3 --tagged env=prod\n"
      "  pinaco retain linux/debian-12 --end-of-life delete --grace-days 30\n"
      "  pinaco retain linux             what it says now\n"
      "  pinaco retain linux --clear     the server's own setting again\n\n"
      "The rules are tags of the gallery or definition. `pinaco expire` shows what they mean.");
  leaf->add_option("name", options.name, "GALLERY[/DEFINITION]")->required();
  leaf->add_option("--newest", options.newest,
                   "Delete versions that are not among the newest N of their definition; 0: none");
  leaf->add_option("--tagged", options.tagged,
                   "Keep what has such a tag: NAME or NAME=VALUE, several with commas");
  leaf->add_option("--end-of-life", options.end_of_life,
                   "What endOfLifeDate means: off, warn, hide, block or delete");
  leaf->add_option("--grace-days", options.grace_days, "Days from the mark to the deletion");
  leaf->add_option("--in-use", options.in_use,
                   "true: delete also what machines and scale sets were made of");
  leaf->add_option("--soft-delete", options.soft_delete,
                   "on: deleted versions of a gallery can be restored for seven days; off");
  leaf->add_flag("--clear", options.clear, "Forget what it said before");
  leaf->add_option("-g,--group", options.group, "Resource group (looked for)");
  add_leaf(*leaf);
}

}  // namespace pinaco::app
