// What can be done to a machine, and how it is doing.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/machines.h"
#include "provider/tracked.h"

namespace pinaco::provider {
namespace {

Json status(std::string_view code, std::string_view shown, std::string_view level = "Info") {
  return JsonObject{{"code", code}, {"level", level}, {"displayStatus", shown}};
}

}  // namespace

Result<Outcome> begin_machine_task(const Call& call, std::string_view task, std::string_view power,
                                   const std::function<Result<>(const model::Resource&)>& check,
                                   JsonObject input) {
  Outcome outcome{.status = 202, .location_header = true};
  TRY(call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    auto machine = TRY(change.get(call.id));
    if (!machine.operation.empty()) {
      const auto running = TRY(change.find_operation(machine.operation));
      // The same again, say after a lost answer.
      if (running && running->task == task) {
        outcome.operation = running;
        return {};
      }
      return fail(busy_with(machine));
    }
    TRY(check(machine));
    if (const auto skip = call.query.find("skipshutdown"); skip != call.query.end()) {
      input["skipShutdown"] = iequals(skip->second, "true");
    }
    outcome.operation = TRY(change.start(model::Operation{.resource = machine.id,
                                                          .task = std::string(task),
                                                          .surface = "operations",
                                                          .location = machine.location,
                                                          .input = input}));
    machine.operation = outcome.operation->id;
    machine.provisioning = "Updating";
    set_path(machine.internal, "power", power);
    return change.put(machine);
  }));
  return outcome;
}

Error machine_is(const model::Resource& machine, std::string_view operation,
                 std::string_view because) {
  return arm::error(Kind::conflict, "OperationNotAllowed",
                    fmt::format("Operation '{}' is not allowed on VM '{}' since the VM is {}.",
                                operation, machine.id.name(), because));
}

Result<Outcome> start_machine(const Call& call) {
  return begin_machine_task(call, "start_machine", "starting",
                            [](const model::Resource& machine) -> Result<> {
                              if (!bool_at(machine.internal, "generalized")) return {};
                              return fail(machine_is(machine, "start", "generalized"));
                            });
}

Result<Outcome> power_off_machine(const Call& call) {
  return begin_machine_task(call, "power_off_machine", "stopping",
                            [](const model::Resource& machine) -> Result<> {
                              if (string_at(machine.internal, "power") != "deallocated") return {};
                              return fail(machine_is(machine, "powerOff", "deallocated"));
                            });
}

Result<Outcome> deallocate_machine(const Call& call) {
  return begin_machine_task(call, "deallocate_machine", "deallocating",
                            [](const model::Resource&) -> Result<> { return {}; });
}

Result<Outcome> restart_machine(const Call& call) {
  return begin_machine_task(call, "restart_machine", "starting",
                            [](const model::Resource& machine) -> Result<> {
                              if (string_at(machine.internal, "power") == "running") return {};
                              return fail(machine_is(machine, "restart", "not running. Start it"));
                            });
}

Result<Outcome> reapply_machine(const Call& call) {
  return begin_machine_task(call, "update_machine", "",
                            [](const model::Resource&) -> Result<> { return {}; });
}

Result<Outcome> generalize_machine(const Call& call) {
  TRY(call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    auto machine = TRY(change.get(call.id));
    if (!machine.operation.empty()) return fail(busy_with(machine));
    const auto power = string_at(machine.internal, "power");
    if (power != "deallocated" && power != "stopped") {
      return fail(machine_is(machine, "generalize", "running. Stop it first"));
    }
    set_path(machine.internal, "generalized", true);
    return change.put(machine);
  }));
  return Outcome{};
}

Result<Outcome> boot_diagnostics(const Call& call) {
  const auto machine = TRY(call.model.get(call.id));
  if (string_at(machine.internal, "power") == "deallocated") {
    return fail(machine_is(machine, "retrieveBootDiagnosticsData", "deallocated"));
  }
  JsonObject body;
  TRY(call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(call.id));
    // The links that were given out before end here.
    if (const Json* old = find_path(row.internal, "diagnostics")) {
      for (const Json& grant : old->get_array()) {
        TRY(change.erase_fact("grant/" + std::string(grant.get_string())));
      }
    }
    JsonArray grants;
    for (const auto& [member, access] : {std::pair{"consoleScreenshotBlobUri", "Screenshot"},
                                         {"serialConsoleLogBlobUri", "Console"}}) {
      const std::string grant = change.random().uuid();
      TRY(change.put_fact("grant/" + grant,
                          JsonObject{{"resource", row.id.text()},
                                     {"of", identity_of(row)},
                                     {"access", access},
                                     {"expires", to_iso8601(change.now() + Seconds(7200))}}));
      body[member] = call.sign(row.id.subscription, grant);
      grants.emplace_back(grant);
    }
    set_path(row.internal, "diagnostics", std::move(grants));
    return change.put(row);
  }));
  return Outcome{.body = std::move(body)};
}

Json instance_view_of(const model::Resource& machine) {
  JsonArray statuses;
  const auto& state = machine.provisioning;
  const bool failed = state == "Failed";
  Json provisioning = status(fmt::format("ProvisioningState/{}", to_lower(state)),
                             failed                 ? "Provisioning failed"
                             : state == "Succeeded" ? "Provisioning succeeded"
                                                    : state,
                             failed ? "Error" : "Info");
  const auto trouble = string_at(machine.internal, "trouble");
  if (!trouble.empty()) set_path(provisioning, "message", trouble);
  statuses.push_back(std::move(provisioning));
  if (bool_at(machine.internal, "generalized")) {
    statuses.push_back(status("OSState/generalized", "VM generalized"));
  }
  const auto power = string_at(machine.internal, "power");
  if (!power.empty()) {
    statuses.push_back(status(fmt::format("PowerState/{}", power), fmt::format("VM {}", power)));
  }
  JsonObject view{{"statuses", std::move(statuses)},
                  {"hyperVGeneration", string_at(machine.internal, "os.generation")},
                  {"computerName", string_at(machine.properties, "osProfile.computerName")}};
  const auto agent = string_at(machine.internal, "agent");
  if (!agent.empty()) {
    view["vmAgent"] =
        JsonObject{{"vmAgentVersion", agent},
                   {"statuses", JsonArray{status("ProvisioningState/succeeded", "Ready")}}};
  }
  JsonArray disks;
  const auto add = [&](const Json& disk) {
    disks.push_back(JsonObject{
        {"name", string_at(disk, "name")},
        {"statuses", JsonArray{status("ProvisioningState/succeeded", "Provisioning succeeded")}}});
  };
  if (const Json* os = find_path(machine.properties, "storageProfile.osDisk")) add(*os);
  if (const Json* data = find_path(machine.properties, "storageProfile.dataDisks")) {
    for (const Json& disk : data->get_array()) add(disk);
  }
  view["disks"] = std::move(disks);
  // Ours: that no guest runs, and where a port of the public address is found when another program
  // holds it.
  if (bool_at(machine.internal, "simulated")) view["simulated"] = true;
  if (const Json* moved = find_path(machine.internal, "moved");
      moved != nullptr && !moved->get_object().empty()) {
    view["movedPorts"] = *moved;
  }
  return view;
}

Result<Outcome> instance_view(const Call& call) {
  const arm::ResourceId id{.subscription = call.parts.at("subscription"),
                           .group = call.parts.at("group"),
                           .provider = "Microsoft.Compute",
                           .types = {"virtualMachines"},
                           .names = {call.parts.at("machine")}};
  return Outcome {
    .body = instance_view_of(TRY(call.model.get(id)))
  };
}

}  // namespace pinaco::provider
