// Microsoft.Network/networkInterfaces: a machine's place in a subnet, with its private address and,
// if wanted, a public one.
#include <fmt/format.h>

#include <set>

#include "base/ipv4.h"
#include "base/text.h"
#include "provider/network.h"
#include "provider/schema.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr std::size_t configurations_max = 8;
constexpr const char* subnet_type = "Microsoft.Network/virtualNetworks/subnets";
constexpr const char* address_type = "Microsoft.Network/publicIPAddresses";

constexpr Member members[] = {
    {"ipConfigurations", free, changeable},
    {"networkSecurityGroup", object, changeable},
    {"networkSecurityGroup.id", text, changeable},
    {"networkSecurityGroup.location", text, read_only},
    {"networkSecurityGroup.properties", free, read_only},
    {"dnsSettings", object, changeable},
    {"dnsSettings.dnsServers", list, changeable},
    {"dnsSettings.dnsServers[]", text, changeable},
    {"dnsSettings.appliedDnsServers", free, read_only},
    {"dnsSettings.internalDnsNameLabel", text, changeable},
    {"dnsSettings.internalFqdn", text, read_only},
    {"dnsSettings.internalDomainNameSuffix", text, read_only},
    {"enableAcceleratedNetworking", boolean, changeable},
    {"enableIPForwarding", boolean, changeable},
    {"disableTcpStateTracking", boolean, changeable},
    {"auxiliaryMode", text, changeable},
    {"auxiliarySku", text, changeable},
    {"nicType", text, changeable},
    {"vnetEncryptionSupported", boolean, read_only},
    {"macAddress", text, read_only},
    {"primary", boolean, changeable},
    {"virtualMachine", object, read_only},
    {"virtualMachine.id", text, read_only},
    {"hostedWorkloads", free, read_only},
    {"tapConfigurations", free, read_only},
    {"resourceGuid", text, read_only},
    {"provisioningState", text, read_only},
};
constexpr Schema schema{members};

Result<std::uint32_t> choose_address(const Draft& draft, const model::Resource& subnet,
                                     std::string_view before, std::string_view fixed,
                                     std::set<std::uint32_t>& mine) {
  const auto prefix = model::subnet_prefix(subnet);
  const auto network = parse_ipv4_network(prefix);
  CHECK(network.has_value());
  auto taken = TRY(model::addresses_in(draft.change, subnet.id, draft.wanted.id));
  taken.insert(mine.begin(), mine.end());
  if (!fixed.empty()) {
    const auto wanted = parse_ipv4(fixed);
    if (!wanted || !model::is_usable(*network, *wanted)) {
      return fail(arm::error(
          Kind::invalid, "PrivateIPAddressNotInSubnet",
          fmt::format("Private static IP address {} does not belong to the range of subnet prefix "
                      "{}, or is one of the five that every subnet keeps.",
                      fixed.substr(0, 60), prefix)));
    }
    if (taken.contains(*wanted)) {
      return fail(arm::error(
          Kind::invalid, "PrivateIPAddressInUse",
          fmt::format("IP configuration is using the private IP address {} which is already "
                      "allocated to another resource.",
                      fixed)));
    }
    mine.insert(*wanted);
    return *wanted;
  }
  const auto kept = parse_ipv4(before);
  if (kept && model::is_usable(*network, *kept) && !taken.contains(*kept)) {
    mine.insert(*kept);
    return *kept;
  }
  if (const auto free = model::free_address(*network, taken)) {
    mine.insert(*free);
    return *free;
  }
  return fail(arm::error(
      Kind::invalid, "SubnetIsFull",
      fmt::format("Subnet {} with address prefix {} does not have enough capacity for 1 more IP "
                  "address.",
                  subnet.id.name(), prefix)));
}

// Notes in the rows of public addresses who uses them; `mine` is this interface's id.
Result<> release(model::Change& change, const std::set<std::string>& addresses,
                 std::string_view mine) {
  for (const auto& text : addresses) {
    const auto id = arm::ResourceId::parse(text);
    if (!id) continue;
    auto address = TRY(change.find(*id));
    if (!address || !istarts_with(string_at(address->properties, "ipConfiguration.id"), mine)) {
      continue;
    }
    erase_path(address->properties, "ipConfiguration");
    if (string_at(address->properties, "publicIPAllocationMethod") == "Dynamic") {
      erase_path(address->properties, "ipAddress");
    }
    TRY(change.put(*address));
  }
  return {};
}

std::set<std::string> addresses_of(const Json& properties) {
  std::set<std::string> addresses;
  const Json* configurations = find_path(properties, "ipConfigurations");
  if (configurations == nullptr || !configurations->is_array()) return addresses;
  for (const Json& each : configurations->get_array()) {
    const auto id = string_at(each, "properties.publicIPAddress.id");
    if (!id.empty()) addresses.insert(to_lower(id));
  }
  return addresses;
}

Result<Json> prepare_configuration(Draft& draft, const Json& said, std::size_t number,
                                   std::set<std::uint32_t>& mine) {
  const std::string name(string_at(said, "name"));
  TRY(check_network_name(name));
  const std::string id = fmt::format("{}/ipConfigurations/{}", draft.wanted.id.text(), name);
  const auto subnet_id = string_at(said, "properties.subnet.id");
  const auto path = fmt::format("properties.ipConfigurations[{}].properties", number);
  if (subnet_id.empty()) {
    return fail(
        arm::error(Kind::invalid, "SubnetIsRequired",
                   fmt::format("Subnet reference is required for ipconfiguration {}.", id)));
  }
  const auto subnet = TRY(join(draft, subnet_id, subnet_type, path + ".subnet.id"));
  std::string before;
  if (draft.current) {
    if (const Json* old = find_path(draft.current->properties, "ipConfigurations")) {
      for (const Json& each : old->get_array()) {
        if (iequals(string_at(each, "name"), name) &&
            iequals(string_at(each, "properties.subnet.id"), subnet.id.text())) {
          before = string_at(each, "properties.privateIPAddress");
        }
      }
    }
  }
  const bool fixed = iequals(string_at(said, "properties.privateIPAllocationMethod"), "Static");
  const auto wanted = string_at(said, "properties.privateIPAddress");
  if (fixed && wanted.empty()) {
    return fail(arm::missing_parameter(path + ".privateIPAddress"));
  }
  const auto address =
      TRY(choose_address(draft, subnet, before, fixed ? wanted : std::string_view(), mine));
  JsonObject properties{{"privateIPAddress", to_ipv4(address)},
                        {"privateIPAllocationMethod", fixed ? "Static" : "Dynamic"},
                        {"privateIPAddressVersion", "IPv4"},
                        {"primary", bool_at(said, "properties.primary", number == 0)},
                        {"subnet", JsonObject{{"id", subnet.id.text()}}},
                        {"provisioningState", "Succeeded"}};
  const auto public_id = string_at(said, "properties.publicIPAddress.id");
  if (!public_id.empty()) {
    auto row = TRY(join(draft, public_id, address_type, path + ".publicIPAddress.id"));
    const auto user = string_at(row.properties, "ipConfiguration.id");
    if (!user.empty() && !iequals(user, id)) {
      return fail(arm::error(
          Kind::invalid, "PublicIPAddressInUse",
          fmt::format("Resource {} is referencing public IP address {} that is already allocated "
                      "to resource {}.",
                      id, row.id.text(), user)));
    }
    set_path(row.properties, "ipConfiguration.id", id);
    TRY(draft.change.put(row));
    properties["publicIPAddress"] = JsonObject{{"id", row.id.text()}};
  }
  return Json(JsonObject{{"name", name},
                         {"id", id},
                         {"type", "Microsoft.Network/networkInterfaces/ipConfigurations"},
                         {"properties", std::move(properties)}});
}

Result<> prepare(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const Json* said = find_path(properties, "ipConfigurations");
  if (said == nullptr || !said->is_array() || said->get_array().empty()) {
    return fail(
        arm::error(Kind::invalid, "NetworkInterfaceMustHaveOneIPConfiguration",
                   fmt::format("Network interface {} must have at least one IP configuration.",
                               draft.wanted.id.text())));
  }
  if (said->get_array().size() > configurations_max) {
    return fail(arm::invalid_parameter(
        "networkInterface.properties.ipConfigurations",
        fmt::format("At most {} IP configurations are taken.", configurations_max)));
  }
  const auto group = string_at(properties, "networkSecurityGroup.id");
  if (!group.empty()) {
    TRY(join(draft, group, "Microsoft.Network/networkSecurityGroups",
             "properties.networkSecurityGroup.id"));
  }
  const auto before =
      draft.current ? addresses_of(draft.current->properties) : std::set<std::string>();
  JsonArray configurations;
  std::set<std::uint32_t> mine;
  std::set<std::string> names;
  const JsonArray list = said->get_array();
  for (std::size_t i = 0; i < list.size(); i++) {
    if (!names.insert(to_lower(string_at(list[i], "name"))).second) {
      return fail(arm::invalid_parameter("networkInterface.properties.ipConfigurations",
                                         "Two IP configurations have the same name."));
    }
    configurations.push_back(TRY(prepare_configuration(draft, list[i], i, mine)));
  }
  set_path(properties, "ipConfigurations", std::move(configurations));
  auto gone = before;
  for (const auto& still : addresses_of(properties)) gone.erase(still);
  TRY(release(draft.change, gone, draft.wanted.id.text() + "/"));

  const auto default_to = [&](std::string_view path, Json value) {
    if (find_path(properties, path) == nullptr) set_path(properties, path, std::move(value));
  };
  if (find_path(properties, "macAddress") == nullptr) {
    const auto digits = draft.change.random().hex(3);
    set_path(properties, "macAddress",
             to_upper(fmt::format("00-0D-3A-{}-{}-{}", digits.substr(0, 2), digits.substr(2, 2),
                                  digits.substr(4, 2))));
  }
  default_to("resourceGuid", Json(draft.change.random().uuid()));
  default_to("enableAcceleratedNetworking", false);
  default_to("enableIPForwarding", false);
  default_to("nicType", "Standard");
  return {};
}

Result<> removing(const Call&, model::Change& change, const model::Resource& card) {
  const auto user = string_at(card.properties, "virtualMachine.id");
  if (!user.empty()) {
    return fail(arm::error(
        Kind::invalid, "NicInUse",
        fmt::format("Network Interface {} is used by existing resource {}. In order to delete the "
                    "network interface, it must be dissociated from the resource. To learn more, "
                    "see aka.ms/deletenic.",
                    card.id.text(), user)));
  }
  return release(change, addresses_of(card.properties), card.id.text() + "/");
}

}  // namespace

const ResourceType network_interfaces{
    .provider = "Microsoft.Network",
    .type = "networkInterfaces",
    .api_versions = network_api_versions(),
    .patch_since = "2015-06-15",
    .label = "networkInterface",
    .surface = "",
    .created_status = 201,
    .output = false,
    .schema = &schema,
    .check_name = check_network_name,
    .prepare = prepare,
    .removing = removing,
    .show = nullptr,
    .actions = {},
};

}  // namespace pinaco::provider
