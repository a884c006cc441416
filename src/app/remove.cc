#include "app/remove.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "app/push_disk.h"
#include "app/reference.h"
#include "app/remove_cascade.h"
#include "app/version_users.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

// Galleries and definitions may have something in them.
bool is_container(const arm::ResourceId& id) {
  return iequals(id.provider, "Microsoft.Compute") && id.types.size() <= 2 &&
         iequals(id.types.front(), "galleries");
}

Result<std::string> users_of(Connection& connection, const arm::ResourceId& id) {
  if (!iequals(id.type(), "galleries/images/versions")) return std::string();
  return users_text(TRY(find_users(connection, {id})));
}

// On the terminal that the command was typed at.
Result<bool> ask_there(std::string_view question) {
  fmt::print(stderr, "{}", question);
  char answer[16] = {};
  if (std::fgets(answer, sizeof answer, stdin) == nullptr) return false;
  return answer[0] == 'y' || answer[0] == 'Y';
}

}  // namespace

Result<> remove(const DeleteOptions& options, Connection& connection, const AskUser& ask,
                Console& console) {
  const auto reference = TRY(parse_reference(options.name));
  if (reference.version == "latest") {
    return fail(Kind::invalid, "Name the version to delete by its number: what is latest changes.");
  }
  const auto id = TRY(resolve(connection, reference, options.group));
  if (!id.is_resource()) {
    return fail(Kind::invalid,
                fmt::format("{} is not a resource that can be deleted here.", options.name));
  }
  if (!TRY(connection.find(path_of(id)))) {
    return fail(Kind::not_found, fmt::format("There is no {}.", options.name));
  }
  if (is_container(id)) {
    const auto plan = TRY(deletion_plan(options, connection, id));
    if (options.cascade || bool_at(plan, "underWay")) {
      return remove_cascade(options, connection, id, plan, ask, console);
    }
    if (!is_empty(plan, id)) {
      return fail(Kind::conflict,
                  fmt::format("Nothing was deleted. {} has {} in it; with --cascade they go along: "
                              "`pinaco delete {} --cascade`.",
                              id.nested_name(), what_goes(plan), options.name));
    }
  }
  const auto in_use = TRY(users_of(connection, id));
  if (!options.yes) {
    return fail(Kind::invalid, fmt::format("Nothing was deleted. With --yes, this would be:\n  "
                                           "{}{}{}",
                                           id.nested_name(), in_use.empty() ? "" : "\n", in_use));
  }
  if (!in_use.empty()) console.note("Warning: " + in_use);
  const bool disk = to_lower(id.type()) == "disks";
  TRY(disk ? remove_disk(connection, id) : connection.remove(path_of(id)));
  console.print(fmt::format("Deleted {}.\n", id.nested_name()));
  console.print_json(JsonObject{{"deleted", JsonArray{id.text()}}});
  return {};
}

Result<> remove(const DeleteOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return remove(options, *connection, isatty(STDIN_FILENO) == 1 ? ask_there : AskUser(), console);
}

}  // namespace pinaco::app
