// Private addresses: which of a subnet are taken, by the network interfaces that say so, also those
// of a scale set's instances, and which comes next.
//
// Threads: any. Errors: those of the View.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "arm/arm.h"
#include "base/ipv4.h"

namespace pinaco::model {

class View;
struct Resource;

// All network interfaces of the subscription.
Result<std::vector<Resource>> network_interfaces(const View& view);

// The addresses that interfaces other than `but` have in the subnet.
Result<std::set<std::uint32_t>> addresses_in(const View& view, const arm::ResourceId& subnet,
                                             const arm::ResourceId& but);

std::string subnet_prefix(const Resource& subnet);  // "10.0.0.0/24"

// The cloud keeps the first four addresses of a subnet and the last one to itself.
bool is_usable(const Ipv4Network& network, std::uint32_t address);

// The lowest from `from` on that is usable and not taken; nullopt when the subnet is full.
std::optional<std::uint32_t> free_address(const Ipv4Network& network,
                                          const std::set<std::uint32_t>& taken,
                                          std::uint32_t from = 0);

}  // namespace pinaco::model
