#include "app/usage.h"

#include <fmt/format.h>

#include <algorithm>

#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr Seconds retry_for = Seconds(5);  // somebody waits for the list
constexpr std::string_view locations_api = "2022-12-01";
constexpr std::string_view usages_api = "2022-08-01";

// Those to show, by name.
Result<std::vector<std::string>> regions_of(const UsageOptions& options, Connection& connection) {
  const auto wanted = arm::normalize_location(options.region);
  std::vector<std::string> all;
  std::vector<std::string> chosen;
  for (const auto& each : TRY(connection.list(fmt::format(
           "{}/locations?api-version={}", connection.subscription_path(), locations_api)))) {
    all.emplace_back(string_at(each, "name"));
    if (wanted.empty() || all.back() == wanted ||
        arm::normalize_location(string_at(each, "displayName")) == wanted) {
      chosen.push_back(all.back());
    }
  }
  if (!chosen.empty()) return chosen;
  return fail(Kind::not_found, fmt::format("The server has no region '{}'. There are: {}.",
                                           options.region, join(all, ", ")));
}

}  // namespace

Result<> print_usage(const UsageOptions& options, Connection& connection, Console& console) {
  Table table{{"REGION", "WHAT", "USED", "LIMIT", "FREE"}};
  JsonArray document;
  for (const auto& region : TRY(regions_of(options, connection))) {
    for (const auto& usage : TRY(connection.list(
             fmt::format("{}/providers/Microsoft.Compute/locations/{}/usages?api-version={}",
                         connection.subscription_path(), region, usages_api)))) {
      const auto used = int_at(usage, "currentValue");
      const auto limit = int_at(usage, "limit");
      const std::string shown(string_at(usage, "name.localizedValue"));
      // A limit that was lowered takes nothing away.
      const auto left = std::max<std::int64_t>(limit - used, 0);
      table.push_back(
          {region, shown, fmt::to_string(used), fmt::to_string(limit), fmt::to_string(left)});
      document.push_back(JsonObject{{"region", region},
                                    {"name", string_at(usage, "name.value")},
                                    {"displayName", shown},
                                    {"used", used},
                                    {"limit", limit}});
    }
  }
  console.print_table(table);
  console.print_json(document);
  return {};
}

Result<> print_usage(const UsageOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection =
      TRY(connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}, console));
  return print_usage(options, *connection, console);
}

}  // namespace pinaco::app
