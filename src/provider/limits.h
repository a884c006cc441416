// What a subscription may have in a region: refused beyond it, and shown.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

// A new resource of a type of Microsoft.Compute ("galleries/images") fits in its region.
Result<> check_limit(const Draft& draft, std::string_view type);

Result<Outcome> list_usages(const Call& call);
// Microsoft.Quota, of the same: limits and how much of them is used.
Result<Outcome> list_quotas(const Call& call);
Result<Outcome> get_quota(const Call& call);
Result<Outcome> list_quota_usages(const Call& call);
Result<Outcome> get_quota_usage(const Call& call);
std::span<const std::string_view> quota_api_versions();

}  // namespace pinaco::provider
