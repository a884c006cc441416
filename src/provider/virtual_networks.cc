// Microsoft.Network/virtualNetworks and their subnets.
#include <fmt/format.h>

#include "base/ipv4.h"
#include "base/text.h"
#include "provider/network.h"
#include "provider/schema.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr std::size_t subnets_max = 200;
constexpr const char* subnet_type = "Microsoft.Network/virtualNetworks/subnets";

constexpr Member network_members[] = {
    {"addressSpace", object, changeable},
    {"addressSpace.addressPrefixes", list, changeable},
    {"addressSpace.addressPrefixes[]", text, changeable},
    {"dhcpOptions", object, changeable},
    {"dhcpOptions.dnsServers", list, changeable},
    {"dhcpOptions.dnsServers[]", text, changeable},
    {"subnets", free, changeable},
    {"virtualNetworkPeerings", list, changeable},
    {"virtualNetworkPeerings[]", free, changeable},
    {"enableDdosProtection", boolean, changeable},
    {"enableVmProtection", boolean, changeable},
    {"flowTimeoutInMinutes", number, changeable},
    {"encryption", free, changeable},
    {"resourceGuid", text, read_only},
    {"provisioningState", text, read_only},
};
constexpr Schema network_schema{network_members};

constexpr Member subnet_members[] = {
    {"addressPrefix", text, changeable},
    {"addressPrefixes", list, changeable},
    {"addressPrefixes[]", text, changeable},
    {"networkSecurityGroup", object, changeable},
    {"networkSecurityGroup.id", text, changeable},
    {"routeTable", free, changeable},
    {"natGateway", free, changeable},
    {"serviceEndpoints", free, changeable},
    {"delegations", free, changeable},
    {"privateEndpointNetworkPolicies", text, changeable},
    {"privateLinkServiceNetworkPolicies", text, changeable},
    {"defaultOutboundAccess", boolean, changeable},
    {"ipConfigurations", free, read_only},
    {"purpose", text, read_only},
    {"provisioningState", text, read_only},
};
constexpr Schema subnet_schema{subnet_members};

Error bad_prefix(std::string_view prefix, std::string_view owner) {
  return arm::error(Kind::invalid, "InvalidAddressPrefixFormat",
                    fmt::format("Address prefix {} of resource {} is not formatted correctly. It "
                                "should follow CIDR notation, for example 10.0.0.0/24; IPv4, from "
                                "/8 to /29, without host bits.",
                                prefix.substr(0, 100), owner));
}

std::string_view prefix_of(const Json& subnet) {
  const auto one = string_at(subnet, "addressPrefix");
  if (!one.empty()) return one;
  const Json* several = find_path(subnet, "addressPrefixes");
  if (several == nullptr || several->get_array().empty()) return {};
  const Json& first = several->get_array().front();
  return first.is_string() ? std::string_view(first.get_string()) : std::string_view();
}

// What a network's list shows of a subnet.
Json entry_of(const model::Resource& subnet) {
  Json properties = subnet.properties;
  set_path(properties, "provisioningState", "Succeeded");
  return JsonObject{{"name", subnet.id.name()},
                    {"id", subnet.id.text()},
                    {"properties", std::move(properties)},
                    {"type", subnet_type}};
}

// The prefix lies in the network's space and beside the other subnets.
Result<> check_place(const Json& space, const std::vector<model::Resource>& others,
                     const model::Resource& subnet) {
  const auto prefix = prefix_of(subnet.properties);
  const auto network = parse_ipv4_network(prefix);
  if (!network) return fail(bad_prefix(prefix, subnet.id.text()));
  bool inside = false;
  if (const Json* prefixes = find_path(space, "addressSpace.addressPrefixes")) {
    for (const Json& each : prefixes->get_array()) {
      const auto whole = parse_ipv4_network(each.get_string());
      inside = inside || (whole && whole->contains(*network));
    }
  }
  if (!inside) {
    return fail(arm::error(
        Kind::invalid, "NetcfgInvalidSubnet",
        fmt::format("Subnet '{}' is not valid because its IP address range is outside the IP "
                    "address range of virtual network '{}'.",
                    subnet.id.name(), subnet.id.parent().name())));
  }
  for (const auto& other : others) {
    const auto theirs = parse_ipv4_network(prefix_of(other.properties));
    if (other.id == subnet.id || !theirs || !theirs->overlaps(*network)) continue;
    return fail(arm::error(
        Kind::invalid, "NetcfgSubnetRangesOverlap",
        fmt::format("Subnet '{}' is not valid because its IP address range overlaps with that of "
                    "an existing subnet ('{}') in virtual network '{}'.",
                    subnet.id.name(), other.id.name(), subnet.id.parent().name())));
  }
  return {};
}

// The network interface that has an address in the subnet, if there is one.
Result<std::optional<std::string>> user_of(const model::View& view, const arm::ResourceId& subnet) {
  for (const auto& card : TRY(model::network_interfaces(view))) {
    const Json* configurations = find_path(card.properties, "ipConfigurations");
    if (configurations == nullptr) continue;
    for (const Json& each : configurations->get_array()) {
      if (iequals(string_at(each, "properties.subnet.id"), subnet.text())) return card.id.text();
    }
  }
  return std::optional<std::string>();
}

Result<> check_unused(const model::View& view, const model::Resource& subnet) {
  const auto user = TRY(user_of(view, subnet.id));
  if (!user) return {};
  return fail(
      in_use("InUseSubnetCannotBeDeleted", fmt::format("Subnet {}", subnet.id.name()), *user));
}

// Makes the rows below a network what its list says.
Result<> write_subnets(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const arm::ResourceId collection = draft.wanted.id.child("subnets", "");
  const auto before = TRY(draft.change.list_all(collection));
  const Json* said = find_path(properties, "subnets");
  std::vector<model::Resource> wanted;
  if (said == nullptr) {
    wanted = before;
  } else {
    if (!said->is_array() || said->get_array().size() > subnets_max) {
      return fail(arm::invalid_parameter(
          "virtualNetwork.properties.subnets",
          fmt::format("A list of at most {} subnets is expected.", subnets_max)));
    }
    for (const Json& each : said->get_array()) {
      const std::string name(string_at(each, "name"));
      TRY(check_network_name(name));
      model::Resource subnet{.id = draft.wanted.id.child("subnets", name),
                             .location = draft.wanted.location,
                             .created = draft.change.now()};
      const Json* inner = find_path(each, "properties");
      subnet.properties =
          TRY(accept(subnet_schema, "subnet", draft.call.api_version,
                     inner == nullptr ? Json(nullptr) : *inner, nullptr, Update::create));
      const auto group = string_at(subnet.properties, "networkSecurityGroup.id");
      if (!group.empty()) {
        TRY(join(draft, group, "Microsoft.Network/networkSecurityGroups",
                 "properties.subnets.networkSecurityGroup.id"));
      }
      for (const auto& other : wanted) {
        if (other.id == subnet.id) {
          return fail(arm::invalid_parameter("virtualNetwork.properties.subnets",
                                             fmt::format("The subnet '{}' is there twice.", name)));
        }
      }
      wanted.push_back(std::move(subnet));
    }
  }
  JsonArray shown;
  for (const auto& subnet : wanted) {
    TRY(check_place(properties, wanted, subnet));
    shown.push_back(entry_of(subnet));
    TRY(draft.change.put(subnet));
  }
  for (const auto& old : before) {
    bool stays = false;
    for (const auto& subnet : wanted) stays = stays || subnet.id == old.id;
    if (stays) continue;
    TRY(check_unused(draft.change, old));
    TRY(draft.change.erase(old.id));
  }
  set_path(properties, "subnets", std::move(shown));
  return {};
}

Result<> prepare_network(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const Json* prefixes = find_path(properties, "addressSpace.addressPrefixes");
  if (prefixes == nullptr || prefixes->get_array().empty()) {
    return fail(arm::missing_parameter("virtualNetwork.properties.addressSpace.addressPrefixes"));
  }
  for (const Json& each : prefixes->get_array()) {
    if (!parse_ipv4_network(each.get_string())) {
      return fail(bad_prefix(each.get_string(), draft.wanted.id.text()));
    }
  }
  if (find_path(properties, "resourceGuid") == nullptr) {
    set_path(properties, "resourceGuid", draft.change.random().uuid());
  }
  if (find_path(properties, "enableDdosProtection") == nullptr) {
    set_path(properties, "enableDdosProtection", false);
  }
  return write_subnets(draft);
}

Result<> remove_network(const Call&, model::Change& change, const model::Resource& network) {
  for (const auto& subnet : TRY(change.list_all(network.id.child("subnets", "")))) {
    TRY(check_unused(change, subnet));
  }
  return {};
}

// Writes the list of the parent anew, without `gone` and with `written`.
Result<> write_parent(model::Change& change, const arm::ResourceId& subnet,
                      const model::Resource* written) {
  auto network = TRY(change.get(subnet.parent()));
  JsonArray shown;
  for (const auto& each : TRY(change.list_all(network.id.child("subnets", "")))) {
    if (!(each.id == subnet)) shown.push_back(entry_of(each));
  }
  if (written != nullptr) shown.push_back(entry_of(*written));
  set_path(network.properties, "subnets", std::move(shown));
  return change.put(network);
}

Result<> prepare_subnet(Draft& draft) {
  const auto network = TRY(draft.change.get(draft.wanted.id.parent()));
  draft.wanted.location = network.location;
  const auto others = TRY(draft.change.list_all(network.id.child("subnets", "")));
  if (!draft.current && others.size() >= subnets_max) {
    return fail(arm::error(Kind::quota, "SubnetCountLimitReached",
                           fmt::format("A virtual network has at most {} subnets.", subnets_max)));
  }
  const auto group = string_at(draft.wanted.properties, "networkSecurityGroup.id");
  if (!group.empty()) {
    TRY(join(draft, group, "Microsoft.Network/networkSecurityGroups",
             "properties.networkSecurityGroup.id"));
  }
  TRY(check_place(network.properties, others, draft.wanted));
  return write_parent(draft.change, draft.wanted.id, &draft.wanted);
}

Result<> remove_subnet(const Call&, model::Change& change, const model::Resource& subnet) {
  TRY(check_unused(change, subnet));
  return write_parent(change, subnet.id, nullptr);
}

}  // namespace

const ResourceType virtual_networks{
    .provider = "Microsoft.Network",
    .type = "virtualNetworks",
    .api_versions = network_api_versions(),
    .patch_since = "2015-06-15",
    .label = "virtualNetwork",
    .surface = "",
    .created_status = 201,
    .output = false,
    .schema = &network_schema,
    .check_name = check_network_name,
    .prepare = prepare_network,
    .removing = remove_network,
    .show = nullptr,
    .actions = {},
    .with_children = true,
};

const ResourceType subnets{
    .provider = "Microsoft.Network",
    .type = "virtualNetworks/subnets",
    .api_versions = network_api_versions(),
    .patch_since = "9999",
    .label = "subnet",
    .surface = "",
    .created_status = 201,
    .output = false,
    .schema = &subnet_schema,
    .check_name = check_network_name,
    .prepare = prepare_subnet,
    .removing = remove_subnet,
    .show = nullptr,
    .actions = {},
    .nested = true,
};

}  // namespace pinaco::provider
