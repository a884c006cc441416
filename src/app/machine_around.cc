#include "app/machine_around.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr int first_priority = 1000;
constexpr int priority_step = 10;
constexpr int priority_max = 4096;

class Around {
 public:
  Around(const MachineCall& call, const arm::ResourceId& machine, std::string location)
      : call_(call), machine_(machine), location_(std::move(location)) {}

  Result<arm::ResourceId> make(bool windows);
  Result<SetPlace> make_for_set(bool windows);

 private:
  arm::ResourceId named(const Sort& sort, std::string_view end) const {
    auto id = id_of(call_.connection, sort, machine_.group, machine_.name() + std::string(end));
    id.subscription = machine_.subscription;
    return id;
  }
  Json body(Json properties) const {
    return JsonObject{{"location", location_},
                      {"tags", JsonObject{{made_for_tag, machine_.name()}}},
                      {"properties", std::move(properties)}};
  }
  Result<> make_guard(const arm::ResourceId& id, bool windows);
  Result<> open_more(const arm::ResourceId& id, const std::vector<int>& ports);
  Result<std::string> find_subnet(std::string_view prefix = "10.0.0.0/24");

  const MachineCall& call_;
  const arm::ResourceId& machine_;
  const std::string location_;
};

Json rule_of(int port, int priority, std::string_view name) {
  return JsonObject{{"name", name},
                    {"properties", JsonObject{{"protocol", "Tcp"},
                                              {"access", "Allow"},
                                              {"direction", "Inbound"},
                                              {"priority", priority},
                                              {"sourceAddressPrefix", "*"},
                                              {"sourcePortRange", "*"},
                                              {"destinationAddressPrefix", "*"},
                                              {"destinationPortRange", std::to_string(port)}}}};
}

std::string rule_name(int port) {
  if (port == 22) return "default-allow-ssh";
  if (port == 3389) return "default-allow-rdp";
  return fmt::format("open-port-{}", port);
}

Result<> Around::make_guard(const arm::ResourceId& id, bool windows) {
  std::vector<int> ports{windows ? 3389 : 22};
  for (const int port : call_.options.open_ports) {
    if (std::ranges::find(ports, port) == ports.end()) ports.push_back(port);
  }
  JsonArray rules;
  int priority = first_priority;
  for (const int port : ports) {
    rules.push_back(rule_of(port, priority, rule_name(port)));
    priority += priority_step;
  }
  if (TRY(ensure(call_, id, body(JsonObject{{"securityRules", std::move(rules)}})))) return {};
  return open_more(id, ports);
}

// The group is there from an earlier attempt, perhaps with fewer ports.
Result<> Around::open_more(const arm::ResourceId& id, const std::vector<int>& ports) {
  const auto shown = TRY(call_.connection.get(path_of(id)));
  std::vector<std::string> names;
  int last = first_priority - priority_step;
  if (const Json* rules = find_path(shown, "properties.securityRules");
      rules != nullptr && rules->is_array()) {
    for (const auto& rule : rules->get_array()) {
      names.push_back(to_lower(string_at(rule, "name")));
      last = std::max(last, static_cast<int>(int_at(rule, "properties.priority")));
    }
  }
  for (const int port : ports) {
    if (std::ranges::find(names, rule_name(port)) != names.end()) continue;
    last += priority_step;
    if (last > priority_max) {
      return fail(Kind::conflict, fmt::format("The security group {} has no priority left for a "
                                              "rule that opens port {}.",
                                              id.name(), port));
    }
    const auto rule = rule_of(port, last, rule_name(port));
    TRY(call_.connection.run("PUT", path_of(id.child("securityRules", rule_name(port))), &rule));
  }
  return {};
}

Result<std::string> Around::find_subnet(std::string_view prefix) {
  const auto own = named(network_sort, "VNET");
  const auto subnet_in = [](const Json& network) -> std::string {
    const Json* subnets = find_path(network, "properties.subnets");
    if (subnets == nullptr || !subnets->is_array() || subnets->get_array().empty()) return "";
    return std::string(string_at(subnets->get_array().front(), "id"));
  };
  std::string any;
  for (const auto& network :
       TRY(call_.connection.list(list_path(call_.connection, network_sort, machine_.group)))) {
    if (arm::normalize_location(string_at(network, "location")) != location_) continue;
    const auto subnet = subnet_in(network);
    if (subnet.empty()) continue;
    if (iequals(string_at(network, "name"), own.name())) return subnet;
    if (any.empty()) any = subnet;
  }
  if (!any.empty()) return any;
  const Json wanted = JsonObject{
      {"addressSpace", JsonObject{{"addressPrefixes", JsonArray{"10.0.0.0/16"}}}},
      {"subnets", JsonArray{JsonObject{{"name", machine_.name() + "Subnet"},
                                       {"properties", JsonObject{{"addressPrefix", prefix}}}}}}};
  TRY(ensure(call_, own, body(wanted)));
  return own.child("subnets", machine_.name() + "Subnet").text();
}

Result<SetPlace> Around::make_for_set(bool windows) {
  const auto guard = named(guard_sort, "NSG");
  TRY(make_guard(guard, windows));
  // Room for 1,000 and more.
  auto subnet = TRY(find_subnet("10.0.0.0/20"));
  return SetPlace{.subnet = std::move(subnet), .guard = guard.text()};
}

Result<arm::ResourceId> Around::make(bool windows) {
  const auto guard = named(guard_sort, "NSG");
  const auto address = named(address_sort, "PublicIP");
  const auto card = named(card_sort, "VMNic");
  const bool with_address = call_.options.public_ip == "yes";
  TRY(make_guard(guard, windows));
  if (with_address) {
    Json wanted = body(JsonObject{{"publicIPAllocationMethod", "Static"}});
    set_path(wanted, "sku.name", "Standard");
    TRY(ensure(call_, address, wanted));
  }
  if (TRY(call_.connection.find(path_of(card)))) return card;
  Json place = JsonObject{{"subnet", JsonObject{{"id", TRY(find_subnet())}}}};
  if (with_address) set_path(place, "publicIPAddress.id", address.text());
  const Json wanted =
      JsonObject{{"networkSecurityGroup", JsonObject{{"id", guard.text()}}},
                 {"ipConfigurations", JsonArray{JsonObject{{"name", "ipconfig" + machine_.name()},
                                                           {"properties", std::move(place)}}}}};
  TRY(ensure(call_, card, body(wanted)));
  return card;
}

}  // namespace

Result<arm::ResourceId> make_around(const MachineCall& call, const arm::ResourceId& machine,
                                    const std::string& location, bool windows) {
  return Around(call, machine, location).make(windows);
}

Result<SetPlace> make_around_set(const MachineCall& call, const arm::ResourceId& set,
                                 const std::string& location, bool windows) {
  return Around(call, set, location).make_for_set(windows);
}

Result<std::vector<arm::ResourceId>> find_around(const MachineCall& call,
                                                 const arm::ResourceId& machine) {
  std::vector<arm::ResourceId> around;
  for (const auto& sort : {card_sort, address_sort, guard_sort, network_sort}) {
    for (const auto& each :
         TRY(call.connection.list(list_path(call.connection, sort, machine.group)))) {
      const Json* tags = find_path(each, "tags");
      const Json* tag = tags != nullptr && tags->is_object()
                            ? find_member(tags->get_object(), made_for_tag)
                            : nullptr;
      if (tag == nullptr || !tag->is_string() || !iequals(tag->get_string(), machine.name())) {
        continue;
      }
      around.push_back(TRY(arm::ResourceId::parse(string_at(each, "id"))));
    }
  }
  return around;
}

Result<> remove_around(const MachineCall& call, const std::vector<arm::ResourceId>& around) {
  for (const auto& id : around) {
    auto removed = call.connection.remove(path_of(id));
    const bool shared = !removed && iequals(id.type(), network_sort.type) &&
                        removed.error().code == "InUseSubnetCannotBeDeleted";
    if (shared) {
      call.console.note(fmt::format("The virtual network {} stays: others use it.", id.name()));
      continue;
    }
    if (!removed) return removed;
    call.console.print(fmt::format("Deleted {} {}.\n", id.type(), id.name()));
  }
  return {};
}

}  // namespace pinaco::app
