// Whether a caller may do an action on a scope: the one place where that is decided.
#pragma once

#include "identity/directory.h"

namespace pinaco::identity {

// At this stage: the administrator may everything in the tenant's subscriptions and on what
// belongs to none; everybody else nothing.
Result<> authorize(const Directory& directory, const Caller& caller, std::string_view action,
                   std::string_view scope);

}  // namespace pinaco::identity
