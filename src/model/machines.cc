#include "model/machines.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "model/model.h"

namespace pinaco::model {

Result<std::vector<Resource>> list_machines(const View& view, const std::string& group) {
  auto machines = TRY(view.list_all({.subscription = view.subscription(),
                                     .group = group,
                                     .provider = "Microsoft.Compute",
                                     .types = {"virtualMachines"},
                                     .names = {}}));
  auto instances = TRY(view.list_all({.subscription = view.subscription(),
                                      .group = group,
                                      .provider = "Microsoft.Compute",
                                      .types = {"virtualMachineScaleSets", "virtualMachines"},
                                      .names = {}}));
  for (auto& each : instances) machines.push_back(std::move(each));
  return machines;
}

Result<std::vector<Resource>> list_instances(const View& view, const Resource& set) {
  if (!is_flexible(set)) {
    return view.list_all(set.id.child("virtualMachines", ""));
  }
  auto machines = TRY(view.list_all({.subscription = view.subscription(),
                                     .group = {},
                                     .provider = "Microsoft.Compute",
                                     .types = {"virtualMachines"},
                                     .names = {}}));
  const std::string id = set.id.text();
  std::erase_if(machines, [&](const Resource& row) {
    return !iequals(string_at(row.properties, "virtualMachineScaleSet.id"), id);
  });
  return machines;
}

Result<bool> preempt(Change& change, const Resource& row) {
  constexpr std::string_view coming[] = {
      "create_machine",   "start_machine",     "reimage_machine",     "update_scale_set",
      "act_on_scale_set", "replicate_version", "delete_with_children"};
  auto running = TRY(change.find_operation(row.operation));
  // Of one that has ended nothing comes any more.
  if (!running || running->state != OperationState::in_progress) return true;
  // An operation on a scale set is not an instance's to end.
  if (running->resource != row.id || std::ranges::find(coming, running->task) == std::end(coming))
    return false;
  running->state = OperationState::failed;
  running->end = change.now();
  running->error_code = "OperationPreempted";
  running->error_message = "The operation has been preempted by a more recent operation.";
  TRY(change.put_operation(*running));
  return true;
}

bool is_flexible(const Resource& set) {
  return string_at(set.properties, "orchestrationMode") == "Flexible";
}

bool has_latest_model(const Resource& set, const Resource& instance) {
  return int_at(set.internal, "model.number") == int_at(instance.internal, "model") &&
         string_at(set.internal, "model.version") ==
             string_at(instance.properties, "storageProfile.imageReference.exactVersion");
}

Result<> leave_set(Change& change, Resource& machine) {
  if (bool_at(machine.internal, "left")) return {};
  auto text = string_at(machine.internal, "set");
  if (text.empty()) text = string_at(machine.internal, "member");
  const auto id = arm::ResourceId::parse(text);
  auto set = id ? TRY(change.find(*id)) : std::optional<Resource>();
  if (!set || set->provisioning == "Deleting") return {};
  set_path(machine.internal, "left", true);
  const auto capacity = int_at(set->sku, "capacity");
  if (capacity == 0) return {};
  set_path(set->sku, "capacity", capacity - 1);
  return change.put(*set);
}

Result<std::size_t> erase_some_rules(Change& change, const arm::ResourceId& id) {
  const auto prefix = rules_prefix(id.key());
  const auto some = TRY(change.facts_between(prefix, prefix.substr(0, prefix.size() - 1) + "0",
                                             rules_a_step));  // '0' comes after '/'
  for (const auto& [name, json] : some) TRY(change.erase_fact(name));
  return some.size();
}

Result<std::size_t> erase_some_attached(Change& change, const arm::ResourceId& id) {
  const auto prefix = attached_prefix(id.key());
  const auto some =
      TRY(change.facts_between(prefix, prefix.substr(0, prefix.size() - 1) + "0", attached_a_step));
  for (const auto& [name, json] : some) TRY(change.erase_fact(name));
  return some.size();
}

namespace {

// What a lock on keeps the resource with this key from being deleted: it, and what it lies in.
void add_scopes(const std::string& key, std::set<std::string>& scopes) {
  const auto least = key.find('/', std::string_view("/subscriptions/").size());
  for (std::size_t end = key.size(); end != std::string::npos && end >= least;
       end = key.rfind('/', end - 1)) {
    scopes.insert(key.substr(0, end));
  }
}

}  // namespace

Result<bool> is_locked(const View& view, const Resource& machine) {
  std::vector<arm::ResourceId> ids{machine.id};
  const auto add = [&](std::string_view text) {
    if (auto id = arm::ResourceId::parse(text)) ids.push_back(std::move(*id));
  };
  if (const Json* os = find_path(machine.properties, "storageProfile.osDisk")) {
    add(string_at(*os, "managedDisk.id"));
  }
  if (const Json* data = find_path(machine.properties, "storageProfile.dataDisks")) {
    for (const Json& disk : data->get_array()) add(string_at(disk, "managedDisk.id"));
  }
  if (const Json* cards = find_path(machine.properties, "networkProfile.networkInterfaces")) {
    for (const Json& card : cards->get_array()) add(string_at(card, "id"));
  }
  for (const auto& id : ids) {
    for (const auto& [name, json] : TRY(view.facts(rules_prefix(id.key())))) {
      if (name.find(lock_mark) != std::string::npos) return true;
    }
  }
  // Its set, which a flexible one's machines do not lie below.
  for (const char* owner : {"set", "member"}) add(string_at(machine.internal, owner));
  std::set<std::string> above;
  for (const auto& id : ids) add_scopes(id.key(), above);
  for (const auto& scope : above) {
    if (!TRY(view.facts(rules_prefix(scope) + "#lock/")).empty()) return true;
  }
  return false;
}

bool is_instance(const arm::ResourceId& id) {
  return id.types.size() == 2 && iequals(id.types.front(), "virtualMachineScaleSets") &&
         iequals(id.types.back(), "virtualMachines");
}

}  // namespace pinaco::model
