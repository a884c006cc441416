// Resource ids made of types and names: resourceId and its kin. Those that speak of where the
// deployment is are for a Scope to call.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace pinaco::templates {

// resourceId([subscriptionId], [resourceGroupName], type, name, …) of a deployment in `group`; in a
// deployment of the subscription's own `group` is empty, and so is the id's unless it is named. A
// slash at the end of the type is let pass.
Result<std::string> resource_id(std::string_view subscription, std::string_view group,
                                std::span<const Json> arguments);
// subscriptionResourceId([subscriptionId], type, name, …)
Result<std::string> subscription_resource_id(std::string_view subscription,
                                             std::span<const Json> arguments);
// managementGroupResourceId([managementGroup], type, name, …); `management_group` may be empty when
// the deployment is not in one, and then it has to be named.
Result<std::string> management_group_resource_id(std::string_view management_group,
                                                 std::span<const Json> arguments);

}  // namespace pinaco::templates
