// What the networkProfile of a scale set says of each instance's network interface.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "provider/network.h"
#include "provider/scale_sets.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view where =
    "virtualMachineProfile.networkProfile.networkInterfaceConfigurations";

Error only_one(std::string_view what) {
  return arm::error(Kind::invalid, "OperationNotAllowed",
                    fmt::format("An instance has one {} on this server.", what),
                    std::string(where));
}

// "properties" of the only element of a list, with its "name".
Result<const Json*> only(const Json* list, std::string_view what) {
  if (list == nullptr || !list->is_array() || list->get_array().empty()) {
    return fail(arm::missing_parameter(fmt::format("{}: {}", where, what)));
  }
  if (list->get_array().size() > 1) return fail(only_one(what));
  const Json& each = list->get_array().front();
  TRY(check_network_name(string_at(each, "name")));
  if (find_path(each, "properties") == nullptr) {
    return fail(arm::missing_parameter(fmt::format("{}: {}.properties", where, what)));
  }
  return &each;
}

Result<> refuse_balancers(const Json& configuration) {
  for (const char* pool : {"loadBalancerBackendAddressPools", "loadBalancerInboundNatPools",
                           "applicationGatewayBackendAddressPools", "applicationSecurityGroups"}) {
    const Json* said = find_path(configuration, fmt::format("properties.{}", pool));
    if (said == nullptr || !said->is_array() || said->get_array().empty()) continue;
    return fail(arm::error(
        Kind::invalid, "OperationNotAllowed",
        fmt::format("'{}' is not available on this server: there are no load balancers. Give each "
                    "instance a public address of its own (publicIPAddressConfiguration).",
                    pool),
        std::string(where)));
  }
  return {};
}

// Room for all of its instances, also for those that come to this subnet when they are upgraded.
Result<> check_room(const Draft& draft, const model::Resource& subnet, std::int64_t capacity) {
  if (draft.current) {
    const bool same =
        iequals(string_at(draft.current->internal, "model.card.subnet"), subnet.id.text());
    if (same && capacity <= int_at(draft.current->sku, "capacity")) return {};
  }
  const auto prefix = model::subnet_prefix(subnet);
  const auto network = parse_ipv4_network(prefix);
  if (!network) return fail(Kind::corrupt, "The subnet has no prefix.");
  std::set<std::string> mine;
  std::int64_t wanted = capacity;
  if (draft.current) {
    for (const auto& row : TRY(model::list_instances(draft.change, *draft.current))) {
      if (!string_at(row.internal, "set").empty()) {
        mine.insert(row.id.key());
      } else {
        wanted--;  // it came with an interface of its own
      }
    }
  }
  auto room = std::max<std::int64_t>(0, static_cast<std::int64_t>(network->size()) - 5);
  for (const auto& card : TRY(model::network_interfaces(draft.change))) {
    if (mine.contains(to_lower(string_at(card.properties, "virtualMachine.id")))) continue;
    const Json* configurations = find_path(card.properties, "ipConfigurations");
    if (configurations == nullptr) continue;
    room -= std::ranges::count_if(configurations->get_array(), [&](const Json& each) {
      return iequals(string_at(each, "properties.subnet.id"), subnet.id.text());
    });
  }
  if (wanted <= room) return {};
  return fail(arm::error(
      Kind::invalid, "SubnetIsFull",
      fmt::format("Subnet {} with address prefix {} does not have enough capacity for {} IP "
                  "addresses: it has room for {}. Take a larger subnet, or lower sku.capacity.",
                  subnet.id.name(), prefix, wanted, std::max<std::int64_t>(0, room)),
      std::string(where)));
}

}  // namespace

Result<Json> prepare_card_model(Draft& draft, std::int64_t capacity) {
  const Json* card =
      TRY(only(find_path(draft.wanted.properties, where), "networkInterfaceConfiguration"));
  const Json* configuration =
      TRY(only(find_path(*card, "properties.ipConfigurations"), "ipConfiguration"));
  TRY(refuse_balancers(*configuration));
  const auto subnet = TRY(join(draft, string_at(*configuration, "properties.subnet.id"),
                               "Microsoft.Network/virtualNetworks/subnets",
                               fmt::format("properties.{}.subnet.id", where)));
  TRY(check_room(draft, subnet, capacity));
  Json model = JsonObject{{"name", string_at(*card, "name")},
                          {"configuration", string_at(*configuration, "name")},
                          {"subnet", subnet.id.text()}};
  const auto group = string_at(*card, "properties.networkSecurityGroup.id");
  if (!group.empty()) {
    const auto row = TRY(join(draft, group, "Microsoft.Network/networkSecurityGroups",
                              fmt::format("properties.{}.networkSecurityGroup.id", where)));
    set_path(model, "group", row.id.text());
  }
  if (const Json* address = find_path(*configuration, "properties.publicIPAddressConfiguration");
      address != nullptr && address->is_object()) {
    TRY(check_network_name(string_at(*address, "name")));
    set_path(model, "address", string_at(*address, "name"));
  }
  return model;
}

Result<> prepare_membership(Draft& draft) {
  const auto text = string_at(draft.wanted.properties, "virtualMachineScaleSet.id");
  if (text.empty()) return {};
  const auto id = arm::ResourceId::parse(text);
  const bool good = id && id->is_resource() &&
                    iequals(id->full_type(), "Microsoft.Compute/virtualMachineScaleSets") &&
                    iequals(id->subscription, draft.change.subscription());
  if (!good) {
    return fail(arm::invalid_parameter(
        "virtualMachineScaleSet.id",
        fmt::format("'{}' is not a scale set of this subscription.", text.substr(0, 300))));
  }
  TRY(draft.call.may_link("Microsoft.Compute/virtualMachineScaleSets/write", *id));
  auto set = TRY(draft.change.find(*id));
  if (!set || set->location != draft.wanted.location) return fail(arm::resource_not_found(*id));
  if (!iequals(set->id.group, draft.wanted.id.group)) {
    return fail(arm::invalid_parameter(
        "virtualMachineScaleSet.id",
        "A virtual machine and its scale set must be in the same resource group."));
  }
  if (!model::is_flexible(*set)) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format(
            "The scale set '{}' is Uniform and makes its own instances. Only a Flexible one "
            "takes a virtual machine in.",
            set->id.name()),
        "virtualMachineScaleSet.id"));
  }
  TRY(check_group_stays(draft.change, *id));
  if (!set->operation.empty() && set->provisioning == "Deleting") {
    return fail(arm::resource_not_found(*id));
  }
  const auto capacity = int_at(set->sku, "capacity");
  if (capacity >= instances_max) {
    return fail(arm::out_of_range("sku.capacity", capacity + 1, 0, instances_max));
  }
  if (set->sku.is_null()) set->sku = JsonObject();
  set_path(set->sku, "capacity", capacity + 1);
  TRY(draft.change.put(*set));
  set_path(draft.wanted.properties, "virtualMachineScaleSet.id", set->id.text());
  set_path(draft.wanted.internal, "member", set->id.text());
  return {};
}

Result<> leave_set(model::Change& change, const model::Resource& machine) {
  auto leaving = TRY(change.get(machine.id));
  TRY(model::leave_set(change, leaving));
  return change.put(leaving);
}

}  // namespace pinaco::provider
