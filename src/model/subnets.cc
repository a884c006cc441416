#include "model/subnets.h"

#include <algorithm>

#include "base/text.h"
#include "model/model.h"

namespace pinaco::model {

Result<std::vector<Resource>> network_interfaces(const View& view) {
  auto cards = TRY(view.list_all({.subscription = view.subscription(),
                                  .group = {},
                                  .provider = "Microsoft.Network",
                                  .types = {"networkInterfaces"},
                                  .names = {}}));
  auto of_instances = TRY(
      view.list_all({.subscription = view.subscription(),
                     .group = {},
                     .provider = "Microsoft.Compute",
                     .types = {"virtualMachineScaleSets", "virtualMachines", "networkInterfaces"},
                     .names = {}}));
  for (auto& card : of_instances) cards.push_back(std::move(card));
  return cards;
}

Result<std::set<std::uint32_t>> addresses_in(const View& view, const arm::ResourceId& subnet,
                                             const arm::ResourceId& but) {
  std::set<std::uint32_t> taken;
  const std::string wanted = subnet.text();
  for (const auto& card : TRY(network_interfaces(view))) {
    const Json* configurations = find_path(card.properties, "ipConfigurations");
    if (card.id == but || configurations == nullptr) continue;
    for (const Json& each : configurations->get_array()) {
      if (!iequals(string_at(each, "properties.subnet.id"), wanted)) continue;
      if (const auto ip = parse_ipv4(string_at(each, "properties.privateIPAddress"))) {
        taken.insert(*ip);
      }
    }
  }
  return taken;
}

std::string subnet_prefix(const Resource& subnet) {
  std::string prefix(string_at(subnet.properties, "addressPrefix"));
  const Json* several = find_path(subnet.properties, "addressPrefixes");
  if (prefix.empty() && several != nullptr && !several->get_array().empty()) {
    prefix = several->get_array().front().get_string();
  }
  return prefix;
}

bool is_usable(const Ipv4Network& network, std::uint32_t address) {
  return network.contains(address) && address - network.address >= 4 &&
         address - network.address < network.size() - 1;
}

std::optional<std::uint32_t> free_address(const Ipv4Network& network,
                                          const std::set<std::uint32_t>& taken,
                                          std::uint32_t from) {
  const std::uint32_t first = std::max(network.address + 4, from);
  for (std::uint32_t at = first; is_usable(network, at); at++) {
    if (!taken.contains(at)) return at;
  }
  return std::nullopt;
}

}  // namespace pinaco::model
