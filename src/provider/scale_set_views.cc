// How a scale set is doing, and the network interfaces and addresses of its instances.
#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "provider/scale_sets.h"

namespace pinaco::provider {
namespace {

arm::ResourceId set_of(const Call& call) {
  return {.subscription = call.parts.at("subscription"),
          .group = call.parts.at("group"),
          .provider = "Microsoft.Compute",
          .types = {"virtualMachineScaleSets"},
          .names = {call.parts.at("set")}};
}

arm::ResourceId instance_of(const Call& call) {
  return set_of(call).child("virtualMachines", call.parts.at("instance"));
}

Result<std::pair<model::Resource, std::vector<model::Resource>>> read_set(const Call& call) {
  std::pair<model::Resource, std::vector<model::Resource>> found;
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    found.first = TRY(view.get(set_of(call)));
    found.second = TRY(model::list_instances(view, found.first));
    return {};
  }));
  return found;
}

Json counts(const std::map<std::string, std::int64_t>& by_code) {
  JsonArray list;
  for (const auto& [code, count] : by_code) {
    list.push_back(JsonObject{{"code", code}, {"count", count}});
  }
  return list;
}

Json shown_card(const model::Resource& card, std::string_view machine) {
  Json properties = card.properties;
  set_path(properties, "virtualMachine.id", machine);
  set_path(properties, "provisioningState", "Succeeded");
  return JsonObject{{"name", card.id.name()},
                    {"id", card.id.text()},
                    {"location", card.location},
                    {"properties", std::move(properties)}};
}

// The interfaces that a machine's row names.
Result<std::vector<model::Resource>> cards_of(const model::View& view,
                                              const model::Resource& machine) {
  std::vector<model::Resource> cards;
  const Json* list = find_path(machine.properties, "networkProfile.networkInterfaces");
  if (list == nullptr || !list->is_array()) return cards;
  for (const Json& each : list->get_array()) {
    const auto id = arm::ResourceId::parse(string_at(each, "id"));
    auto card = id ? TRY(view.find(*id)) : std::optional<model::Resource>();
    if (card) cards.push_back(std::move(*card));
  }
  return cards;
}

Result<Outcome> list_cards(const Call& call, const std::vector<model::Resource>& machines) {
  JsonArray list;
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    list.clear();
    for (const auto& machine : machines) {
      for (const auto& card : TRY(cards_of(view, machine))) {
        list.push_back(shown_card(card, machine.id.text()));
      }
    }
    return {};
  }));
  return Outcome{.body = JsonObject{{"value", std::move(list)}}};
}

}  // namespace

Result<Outcome> scale_set_view(const Call& call) {
  const auto [set, instances] = TRY(read_set(call));
  std::map<std::string, std::int64_t> by_code;
  for (const auto& row : instances) {
    by_code[fmt::format("ProvisioningState/{}", to_lower(row.provisioning))]++;
    const auto power = string_at(row.internal, "power");
    if (!power.empty()) by_code[fmt::format("PowerState/{}", power)]++;
  }
  const bool failed = set.provisioning == "Failed";
  const JsonObject status{
      {"code", fmt::format("ProvisioningState/{}", to_lower(set.provisioning))},
      {"level", failed ? "Error" : "Info"},
      {"displayStatus", set.provisioning == "Succeeded" ? "Provisioning succeeded"
                        : failed                        ? "Provisioning failed"
                                                        : set.provisioning.c_str()}};
  return Outcome{
      .body = JsonObject{{"virtualMachine", JsonObject{{"statusesSummary", counts(by_code)}}},
                         {"statuses", JsonArray{status}},
                         {"orchestrationServices", JsonArray()}}};
}

Result<Outcome> scale_set_skus(const Call& call) {
  const auto set = TRY(call.model.get(set_of(call)));
  JsonArray list;
  for (const auto& size : call.world.sizes) {
    list.push_back(JsonObject{{"resourceType", "Microsoft.Compute/virtualMachineScaleSets"},
                              {"sku", JsonObject{{"name", size.name}, {"tier", "Standard"}}},
                              {"capacity", JsonObject{{"minimum", 0},
                                                      {"maximum", instances_max},
                                                      {"defaultCapacity", 1},
                                                      {"scaleType", "Automatic"}}}});
  }
  return Outcome{.body = JsonObject{{"value", std::move(list)}}};
}

Result<Outcome> instance_view_of_instance(const Call& call) {
  const auto instance = TRY(call.model.get(instance_of(call)));
  return Outcome{.body = instance_view_of(instance)};
}

Result<Outcome> latest_rolling_upgrade(const Call& call) {
  const auto set = TRY(call.model.get(set_of(call)));
  const Json* upgrade = find_path(set.internal, "upgrade");
  if (upgrade == nullptr) {
    return fail(
        arm::error(Kind::not_found, "NotFound",
                   fmt::format("The scale set '{}' has had no rolling upgrade.", set.id.name())));
  }
  return Outcome{
      .body = JsonObject{{"name", "latest"},
                         {"type", "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades"},
                         {"location", set.location},
                         {"properties", *upgrade}}};
}

Result<Outcome> cancel_rolling_upgrade(const Call& call) {
  Outcome outcome{.status = 202};
  TRY(call.model.change(call.parts.at("subscription"), [&](model::Change& change) -> Result<> {
    auto set = TRY(change.get(set_of(call)));
    if (string_at(set.internal, "upgrade.runningStatus.code") != "RollingForward") {
      return fail(arm::error(
          Kind::conflict, "OperationNotAllowed",
          fmt::format("The scale set '{}' has no rolling upgrade in progress.", set.id.name())));
    }
    set_path(set.internal, "cancel", true);
    return change.put(set);
  }));
  return outcome;
}

Result<Outcome> list_set_cards(const Call& call) {
  const auto [set, instances] = TRY(read_set(call));
  return list_cards(call, instances);
}

Result<Outcome> list_instance_cards(const Call& call) {
  return list_cards(call, { TRY(call.model.get(instance_of(call))) });
}

Result<Outcome> list_set_addresses(const Call& call) {
  const auto [set, instances] = TRY(read_set(call));
  JsonArray list;
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    list.clear();
    for (const auto& row : instances) {
      for (const auto& card : TRY(cards_of(view, row))) {
        const auto id = arm::ResourceId::parse(
            string_at(find_path(card.properties, "ipConfigurations")->get_array().front(),
                      "properties.publicIPAddress.id"));
        const auto address = id ? TRY(view.find(*id)) : std::optional<model::Resource>();
        if (!address) continue;
        list.push_back(JsonObject{{"name", address->id.name()},
                                  {"id", address->id.text()},
                                  {"location", address->location},
                                  {"properties", address->properties}});
      }
    }
    return {};
  }));
  return Outcome{.body = JsonObject{{"value", std::move(list)}}};
}

}  // namespace pinaco::provider
