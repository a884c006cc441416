// The part [limits] of the configuration.
#include "app/config_parts.h"

#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr int limit_max = 1'000'000;

struct Setting {
  std::string_view name;
  std::size_t provider::Limits::* member;
};
constexpr Setting settings[] = {{"galleries", &provider::Limits::galleries},
                                {"image_definitions", &provider::Limits::definitions},
                                {"image_versions", &provider::Limits::versions},
                                {"virtual_machines", &provider::Limits::machines},
                                {"scale_sets", &provider::Limits::sets}};

Result<> read_each(const toml::table& table, provider::Limits& limits) {
  for (const auto& setting : settings) {
    int most = static_cast<int>(limits.*setting.member);
    TRY(read_number(table, setting.name, 1, limit_max, most));
    limits.*setting.member = static_cast<std::size_t>(most);
  }
  return {};
}

}  // namespace

Result<> read_limits(const toml::table& table, Config& config) {
  TRY(check_names(table, {"galleries", "image_definitions", "image_versions", "virtual_machines",
                          "scale_sets", "subscription"}));
  TRY(read_each(table, config.limits));
  const auto* node = table.get("subscription");
  if (node == nullptr) return {};
  const auto* list = node->as_array();
  if (list == nullptr) {
    return fail(bad(*node, "write each subscription as [[limits.subscription]]."));
  }
  for (const auto& each : *list) {
    const auto* own = each.as_table();
    if (own == nullptr) {
      return fail(bad(each, "write each subscription as [[limits.subscription]]."));
    }
    TRY(check_names(*own, {"id", "galleries", "image_definitions", "image_versions",
                           "virtual_machines", "scale_sets"}));
    std::string id;
    TRY(read_text(*own, "id", id));
    if (!arm::is_guid(id)) {
      return fail(bad(*own,
                      "limits of a subscription need its id, as `pinaco subscription list` "
                      "shows it."));
    }
    auto limits = config.limits;
    TRY(read_each(*own, limits));
    if (!config.own_limits.emplace(to_lower(id), limits).second) {
      return fail(bad(*own, fmt::format("the limits of subscription '{}' are there twice.", id)));
    }
  }
  return {};
}

}  // namespace pinaco::app
