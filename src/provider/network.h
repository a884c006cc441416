// The rows of Microsoft.Network, as far as a virtual machine needs them: stored, validated, and
// told to the guest's network card. Subnets and security rules are rows of their own and stand in
// their parent's list as well; both change in one transaction.
//
// What a public address is on this host is the worker's to say (task "assign_address").
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

extern const ResourceType virtual_networks;
extern const ResourceType subnets;
extern const ResourceType network_interfaces;
extern const ResourceType public_addresses;
extern const ResourceType security_groups;
extern const ResourceType security_rules;

// Every api-version of Microsoft.Network, oldest first.
std::span<const std::string_view> network_api_versions();
Result<> check_network_name(std::string_view name);

// A resource that another names: it exists in the same place, and the caller may join it.
Result<model::Resource> join(const Draft& draft, std::string_view text, std::string_view type,
                             std::string_view path);
Error in_use(std::string_view code, std::string_view what, std::string_view by);

}  // namespace pinaco::provider
