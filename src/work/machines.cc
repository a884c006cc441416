// The operations on virtual machines, as steps that may be cut anywhere and repeated.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "work/guests.h"

namespace pinaco::work {
Result<> need_host(const Bench& bench) {
  if (bench.host != nullptr) return {};
  return fail(arm::error(Kind::invalid, "OperationNotAllowed",
                         "No machines run on this server: [machines] in its configuration says "
                         "driver = \"off\"."));
}

namespace {

// A delete may have taken over meanwhile.
Result<> check_works(const model::Resource& row, const std::string& operation) {
  if (row.operation == operation) return {};
  return fail(arm::error(Kind::conflict, "OperationPreempted",
                         "The operation has been preempted by a more recent operation."));
}

// The end of an operation, with what became of the machine.
Result<> finish_with(Bench& bench, const model::Operation& operation, std::string_view power,
                     const std::function<void(model::Resource&)>& more = nullptr) {
  return bench.model.change(operation.resource.subscription,
                            [&](model::Change& change) -> Result<> {
                              auto row = TRY(change.get(operation.resource));
                              TRY(check_works(row, operation.id));
                              set_path(row.internal, "power", power);
                              if (bench.host->options().simulated) {
                                set_path(row.internal, "simulated", true);
                              }
                              erase_path(row.internal, "trouble");
                              row.provisioning = "Succeeded";
                              row.operation.clear();
                              if (more != nullptr) more(row);
                              TRY(change.put(row));
                              return finish(change, operation);
                            });
}

Result<> note_power(Bench& bench, const model::Operation& operation, std::string_view power) {
  const auto& id = operation.resource;
  return bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(id));
    TRY(check_works(row, operation.id));
    set_path(row.internal, "power", power);
    return change.put(row);
  });
}

Result<> note_start(Bench& bench, Guest& guest) {
  if (!awaits_report(bench, guest)) return {};
  set_path(guest.row.internal, "started", to_iso8601(bench.model.clock().now()));
  return bench.model.change(guest.row.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(guest.row.id));
    set_path(row.internal, "started", string_at(guest.row.internal, "started"));
    return change.put(row);
  });
}

Result<> show_disks(Bench& bench, const Guest& guest, std::string_view state) {
  return bench.model.change(guest.row.id.subscription, [&](model::Change& change) -> Result<> {
    for (const auto& disk : guest.disks) {
      auto row = TRY(change.find(disk.row.id));
      if (!row || string_at(row->properties, "diskState") == state) continue;
      set_path(row->properties, "diskState", state);
      TRY(change.put(*row));
    }
    return {};
  });
}

}  // namespace

Result<> bring_up(Bench& bench, const model::Operation& operation) {
  TRY(need_host(bench));
  auto guest = TRY(read_guest(bench, operation.resource));
  machine::Status status;
  {
    // Others that share its lock may be starting: no worker waits for them.
    const auto held = bench.host->try_lock(guest.id);
    if (!held) return fail(later("Something is being done to it, or to one that shares its lock."));
    guest = TRY(read_guest(bench, operation.resource));
    TRY(check_works(guest.row, operation.id));
    auto& hypervisor = bench.host->hypervisor();
    status = TRY(hypervisor.status(guest.id));
    if (status.state == machine::State::broken) (void)hypervisor.resume(guest.id);
    if (status.state == machine::State::absent || status.state == machine::State::stopped) {
      const auto turn = bench.host->starts().enter(guest.id, bench.model.clock().steady());
      if (!turn) return fail(later("Others start before it."));
      const auto machine =
          TRY(ready_to_start(bench, guest, status.state == machine::State::absent));
      if (status.state == machine::State::stopped) {
        TRY(hypervisor.change(guest.id, machine.facts));
      }
      TRY(hypervisor.start(machine));
      TRY(show_disks(bench, guest, "Attached"));
      TRY(note_start(bench, guest));
    }
    status = TRY(hypervisor.status(guest.id));
  }
  const bool waits = awaits_report(bench, guest);
  if (!waits) return finish_with(bench, operation, "running", forget_secrets);
  if (status.report.health == guest::Health::ready) {
    return finish_with(bench, operation, "running", [&](model::Resource& row) {
      set_path(row.internal, "provisioned", true);
      set_path(row.internal, "agent", status.report.agent);
      forget_secrets(row);
    });
  }
  if (status.report.health == guest::Health::failed) {
    TRY(note_power(bench, operation, "running"));
    return fail(arm::error(Kind::conflict, "OSProvisioningClientError",
                           fmt::format("OS provisioning for VM '{}' failed. Error details: {}",
                                       name_of(guest.row), status.report.text)));
  }
  if (status.state == machine::State::absent || status.state == machine::State::broken) {
    TRY(note_power(bench, operation, "stopped"));
    return fail(
        arm::error(Kind::conflict, "VMStartTimedOut",
                   fmt::format("VM '{}' did not stay up: {}", name_of(guest.row), status.trouble)));
  }
  // What waited for its turn to start has not been at it for longer than since then.
  const auto started = parse_iso8601(string_at(guest.row.internal, "started"));
  const auto since = started ? std::max(*started, operation.start) : operation.start;
  if (bench.model.clock().now() - since > bench.host->options().provisioning_limit) {
    TRY(note_power(bench, operation, "running"));
    return fail(arm::error(
        Kind::conflict, "OSProvisioningTimedOut",
        fmt::format("OS Provisioning for VM '{}' did not finish in the allotted time. The VM may "
                    "still finish provisioning successfully. Please check provisioning state "
                    "later. The image needs an agent that reports (cloud-init, waagent); the tag "
                    "pinaco-provisioning=none on its definition says that it has none.",
                    name_of(guest.row))));
  }
  return fail(later("The guest has not reported yet."));
}

namespace {

// Ends it and puts what it wrote into the store.
Result<> put_down(Bench& bench, const Guest& guest, Milliseconds grace) {
  const auto held = bench.host->lock(guest.id);
  TRY(bench.host->hypervisor().end(guest.id, grace));
  for (const auto& disk : guest.disks) TRY(fold_disk(bench, disk.row.id));
  return {};
}

// Dynamic addresses belong to a machine only while it runs.
Result<> release_address(Bench& bench, const Guest& guest) {
  if (!guest.address ||
      string_at(guest.address->properties, "publicIPAllocationMethod") != "Dynamic") {
    return {};
  }
  return bench.model.change(guest.row.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.find(guest.address->id));
    if (!row) return {};
    erase_path(row->properties, "ipAddress");
    return change.put(*row);
  });
}

// What a creation was refused for stands in its row: nor can it be started.
Result<> check_refused(Bench& bench, const model::Operation& operation) {
  const auto row = TRY(bench.model.get(operation.resource));
  const auto refused = string_at(row.internal, "refused.message");
  if (refused.empty()) return {};
  TRY(note_power(bench, operation, "deallocated"));
  return fail(arm::error(Kind::conflict, std::string(string_at(row.internal, "refused.code")),
                         std::string(refused)));
}

}  // namespace

void forget_secrets(model::Resource& row) {
  if (string_at(row.internal, "provisioning") == "nocloud") return;
  for (const char* secret : {"password", "customData"}) {
    erase_path(row.internal, fmt::format("secrets.{}", secret));
  }
}

Result<> create_machine(Bench& bench, const model::Operation& operation) {
  TRY(check_refused(bench, operation));
  TRY(need_host(bench));
  const auto guest = TRY(read_guest(bench, operation.resource));
  TRY(enter_replica(bench, guest));
  auto done = bring_up(bench, operation);
  if (done || !is_later(done.error())) bench.host->replicas().leave(guest.id);
  return done;
}

Result<> start_machine(Bench& bench, const model::Operation& operation) {
  TRY(check_refused(bench, operation));
  return bring_up(bench, operation);
}

Result<> restart_machine(Bench& bench, const model::Operation& operation) {
  TRY(need_host(bench));
  const auto guest = TRY(read_guest(bench, operation.resource));
  {
    const auto held = bench.host->lock(guest.id);
    const auto status = TRY(bench.host->hypervisor().status(guest.id));
    if (status.state != machine::State::absent) {
      TRY(bench.host->hypervisor().restart(guest.id, bench.host->options().grace));
      return finish_with(bench, operation, "running");
    }
  }
  return bring_up(bench, operation);
}

Result<> power_off_machine(Bench& bench, const model::Operation& operation) {
  TRY(need_host(bench));
  const auto guest = TRY(read_guest(bench, operation.resource));
  const bool rude = bool_at(operation.input, "skipShutdown");
  const auto held = bench.host->lock(guest.id);
  if (TRY(bench.host->hypervisor().status(guest.id)).state != machine::State::absent) {
    TRY(bench.host->hypervisor().power_off(guest.id,
                                           rude ? Milliseconds(0) : bench.host->options().grace));
  }
  return finish_with(bench, operation, "stopped");
}

Result<> deallocate_machine(Bench& bench, const model::Operation& operation) {
  TRY(need_host(bench));
  const auto guest = TRY(read_guest(bench, operation.resource));
  TRY(put_down(bench, guest, bench.host->options().grace));
  TRY(release_address(bench, guest));
  TRY(show_disks(bench, guest, "Reserved"));
  return finish_with(bench, operation, "deallocated");
}

Result<> update_machine(Bench& bench, const model::Operation& operation) {
  TRY(need_host(bench));
  auto guest = TRY(read_guest(bench, operation.resource));
  const auto& id = operation.resource;
  std::string power;
  {
    const auto held = bench.host->lock(guest.id);
    guest = TRY(read_guest(bench, id));
    auto& hypervisor = bench.host->hypervisor();
    const auto status = TRY(hypervisor.status(guest.id));
    const bool runs = status.state != machine::State::absent;
    // What a crash left on another host comes here first.
    if (!runs) TRY(hypervisor.end(guest.id, Milliseconds(0)));
    // What is the machine's and not in its list goes, also what an update that failed left.
    for (const auto& disk : TRY(disks_of_machine(bench, id))) {
      const bool listed = std::ranges::any_of(
          guest.disks, [&](const auto& each) { return each.row.id == disk.id; });
      if (listed) continue;
      if (runs) {
        TRY(hypervisor.detach(guest.id, std::string(string_at(disk.internal, "machine.slot"))));
      }
      TRY(free_disk(bench, disk.id, id, false));
    }
    if (const Json* fresh = find_path(operation.input, "attach"); fresh != nullptr && runs) {
      for (auto& disk : guest.disks) {
        const bool wanted = std::ranges::any_of(fresh->get_array(), [&](const Json& slot) {
          return slot.is_string() && std::string_view(slot.get_string()) == disk.slot;
        });
        if (wanted) TRY(hypervisor.attach(guest.id, TRY(open_for_guest(bench, disk))));
      }
    }
    bool folded = true;
    for (const auto& disk : TRY(disks_of_machine(bench, id))) {
      folded = folded && find_path(disk.internal, "overlays") == nullptr;
    }
    power = !runs                                     ? (folded ? "deallocated" : "stopped")
            : status.state == machine::State::stopped ? "stopped"
                                                      : "running";
  }
  if (power == "running") TRY(tell_facts(bench, id));
  return finish_with(bench, operation, power);
}

Result<> tell_facts(Bench& bench, const arm::ResourceId& id) {
  auto guest = TRY(read_guest(bench, id));
  if (guest.address && string_at(guest.address->properties, "ipAddress").empty()) {
    TRY(assign_address_to(bench, guest.address->id));
    guest = TRY(read_guest(bench, id));
  }
  const auto facts = TRY(facts_of(guest));
  const auto told = Digest::of(as_bytes(to_text(guest::to_json(facts)))).hex();
  if (told == string_at(guest.row.internal, "told")) return {};
  {
    const auto held = bench.host->lock(guest.id);
    TRY(bench.host->hypervisor().change(guest.id, facts));
  }
  return bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.find(id));
    if (!row) return {};
    set_path(row->internal, "told", told);
    return change.put(*row);
  });
}

namespace {

// Erases a card, and frees the public address that it used.
Result<> erase_card(model::Change& change, const model::Resource& card) {
  if (const Json* configurations = find_path(card.properties, "ipConfigurations")) {
    for (const Json& each : configurations->get_array()) {
      const auto id = arm::ResourceId::parse(string_at(each, "properties.publicIPAddress.id"));
      auto address = id ? TRY(change.find(*id)) : std::optional<model::Resource>();
      // Made by a scale set with the card, and gone with it.
      if (address && !string_at(address->internal, "set").empty()) {
        TRY(change.erase(*id));
        continue;
      }
      if (!address || !istarts_with(string_at(address->properties, "ipConfiguration.id"),
                                    card.id.text() + "/")) {
        continue;
      }
      erase_path(address->properties, "ipConfiguration");
      if (string_at(address->properties, "publicIPAllocationMethod") == "Dynamic") {
        erase_path(address->properties, "ipAddress");
      }
      TRY(change.put(*address));
    }
  }
  return change.erase(card.id);
}

Result<> let_cards_go(model::Change& change, const model::Resource& machine) {
  const Json* cards = find_path(machine.properties, "networkProfile.networkInterfaces");
  if (cards == nullptr) return {};
  for (const Json& each : cards->get_array()) {
    auto card = TRY(change.find(TRY(arm::ResourceId::parse(string_at(each, "id")))));
    if (!card || !iequals(string_at(card->properties, "virtualMachine.id"), machine.id.text())) {
      continue;
    }
    erase_path(card->properties, "virtualMachine");
    if (string_at(each, "properties.deleteOption") == "Delete") {
      TRY(erase_card(change, *card));
    } else {
      TRY(change.put(*card));
    }
  }
  return {};
}

// Those whose deleteOption says so.
std::set<std::string> disks_to_erase(const model::Resource& machine) {
  std::set<std::string> ids;
  const auto add = [&](const Json& disk) {
    if (string_at(disk, "deleteOption") == "Delete") {
      ids.insert(to_lower(string_at(disk, "managedDisk.id")));
    }
  };
  if (const Json* os = find_path(machine.properties, "storageProfile.osDisk")) add(*os);
  if (const Json* data = find_path(machine.properties, "storageProfile.dataDisks")) {
    for (const Json& disk : data->get_array()) add(disk);
  }
  return ids;
}

}  // namespace

Result<> let_go(model::Change& change, const model::Resource& machine) {
  TRY(let_cards_go(change, machine));
  if (const Json* grants = find_path(machine.internal, "diagnostics")) {
    for (const Json& grant : grants->get_array()) {
      TRY(change.erase_fact("grant/" + std::string(grant.get_string())));
    }
  }
  return {};
}

Result<> remove_machine(Bench& bench, const arm::ResourceId& id, const std::string& operation,
                        const std::function<Result<>(model::Change&)>& more) {
  const auto row = TRY(bench.model.find(id));
  if (!row || row->operation != operation) {
    if (more == nullptr) return {};
    return bench.model.change(id.subscription, more);
  }
  const std::string machine(string_at(row->properties, "vmId"));
  std::unique_lock<std::mutex> held;
  if (bench.host != nullptr && !machine.empty()) {
    held = bench.host->lock(machine);
    TRY(bench.host->hypervisor().remove(machine));
    bench.host->replicas().leave(machine);
    bench.host->starts().forget(machine);
  }
  const auto erased = disks_to_erase(*row);
  for (const auto& disk : TRY(disks_of_machine(bench, id))) {
    TRY(free_disk(bench, disk.id, id, erased.contains(to_lower(disk.id.text()))));
  }
  return bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    const auto now = TRY(change.find(id));
    if (now && now->operation == operation) {
      TRY(let_go(change, *now));
      TRY(change.erase(id));
    }
    return more == nullptr ? Result<>() : more(change);
  });
}

Result<> delete_machine(Bench& bench, const model::Operation& operation) {
  return remove_machine(bench, operation.resource, operation.id,
                        [&](model::Change& change) { return finish(change, operation); });
}

}  // namespace pinaco::work
