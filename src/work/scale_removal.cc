// Instances of uniform scale sets go many at a time: all that they have is theirs alone.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "work/scale_sets.h"

namespace pinaco::work {
namespace {

constexpr std::size_t writes_a_step = 800;  // a transaction has at most 1,000

// Erases its rows; its disks are added to `erased`.
Result<> erase_rows(model::Change& change, const arm::ResourceId& id, const std::string& operation,
                    std::vector<model::Resource>& erased) {
  const auto row = TRY(change.find(id));
  if (!row || row->operation != operation) return {};
  for (auto& disk : TRY(named_disks(change, *row))) {
    if (!iequals(string_at(disk.internal, "machine.id"), id.text())) continue;
    TRY(change.erase(disk.id));
    erased.push_back(std::move(disk));
  }
  TRY(let_go(change, *row));
  return change.erase(id);
}

}  // namespace

Result<> remove_instances(Bench& bench, const std::vector<model::Resource>& instances,
                          const std::string& operation) {
  for (std::size_t at = 0; at < instances.size();) {
    if (bench.ending) return fail(Kind::cancelled, "The server is stopping.");
    std::size_t end = at;
    // Instance, card, address, and a grant or two.
    for (std::size_t writes = 0; end < instances.size() && writes < writes_a_step; end++) {
      const Json* data = find_path(instances[end].properties, "storageProfile.dataDisks");
      writes += 6 + (data == nullptr ? 0 : data->get_array().size());
      const std::string machine(string_at(instances[end].properties, "vmId"));
      if (bench.host == nullptr) continue;
      const auto held = bench.host->lock(machine);
      TRY(bench.host->hypervisor().remove(machine));
      bench.host->replicas().leave(machine);
      bench.host->starts().forget(machine);
    }
    std::vector<model::Resource> erased;
    bool more = false;
    TRY(bench.model.change(instances[at].id.subscription, [&](model::Change& change) -> Result<> {
      erased.clear();
      more = false;
      // Roles and locks first: there may be many.
      std::size_t rules = 0;
      for (std::size_t i = at; i < end && rules < model::rules_a_step; i++) {
        rules += TRY(model::erase_some_rules(change, instances[i].id));
      }
      more = rules > 0;
      if (more) return {};
      for (std::size_t i = at; i < end; i++) {
        TRY(erase_rows(change, instances[i].id, operation, erased));
      }
      return {};
    }));
    for (const auto& disk : erased) {
      if (bench.host == nullptr) continue;
      const auto dropped = drop_writes(bench, disk);
      if (!dropped) LOG(warning, "work", "a file stays behind: {}", dropped.error().message);
    }
    if (!more) at = end;
  }
  return {};
}

}  // namespace pinaco::work
