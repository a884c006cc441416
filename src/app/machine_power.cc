// `pinaco vm start`, `stop`, `deallocate`, `restart` and `generalize`.
#include <fmt/format.h>

#include "app/machine_view.h"
#include "app/reference.h"

namespace pinaco::app {
namespace {

struct Change {
  std::string_view action;
  std::string_view doing;
  std::string_view advice;  // what may come next; {} is the machine
};

Result<> change_power(const MachineCall& call, const Change& change) {
  const auto id =
      TRY(find_named(call.connection, machine_sort, call.options.name, call.options.group));
  const auto shown = fmt::format("{}/{}", id.group, id.name());
  const auto path = fmt::format("{}/{}?{}api-version={}", id.text(), change.action,
                                call.options.force ? "skipShutdown=true&" : "", machines_api);
  auto done = run_shown(call, "POST", path, nullptr, fmt::format("{} {}", change.doing, id.name()));
  if (!done) {
    auto& error = done.error();
    if (error.kind == Kind::cancelled) {
      error.message = "Stopped. The server goes on with it: `pinaco vm show " + shown + "`.";
    }
    return std::unexpected(std::move(error));
  }
  const auto machine = TRY(call.connection.get(path_of(id, "$expand=instanceView")));
  call.console.print(fmt::format("{} is {}.\n", shown, power_of(machine)));
  if (!change.advice.empty()) {
    call.console.print(fmt::format(fmt::runtime(change.advice), shown) + "\n");
  }
  call.console.print_json(machine);
  return {};
}

Result<> start(const MachineCall& call) {
  return change_power(call, {.action = "start", .doing = "starting", .advice = {}});
}

Result<> stop(const MachineCall& call) {
  return change_power(call, {.action = "powerOff",
                             .doing = "stopping",
                             .advice = "It keeps its memory until `pinaco vm deallocate {}`."});
}

Result<> deallocate(const MachineCall& call) {
  return change_power(call, {.action = "deallocate", .doing = "deallocating", .advice = {}});
}

Result<> restart(const MachineCall& call) {
  return change_power(call, {.action = "restart", .doing = "restarting", .advice = {}});
}

Result<> generalize(const MachineCall& call) {
  return change_power(call,
                      {.action = "generalize",
                       .doing = "generalizing",
                       .advice = "It cannot be started any more. `pinaco version create "
                                 "GALLERY/DEFINITION/VERSION --from-vm {}` makes an image of it."});
}

}  // namespace

std::vector<NamedMachineCommand> power_commands() {
  return {{"vm start", start},
          {"vm stop", stop},
          {"vm deallocate", deallocate},
          {"vm restart", restart},
          {"vm generalize", generalize}};
}

}  // namespace pinaco::app
