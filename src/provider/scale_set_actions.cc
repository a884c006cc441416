// What can be done to the instances of a scale set together. The worker goes through them, each
// with an operation of its own.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "provider/scale_sets.h"
#include "provider/tracked.h"

namespace pinaco::provider {
namespace {

// The names that instanceIds gives; nullopt means all.
Result<std::optional<std::set<std::string>>> names_in(const Call& call, bool required) {
  const Json* list =
      call.body.is_object() ? find_member(call.body.get_object(), "instanceIds") : nullptr;
  if (list == nullptr || list->is_null()) {
    if (required) return fail(arm::missing_parameter("instanceIds"));
    return std::optional<std::set<std::string>>();
  }
  const bool fits = list->is_array() && list->get_array().size() <= instances_max;
  if (!fits) {
    return fail(arm::invalid_parameter(
        "instanceIds", fmt::format("instanceIds is a list of at most {} ids.", instances_max)));
  }
  std::set<std::string> names;
  for (const Json& each : list->get_array()) {
    if (!each.is_string()) {
      return fail(arm::invalid_parameter("instanceIds", "instanceIds is a list of texts."));
    }
    if (each.get_string() == "*") return std::optional<std::set<std::string>>();
    names.insert(to_lower(each.get_string()));
  }
  return names;
}

Result<> check_names(const std::vector<model::Resource>& instances,
                     const std::set<std::string>& names) {
  for (const auto& name : names) {
    const bool known = std::ranges::any_of(
        instances, [&](const auto& row) { return iequals(row.id.name(), name); });
    if (known) continue;
    return fail(arm::invalid_parameter(
        "instanceIds",
        fmt::format("The provided instanceId {} is not an active Virtual Machine Scale Set VM "
                    "instanceId.",
                    name.substr(0, 80))));
  }
  return {};
}

struct Deed {
  std::string_view task;  // of each instance
  bool required = false;  // instanceIds
  JsonObject input = {};  // of each instance's operation
};

// Some are left out when all are meant; named, they are refused.
Result<bool> is_meant(const model::View& view, const model::Resource& set,
                      const model::Resource& row, const Deed& deed, bool named) {
  if (deed.task == "delete_machine") TRY(access::check_locks(view, row.id.text(), true));
  if (!named && bool_at(row.properties, "protectionPolicy.protectFromScaleSetActions")) {
    return false;
  }
  if (deed.task == "reimage_machine") {
    if (string_at(row.internal, "set").empty()) {
      if (!named) return false;
      return fail(arm::error(Kind::conflict, "OperationNotAllowed",
                             fmt::format("'{}' was not made by the scale set and has no model to "
                                         "go back to.",
                                         row.id.name())));
    }
    const Json* only_old = deed.input.if_contains("onlyOld");
    if (only_old != nullptr && model::has_latest_model(set, row)) return false;
  }
  if (deed.task == "start_machine" && bool_at(row.internal, "generalized")) {
    if (!named) return false;
    return fail(machine_is(row, "start", "generalized"));
  }
  return true;
}

Result<Outcome> begin(const Call& call, Deed deed) {
  const auto names = TRY(names_in(call, deed.required));
  if (const auto skip = call.query.find("skipshutdown"); skip != call.query.end()) {
    deed.input["skipShutdown"] = iequals(skip->second, "true");
  }
  Outcome outcome{.status = 202, .location_header = true};
  TRY(call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    auto set = TRY(change.get(call.id));
    if (!set.operation.empty()) return fail(busy_with(set));
    const auto instances = TRY(model::list_instances(change, set));
    if (names) TRY(check_names(instances, *names));
    JsonObject input{{"task", deed.task}, {"input", deed.input}};
    // Those that are there now: what a scale-out makes meanwhile is not meant.
    JsonArray chosen;
    for (const auto& row : instances) {
      if (names && !names->contains(to_lower(row.id.name()))) continue;
      if (row.provisioning == "Deleting") continue;
      if (!TRY(is_meant(change, set, row, deed, names.has_value()))) continue;
      chosen.emplace_back(row.id.text());
    }
    input["instances"] = std::move(chosen);
    outcome.operation = TRY(change.start(model::Operation{.resource = set.id,
                                                          .task = "act_on_scale_set",
                                                          .surface = "operations",
                                                          .location = set.location,
                                                          .input = std::move(input)}));
    set.operation = outcome.operation->id;
    set.provisioning = "Updating";
    return change.put(set);
  }));
  return outcome;
}

Result<Outcome> begin_reimage(const Call& call, bool all) {
  return begin_machine_task(
      call, "reimage_machine", "starting", [](const model::Resource&) -> Result<> { return {}; },
      JsonObject{{"all", all}});
}

}  // namespace

Result<Outcome> start_set(const Call& call) {
  return begin(call, {.task = "start_machine"});
}

Result<Outcome> power_off_set(const Call& call) {
  return begin(call, {.task = "power_off_machine"});
}

Result<Outcome> deallocate_set(const Call& call) {
  return begin(call, {.task = "deallocate_machine"});
}

Result<Outcome> restart_set(const Call& call) {
  return begin(call, {.task = "restart_machine"});
}

Result<Outcome> reimage_set(const Call& call) {
  return begin(call, {.task = "reimage_machine", .input = {{"all", false}}});
}

Result<Outcome> reimage_all_of_set(const Call& call) {
  return begin(call, {.task = "reimage_machine", .input = {{"all", true}}});
}

Result<Outcome> upgrade_set(const Call& call) {
  return begin(
      call,
      {.task = "reimage_machine", .required = true, .input = {{"all", false}, {"onlyOld", true}}});
}

Result<Outcome> delete_of_set(const Call& call) {
  return begin(call, {.task = "delete_machine", .required = true});
}

Result<Outcome> reimage_instance(const Call& call) {
  return begin_reimage(call, false);
}

Result<Outcome> reimage_all_of_instance(const Call& call) {
  return begin_reimage(call, true);
}

// A change without a change: the image is looked up again, and the instances follow.
Result<Outcome> start_rolling_upgrade(const Call& call) {
  Call again = call;
  again.method = "PATCH";
  again.body = JsonObject{{"properties", JsonObject()}};
  again.parts["refresh"] = "image";
  auto outcome = TRY(patch_resource(scale_sets, again));
  outcome.status = 202;
  outcome.body = nullptr;
  outcome.location_header = true;
  return outcome;
}

}  // namespace pinaco::provider
