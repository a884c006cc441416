// Operations of the platform itself: tenants, subscriptions, locations, providers, resource
// groups, and where long operations are asked for.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

// filter.cc: conditions that all must hold, as (name in lower case, value).
using Filter = std::vector<std::pair<std::string, std::string>>;
Result<Filter> parse_filter(std::string_view text);
bool fits(const model::Resource& row, const Filter& conditions);

// subscriptions.cc
Result<Outcome> list_tenants(const Call& call);
Result<Outcome> list_subscriptions(const Call& call);
Result<Outcome> get_subscription(const Call& call);
Result<Outcome> list_providers(const Call& call);
Result<Outcome> get_provider(const Call& call);
// Always refused.
Result<Outcome> unregister_provider(const Call& call);
Result<Outcome> list_resources_of_group(const Call& call);

// locations.cc
Result<Outcome> list_locations(const Call& call);

// groups.cc
Result<Outcome> put_group(const Call& call);
Result<Outcome> patch_group(const Call& call);
Result<Outcome> get_group(const Call& call);
Result<Outcome> head_group(const Call& call);
Result<Outcome> delete_group(const Call& call);
Result<Outcome> list_groups(const Call& call);

// moves.cc. Always refused: galleries move nowhere, and what is made here has its id for good.
Result<Outcome> move_resources(const Call& call);

// activity_list.cc
Result<Outcome> list_activity(const Call& call);
// Above subscriptions: what is about the scopes that the caller may read.
Result<Outcome> list_tenant_activity(const Call& call);

// operations.cc
Result<Outcome> get_operation(const Call& call);
Result<Outcome> get_operation_result(const Call& call);

}  // namespace pinaco::provider
