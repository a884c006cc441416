// What these commands share.
#include "app/machines.h"

#include <fmt/format.h>

#include "app/reference.h"
#include "base/text.h"
#include "os/process.h"

namespace pinaco::app {
namespace {

constexpr Seconds retry_for = Seconds(60);

// How long it takes is not known, so the bar tells the time instead of a share.
void show_time(Console& console, std::string_view doing) {
  const auto elapsed = console.elapsed();
  console.show({{.label = std::string(doing), .total = 0, .state = time_text(elapsed)}});
}

bool is_busy(const Json& resource) {
  const auto state = string_at(resource, "properties.provisioningState");
  return state == "Creating" || state == "Updating" || state == "Deleting";
}

}  // namespace

Result<std::optional<Json>> settle(const MachineCall& call, const std::string& path,
                                   std::string_view doing) {
  Pauses pauses(call.connection.patience());
  while (true) {
    auto resource = TRY(call.connection.find(path));
    if (!resource || !is_busy(*resource)) {
      call.console.settle();
      return resource;
    }
    show_time(call.console, doing);
    TRY(pauses.wait("1"));
  }
}

Result<Json> run_shown(const MachineCall& call, std::string_view method, const std::string& path,
                       const Json* body, std::string_view doing) {
  auto done = call.connection.run(method, path, body, [&](const Json&) -> Result<> {
    show_time(call.console, doing);
    return {};
  });
  call.console.settle();
  return done;
}

Result<bool> ensure(const MachineCall& call, const arm::ResourceId& id, const Json& body) {
  const auto what = id.types.empty() ? "group" : std::string_view(id.types.back());
  const auto there = TRY(settle(call, path_of(id), what));
  if (there && string_at(*there, "properties.provisioningState") != "Failed") return false;
  call.console.note(fmt::format("Making {} ({}).", id.name(), what));
  TRY(call.connection.run("PUT", path_of(id), &body));
  return true;
}

Result<JsonObject> parse_tags(const std::vector<std::string>& tags) {
  JsonObject parsed;
  for (const auto& tag : tags) {
    const auto sign = tag.find('=');
    if (sign == std::string::npos || sign == 0) {
      return fail(Kind::invalid, fmt::format("'{}' is no tag. Write --tag NAME=VALUE.", tag));
    }
    parsed[tag.substr(0, sign)] = tag.substr(sign + 1);
  }
  return parsed;
}

Result<> check_deletion(const MachineCall& call, const std::vector<std::string>& going,
                        const std::vector<std::string>& staying) {
  if (call.options.yes) return {};
  std::string text = "Nothing was deleted. With --yes, this would be:";
  for (const auto& each : going) text += "\n  " + each;
  if (!staying.empty()) text += "\nand this would stay:";
  for (const auto& each : staying) text += "\n  " + each;
  return fail(Kind::invalid, std::move(text));
}

Result<> machines(const MachineOptions& options, Connection& connection, Console& console) {
  std::vector<NamedMachineCommand> all = {
      {"vm create", create_machine},      {"vm delete", delete_machine},
      {"vm list", list_machines},         {"vm show", show_machine},
      {"vm sizes", list_sizes},           {"vm console", print_console},
      {"vm screenshot", save_screenshot}, {"version create", create_version}};
  for (const auto& more : {power_commands(), image_commands(), set_commands()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  for (const auto& each : all) {
    if (each.name != options.command) continue;
    auto done = each.run({options, connection, console});
    console.settle();
    return done;
  }
  return fail(Kind::invalid, fmt::format("There is no command '{}'.", options.command));
}

Result<> machines(const MachineOptions& options, Console& console) {
  std::vector<std::string> program;
  {
    const auto waiting = wait_until_stopped();
    const auto connection = TRY(
        connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}, console));
    if (options.command != "vm ssh") return machines(options, *connection, console);
    program = TRY(ssh_arguments({options, *connection, console}));
  }
  // Only now: the waiting keeps signals from this process, and so from what it becomes.
  return std::unexpected(os::become(program));
}

}  // namespace pinaco::app
