// Lists over all of a tenant's subscriptions: Resource Graph, and Microsoft.Compute/galleries at
// the tenant. They show what the caller may read, and nothing of the rest.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

Result<Outcome> query_resource_graph(const Call& call);
Result<Outcome> list_all_galleries(const Call& call);

}  // namespace pinaco::provider
