// Rows follow what guests do by themselves: a guest that switches itself off is stopped, one that
// died says why, an agent that speaks is shown. One that waits for a disk is let go on again and
// again: the server that was away longer than it waits is back, or there is room again.
#include <set>

#include "base/log.h"
#include "work/guests.h"

namespace pinaco::work {
namespace {

Result<> look_at(Bench& bench, const model::Resource& machine) {
  const std::string id(string_at(machine.properties, "vmId"));
  auto status = TRY(bench.host->hypervisor().status(id));
  if (status.state == machine::State::broken) {
    // Its disks may be back: the server was away, or this host's disk was full.
    (void)bench.host->hypervisor().resume(id);
    status = TRY(bench.host->hypervisor().status(id));
  }
  status.trouble = told(bench, std::move(status.trouble));
  if (status.state == machine::State::running && !bench.host->options().simulated) {
    TRY(tell_facts(bench, machine.id));
  }
  const auto power = std::string_view(status.state == machine::State::running ||
                                              status.state == machine::State::broken
                                          ? "running"
                                          : "stopped");
  const auto agent = std::string_view(status.report.agent);
  if (power == string_at(machine.internal, "power") &&
      (agent.empty() || agent == string_at(machine.internal, "agent")) &&
      status.trouble == string_at(machine.internal, "trouble")) {
    return {};
  }
  return bench.model.change(machine.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.find(machine.id));
    // An operation that began meanwhile knows better.
    if (!row || !row->operation.empty() ||
        string_at(row->internal, "power") != string_at(machine.internal, "power")) {
      return {};
    }
    set_path(row->internal, "power", power);
    if (!agent.empty()) set_path(row->internal, "agent", agent);
    if (status.report.health == guest::Health::ready) {
      set_path(row->internal, "provisioned", true);
      forget_secrets(*row);
    }
    if (status.trouble.empty()) {
      erase_path(row->internal, "trouble");
    } else {
      set_path(row->internal, "trouble", status.trouble);
    }
    return change.put(*row);
  });
}

}  // namespace

Result<> look_after_machines(Bench& bench) {
  for (const auto& subscription : TRY(bench.model.shards())) {
    std::vector<model::Resource> rows;
    TRY(bench.model.read(subscription, [&](const model::View& view) -> Result<> {
      rows = TRY(model::list_machines(view));
      return {};
    }));
    for (const auto& row : rows) {
      if (bench.ending) return {};
      if (!row.operation.empty() || string_at(row.internal, "power") == "deallocated") continue;
      if (const auto looked = look_at(bench, row); !looked) {
        LOG(warning, "work", "{}: {}", row.id.text(), looked.error().message);
      }
    }
  }
  return {};
}

namespace {

// Its disks are asked for under the same names.
void offer_disks(Bench& bench, const model::Resource& machine) {
  auto guest = read_guest(bench, machine.id);
  if (!guest) {
    LOG(error, "work", "{}: {}", machine.id.text(), guest.error().message);
    return;
  }
  for (auto& disk : guest->disks) {
    if (const auto opened = open_for_guest(bench, disk); !opened) {
      LOG(error, "work", "{}: {}", disk.row.id.text(), opened.error().message);
    }
  }
}

Result<> start_again(Bench& bench, const arm::ResourceId& id) {
  return bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto machine = TRY(change.get(id));
    const auto operation = TRY(change.start(model::Operation{.resource = machine.id,
                                                             .task = "start_machine",
                                                             .surface = "operations",
                                                             .location = machine.location}));
    machine.operation = operation.id;
    machine.provisioning = "Updating";
    set_path(machine.internal, "power", "starting");
    return change.put(machine);
  });
}

}  // namespace

Result<> find_machines_again(Bench& bench) {
  std::set<std::string> known;
  for (const auto& subscription : TRY(bench.model.shards())) {
    std::vector<model::Resource> rows;
    TRY(bench.model.read(subscription, [&](const model::View& view) -> Result<> {
      rows = TRY(model::list_machines(view));
      return {};
    }));
    for (const auto& row : rows) {
      const std::string id(string_at(row.properties, "vmId"));
      known.insert(id);
      const auto power = string_at(row.internal, "power");
      if (power == "deallocated") continue;
      const auto status = bench.host->hypervisor().status(id);
      // One that does not answer may only be slow, and wants its disks all the more.
      if (!status || status->state != machine::State::absent) {
        offer_disks(bench, row);
        // Before an operation that is in progress takes it for one that did not stay up.
        if (status && status->state == machine::State::broken) {
          (void)bench.host->hypervisor().resume(id);
        }
      } else if (power == "running" && row.operation.empty()) {
        if (const auto started = start_again(bench, row.id); !started) {
          LOG(error, "work", "{}: {}", row.id.text(), started.error().message);
        }
      }
    }
  }
  for (const auto& id : bench.host->hypervisor().list()) {
    if (known.contains(id)) continue;
    LOG(warning, "work", "the guest {} belongs to no machine any more and is ended", id);
    if (const auto ended = bench.host->hypervisor().remove(id); !ended) {
      LOG(error, "work", "{}: {}", id, ended.error().message);
    }
  }
  return remove_stray_overlays(bench);
}

}  // namespace pinaco::work
