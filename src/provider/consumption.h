// Microsoft.Consumption/usageDetails: what image versions cost, day by day, as `az consumption
// usage list` and the cloud's SDKs read it.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

inline constexpr std::string_view usage_right = "Microsoft.Consumption/usageDetails/read";

std::span<const std::string_view> consumption_api_versions();
// Of a subscription, a group or a calendar month ({period}).
Result<Outcome> list_usage_details(const Call& call);

// consumption_filter.cc: which charges are asked for.
struct UsageFilter {
  WallTime from = {};  // whole days
  WallTime to = {};
  std::string group = {};     // lower case; empty: all
  std::string resource = {};  // the same, an id or a name
};
Result<UsageFilter> parse_usage_filter(std::string_view text, UsageFilter usual);
// "202611", "20261101" or "202611-1".
Result<WallTime> parse_billing_period(std::string_view name);

}  // namespace pinaco::provider
