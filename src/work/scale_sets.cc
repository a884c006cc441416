// The operations on scale sets: as many instances as wanted, what is done to them together, and the
// end of it all.
#include "work/scale_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"

namespace pinaco::work {
namespace {

bool is_going(const model::Resource& instance) {
  return instance.provisioning == "Deleting";
}

std::int64_t number_of(const model::Resource& instance) {
  return parse_int(instance.id.name(), 0, 1'000'000'000).value_or(0);
}

std::string zone_of(const model::Resource& instance) {
  if (!instance.zones.is_array() || instance.zones.get_array().empty()) return {};
  return std::string(instance.zones.get_array().front().get_string());
}

// Who goes when there are too many: of the zone with the most, the newest; or the oldest, if the
// policy says so. Those that are protected stay.
std::vector<model::Resource> choose_leavers(const model::Resource& set,
                                            std::vector<model::Resource> instances,
                                            std::size_t count) {
  std::string_view rule = "Default";
  if (const Json* rules = find_path(set.properties, "scaleInPolicy.rules");
      rules != nullptr && !rules->get_array().empty()) {
    rule = rules->get_array().front().get_string();
  }
  std::erase_if(instances, [](const auto& row) {
    return is_going(row) || bool_at(row.properties, "protectionPolicy.protectFromScaleIn") ||
           bool_at(row.properties, "protectionPolicy.protectFromScaleSetActions");
  });
  std::ranges::sort(instances, [](const auto& a, const auto& b) {
    return std::tuple(a.created, number_of(a)) < std::tuple(b.created, number_of(b));
  });
  if (rule == "OldestVM") std::ranges::reverse(instances);
  std::vector<model::Resource> leavers;
  // First those whose deletion was asked for and failed.
  for (auto& row : instances) {
    if (leavers.size() < count && bool_at(row.internal, "left")) leavers.push_back(row);
  }
  std::erase_if(instances, [](const auto& row) { return bool_at(row.internal, "left"); });
  std::map<std::string, std::size_t> in_zone;
  for (const auto& row : instances) in_zone[zone_of(row)]++;
  while (leavers.size() < count && !instances.empty()) {
    const auto most =
        std::ranges::max_element(in_zone, {}, [](const auto& entry) { return entry.second; });
    auto last = instances.end();
    do {
      last--;
    } while (last != instances.begin() && zone_of(*last) != most->first);
    most->second--;
    leavers.push_back(std::move(*last));
    instances.erase(last);
  }
  return leavers;
}

Result<model::Resource> read_set(Bench& bench, const model::Operation& operation) {
  return std::move(TRY(read_members(bench, operation)).set);
}

Result<> finish_set(Bench& bench, const model::Operation& operation) {
  return bench.model.change(operation.resource.subscription,
                            [&](model::Change& change) -> Result<> {
                              auto set = TRY(change.get(operation.resource));
                              if (set.operation == operation.id) {
                                set.provisioning = "Succeeded";
                                set.operation.clear();
                                TRY(change.put(set));
                              }
                              return finish(change, operation);
                            });
}

// Those that no lock keeps: the others stay, as those do that are protected.
Result<std::vector<model::Resource>> without_locked(Bench& bench,
                                                    const std::vector<model::Resource>& instances) {
  std::vector<model::Resource> free;
  if (instances.empty()) return free;
  TRY(bench.model.read(instances.front().id.subscription, [&](const model::View& view) -> Result<> {
    free.clear();
    for (const auto& row : instances) {
      if (!TRY(model::is_locked(view, row))) free.push_back(row);
    }
    return {};
  }));
  return free;
}

// As many as wanted exist, or go.
Result<> fit_capacity(Bench& bench, const model::Operation& operation) {
  while (true) {
    if (bench.ending) return fail(Kind::cancelled, "The server is stopping.");
    const auto [set, instances] = TRY(read_members(bench, operation));
    const auto live = static_cast<std::int64_t>(
        std::ranges::count_if(instances, [](const auto& row) { return !is_going(row); }));
    const auto capacity = int_at(set.sku, "capacity");
    // Also what a deletion that was cut short left.
    std::vector<model::Resource> going;
    std::ranges::copy_if(instances, std::back_inserter(going), is_going);
    if (live > capacity) {
      auto free = TRY(without_locked(bench, instances));
      for (auto& row :
           choose_leavers(set, std::move(free), static_cast<std::size_t>(live - capacity))) {
        going.push_back(std::move(row));
      }
    }
    if (!going.empty()) TRY(do_to_each(bench, operation, going, {.task = "delete_machine"}));
    if (find_path(set.internal, "model") == nullptr || live >= capacity) return {};
    auto missing = static_cast<std::size_t>(capacity - live);
    while (missing > 0) {
      if (bench.ending) return fail(Kind::cancelled, "The server is stopping.");
      const auto made = TRY(stamp_instances(bench, operation, missing, capacity));
      if (made == 0) break;  // it wants another number now
      missing -= made;
    }
    if (missing == 0) return {};
  }
}

// What an operation that failed before it could start them left half-made is this one's now.
Result<> adopt_orphans(Bench& bench, const model::Operation& operation,
                       const std::vector<model::Resource>& instances) {
  for (const auto& instance : instances) {
    if (instance.provisioning != "Creating" || instance.operation == operation.id) continue;
    TRY(bench.model.change(instance.id.subscription, [&](model::Change& change) -> Result<> {
      auto row = TRY(change.find(instance.id));
      if (!row || row->provisioning != "Creating") return {};
      const auto made_by = TRY(change.find_operation(row->operation));
      if (made_by && made_by->state == model::OperationState::in_progress) return {};
      row->operation = operation.id;
      set_path(row->internal, "deed", deed_of(operation, "create_machine"));
      return change.put(*row);
    }));
  }
  return {};
}

// Those that are being made are there, or have failed.
Result<> bring_up_all(Bench& bench, const model::Operation& operation, const model::Resource& set) {
  TRY(adopt_orphans(bench, operation, TRY(read_instances(bench, set))));
  auto instances = TRY(read_instances(bench, set));
  std::vector<model::Resource> simulated;
  for (const auto& row : instances) {
    if (row.operation == operation.id && row.provisioning == "Creating") simulated.push_back(row);
  }
  if (!simulated.empty()) {
    TRY(start_simulated(bench, operation, simulated));
    instances = TRY(read_instances(bench, set));
  }
  std::erase_if(instances, [&](const auto& row) {
    return string_at(row.internal, "deed") != deed_of(operation, "create_machine") || is_going(row);
  });
  return do_to_each(bench, operation, instances, {.task = "create_machine"});
}

}  // namespace

Result<Members> read_members(Bench& bench, const model::Operation& operation) {
  Members members;
  TRY(bench.model.read(operation.resource.subscription, [&](const model::View& view) -> Result<> {
    members.set = TRY(view.get(operation.resource));
    members.instances = TRY(model::list_instances(view, members.set));
    return {};
  }));
  if (members.set.operation == operation.id) return members;
  return fail(arm::error(Kind::conflict, "OperationPreempted",
                         "The operation has been preempted by a more recent operation."));
}

Result<> update_scale_set(Bench& bench, const model::Operation& operation) {
  TRY(need_host(bench));
  auto set = TRY(read_set(bench, operation));
  if (const auto refused = string_at(set.internal, "refused.message"); !refused.empty()) {
    return fail(arm::error(Kind::conflict, std::string(string_at(set.internal, "refused.code")),
                           std::string(refused)));
  }
  const auto mode = string_at(operation.input, "upgrade");
  // Old instances first follow the model, and new ones are made from it.
  if (mode == "Automatic" || mode == "Rolling") {
    TRY(upgrade_instances(bench, operation, set, mode == "Rolling"));
    set = TRY(read_set(bench, operation));
  }
  const auto fitted = fit_capacity(bench, operation);
  if (!fitted && is_later(fitted.error())) return fitted;
  // Also when there was no room for more: those that there are do not stay half-made.
  TRY(bring_up_all(bench, operation, set));
  TRY(fitted);
  return finish_set(bench, operation);
}

Result<> act_on_scale_set(Bench& bench, const model::Operation& operation) {
  TRY(need_host(bench));
  const auto set = TRY(read_set(bench, operation));
  std::set<std::string> chosen;
  for (const Json& each : find_path(operation.input, "instances")->get_array()) {
    chosen.insert(to_lower(each.get_string()));
  }
  auto instances = TRY(read_instances(bench, set));
  std::erase_if(instances, [&](const auto& row) { return !chosen.contains(row.id.key()); });
  const Json* input = find_path(operation.input, "input");
  const std::string task(string_at(operation.input, "task"));
  const Deed deed{.task = task,
                  .leaves = task == "delete_machine",
                  .input = input == nullptr ? Json(JsonObject()) : *input};
  TRY(do_to_each(bench, operation, instances, deed));
  return finish_set(bench, operation);
}

Result<> mark_for_removal(Bench& bench, const std::vector<model::Resource>& machines,
                          const std::string& operation) {
  constexpr std::size_t rows_a_step = 200;
  for (std::size_t at = 0; at < machines.size(); at += rows_a_step) {
    const auto end = std::min(machines.size(), at + rows_a_step);
    TRY(bench.model.change(machines[at].id.subscription, [&](model::Change& change) -> Result<> {
      for (std::size_t i = at; i < end; i++) {
        auto row = TRY(change.find(machines[i].id));
        if (!row || row->operation == operation) continue;
        if (!row->operation.empty() && !TRY(model::preempt(change, *row))) {
          return fail(Kind::busy,
                      fmt::format("'{}' has an operation in progress.", row->id.text()));
        }
        row->operation = operation;
        row->provisioning = "Deleting";
        TRY(change.put(*row));
      }
      return {};
    }));
  }
  return {};
}

Result<> delete_scale_set(Bench& bench, const model::Operation& operation) {
  const auto found = TRY(bench.model.find(operation.resource));
  if (found && found->operation == operation.id) {
    auto instances = TRY(read_instances(bench, *found));
    if (const auto marked = mark_for_removal(bench, instances, operation.id); !marked) {
      if (marked.error().kind == Kind::busy) return fail(later(marked.error().message));
      return marked;
    }
    if (!model::is_flexible(*found)) {
      TRY(remove_instances(bench, instances, operation.id));
      instances.clear();
    }
    for (const auto& row : instances) {
      if (bench.ending) return fail(Kind::cancelled, "The server is stopping.");
      TRY(remove_machine(bench, row.id, operation.id));
    }
    for (bool more = true; more;) {
      TRY(bench.model.change(operation.resource.subscription,
                             [&](model::Change& change) -> Result<> {
                               more = TRY(model::erase_some_rules(change, operation.resource))
                               == model::rules_a_step;
                               return {};
                             }));
    }
  }
  return bench.model.change(operation.resource.subscription,
                            [&](model::Change& change) -> Result<> {
                              const auto now = TRY(change.find(operation.resource));
                              if (now && now->operation == operation.id) {
                                TRY(change.erase(now->id));
                              }
                              return finish(change, operation);
                            });
}

}  // namespace pinaco::work
