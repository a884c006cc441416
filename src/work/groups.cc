// Groups are deleted with all that is in them: machines first, then what they stood on.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "work/scale_sets.h"

namespace pinaco::work {
namespace {

// "Microsoft.Compute/galleries/images" as a collection of the group.
arm::ResourceId collection_in(const arm::ResourceId& group, std::string_view full_type) {
  auto parts = split(full_type, '/');
  arm::ResourceId collection{.subscription = group.subscription,
                             .group = group.group,
                             .provider = std::string(parts.front()),
                             .types = {},
                             .names = {}};
  for (std::size_t i = 1; i < parts.size(); i++) collection.types.emplace_back(parts[i]);
  return collection;
}

// Children before their parents, so that no row is ever without its parent.
constexpr std::string_view order[] = {"Microsoft.Compute/galleries/images/versions",
                                      "Microsoft.Compute/galleries/images",
                                      "Microsoft.Compute/galleries",
                                      "Microsoft.Compute/virtualMachineScaleSets",
                                      "Microsoft.Compute/images",
                                      "Microsoft.Compute/snapshots",
                                      "Microsoft.Compute/disks",
                                      "Microsoft.Network/networkInterfaces",
                                      "Microsoft.Network/publicIPAddresses",
                                      "Microsoft.Network/virtualNetworks/subnets",
                                      "Microsoft.Network/virtualNetworks",
                                      "Microsoft.Network/networkSecurityGroups/securityRules",
                                      "Microsoft.Network/networkSecurityGroups",
                                      "Microsoft.Storage/storageAccounts"};

// Scale sets first, so that they make no more; then all machines, theirs and others.
Result<> delete_machines_of(Bench& bench, const model::Operation& operation) {
  std::vector<model::Resource> sets;
  std::vector<model::Resource> machines;
  const auto& group = operation.resource;
  TRY(bench.model.read(group.subscription, [&](const model::View& view) -> Result<> {
    sets = TRY(view.list_all(collection_in(group, "Microsoft.Compute/virtualMachineScaleSets")));
    return {};
  }));
  TRY(mark_for_removal(bench, sets, operation.id));
  TRY(bench.model.read(group.subscription, [&](const model::View& view) -> Result<> {
    machines = TRY(model::list_machines(view, group.group));
    return {};
  }));
  TRY(mark_for_removal(bench, machines, operation.id));
  const auto instances = std::ranges::partition(
      machines, [](const auto& machine) { return !model::is_instance(machine.id); });
  TRY(remove_instances(bench, {instances.begin(), instances.end()}, operation.id));
  machines.erase(instances.begin(), instances.end());
  for (const auto& machine : machines) {
    if (bench.ending) return fail(Kind::cancelled, "The server is stopping.");
    TRY(remove_machine(bench, machine.id, operation.id));
  }
  return {};
}

}  // namespace

Result<> delete_group(Bench& bench, const model::Operation& operation) {
  constexpr std::size_t rows_a_step = 100;
  constexpr std::size_t writes_a_step = 500;
  constexpr std::size_t facts_a_step = 200;
  const auto& group = operation.resource;
  TRY(delete_machines_of(bench, operation));
  for (const auto type : order) {
    for (bool more = true; more;) {
      if (bench.ending) return fail(Kind::cancelled, "The server is stopping.");
      TRY(bench.model.change(group.subscription, [&](model::Change& change) -> Result<> {
        const auto page = TRY(change.list(collection_in(group, type), "", rows_a_step));
        more = !page.rows.empty();
        std::size_t writes = 0;
        for (const auto& row : page.rows) {
          if (!row.operation.empty() && row.operation != operation.id) {
            return fail(Kind::busy,
                        fmt::format("'{}' has an operation in progress.", row.id.text()));
          }
          if (!string_at(row.internal, "machine.id").empty()) {
            return fail(Kind::busy, fmt::format("'{}' is attached to a machine.", row.id.text()));
          }
          const auto rules = TRY(model::erase_some_rules(change, row.id));
          if (rules == model::rules_a_step) return {};  // the next step goes on with them
          TRY(change.erase(row.id));
          writes += rules + 4;  // the row, the count of its type, and what it cost
          if (writes >= writes_a_step) return {};
        }
        return {};
      }));
    }
  }
  for (std::size_t erased = model::rules_a_step; erased == model::rules_a_step;) {
    TRY(bench.model.change(group.subscription, [&](model::Change& change) -> Result<> {
      erased = TRY(model::erase_some_rules(change, group));
      return {};
    }));
  }
  for (std::size_t erased = model::attached_a_step; erased == model::attached_a_step;) {
    TRY(bench.model.change(group.subscription, [&](model::Change& change) -> Result<> {
      erased = TRY(model::erase_some_attached(change, group));
      return {};
    }));
  }
  // Deleted versions of its galleries, which could be restored until now.
  const auto recycled = fmt::format("recycled/{}", group.key());
  for (std::size_t erased = facts_a_step; erased == facts_a_step;) {
    TRY(bench.model.change(group.subscription, [&](model::Change& change) -> Result<> {
      const auto some = TRY(change.facts_between(recycled + "/", recycled + "0", facts_a_step));
      for (const auto& [name, fact] : some) TRY(change.erase_fact(name));
      erased = some.size();
      return {};
    }));
  }
  return bench.model.change(group.subscription, [&](model::Change& change) -> Result<> {
    TRY(change.erase(group));
    return finish(change, operation);
  });
}

}  // namespace pinaco::work
