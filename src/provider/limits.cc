// The table of limits, and who reads it: the check of a new resource, Microsoft.Compute's usages,
// Microsoft.Quota. How much is used is counted by the model, in the transactions that use it.
#include "provider/limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::provider {
namespace {

struct Limit {
  std::string_view type;
  std::string_view name;     // in usages
  std::string_view shown;    // to people
  std::string_view setting;  // below [limits]
  std::size_t Limits::* most;
};

constexpr Limit limits[] = {
    {"virtualMachines", "virtualMachines", "Virtual Machines", "virtual_machines",
     &Limits::machines},
    {"virtualMachineScaleSets", "virtualMachineScaleSets", "Virtual Machine Scale Sets",
     "scale_sets", &Limits::sets},
    {"galleries", "Galleries", "Galleries", "galleries", &Limits::galleries},
    {"galleries/images", "GalleryImages", "Gallery image definitions", "image_definitions",
     &Limits::definitions},
    {"galleries/images/versions", "GalleryImageVersions", "Gallery image versions",
     "image_versions", &Limits::versions},
};

constexpr std::string_view quota_versions[] = {
    "2021-03-15-preview", "2021-03-15",         "2023-02-01", "2023-06-01-preview",
    "2024-10-15-preview", "2024-12-18-preview", "2025-03-01", "2025-03-15-preview",
    "2025-07-15",         "2025-09-01"};

struct Usage {
  std::string_view name;
  std::string_view shown;
  std::size_t used = 0;
  std::size_t limit = 0;
};

Result<std::string> location_of(const Call& call) {
  const std::string& name = call.parts.at("location");
  if (const Location* known = call.world.find_location(name)) return known->name;
  return fail(arm::error(Kind::not_found, "NoRegisteredProviderFound",
                         fmt::format("This server has no location '{}'.", name.substr(0, 100))));
}

// Of machines by themselves and in flexible scale sets.
Result<std::size_t> cores_in(const Call& call, const model::View& view, std::string_view location) {
  std::size_t cores = 0;
  const arm::ResourceId machines{.subscription = view.subscription(),
                                 .group = {},
                                 .provider = "Microsoft.Compute",
                                 .types = {"virtualMachines"},
                                 .names = {}};
  for (const auto& row : TRY(view.list_all(machines))) {
    if (row.location != location) continue;
    const auto* size = call.world.find_size(string_at(row.properties, "hardwareProfile.vmSize"));
    if (size != nullptr) cores += static_cast<std::size_t>(size->processors);
  }
  return cores;
}

// At one moment, and so exact.
Result<std::vector<Usage>> usages_of(const Call& call) {
  const auto location = TRY(location_of(call));
  const auto& subscription = call.parts.at("subscription");
  const Limits& most = call.world.limits_of(subscription);
  std::vector<Usage> usages;
  TRY(call.model.read(subscription, [&](const model::View& view) -> Result<> {
    usages.clear();
    for (const auto& limit : limits) {
      const std::size_t used = TRY(view.count(limit.type, location));
      usages.push_back(
          {.name = limit.name, .shown = limit.shown, .used = used, .limit = most.*limit.most});
    }
    const std::size_t cores = TRY(cores_in(call, view, location));
    usages.push_back({.name = "cores",
                      .shown = "Total Regional vCPUs",
                      .used = cores,
                      .limit = most.machines * 8});
    return {};
  }));
  return usages;
}

Json name_of(const Usage& usage) {
  return JsonObject{{"value", usage.name}, {"localizedValue", usage.shown}};
}

Json show_usage(const Usage& usage) {
  return JsonObject{{"unit", "Count"},
                    {"currentValue", usage.used},
                    {"limit", usage.limit},
                    {"name", name_of(usage)}};
}

// As Microsoft.Quota shows it: a limit, or how much of it is used.
Json show_quota(const Call& call, std::string_view type, const Usage& usage) {
  const bool is_limit = type == "quotas";
  JsonObject number = is_limit ? JsonObject{{"limitObjectType", "LimitValue"},
                                            {"limitType", "Independent"},
                                            {"value", usage.limit}}
                               : JsonObject{{"usagesType", "Individual"}, {"value", usage.used}};
  JsonObject properties{{is_limit ? "limit" : "usages", std::move(number)},
                        {"unit", "Count"},
                        {"name", name_of(usage)},
                        // Whoever runs the server raises it, not a request.
                        {"isQuotaApplicable", false},
                        {"properties", JsonObject()}};
  return JsonObject{
      {"id",
       fmt::format("/subscriptions/{}/providers/Microsoft.Compute/locations/{}/providers/"
                   "Microsoft.Quota/{}/{}",
                   call.parts.at("subscription"), call.parts.at("location"), type, usage.name)},
      {"type", fmt::format("Microsoft.Quota/{}", type)},
      {"name", usage.name},
      {"properties", std::move(properties)}};
}

Result<Outcome> list_quota(const Call& call, std::string_view type) {
  JsonArray rows;
  for (const auto& usage : TRY(usages_of(call))) rows.push_back(show_quota(call, type, usage));
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> get_one_quota(const Call& call, std::string_view type) {
  const auto& name = call.parts.at("name");
  std::vector<std::string> known;
  for (const auto& usage : TRY(usages_of(call))) {
    if (iequals(usage.name, name)) return Outcome{.body = show_quota(call, type, usage)};
    known.emplace_back(usage.name);
  }
  return fail(arm::error(Kind::not_found, "InvalidResourceName",
                         fmt::format("There is no quota '{}'. There are: {}.", name.substr(0, 100),
                                     join(known, ", "))));
}

}  // namespace

const Limits& World::limits_of(std::string_view subscription) const {
  const auto found = own_limits.find(to_lower(subscription));
  return found == own_limits.end() ? limits : found->second;
}

std::span<const std::string_view> quota_api_versions() {
  return quota_versions;
}

Result<> check_limit(const Draft& draft, std::string_view type) {
  if (draft.current) return {};
  const auto* limit = std::ranges::find(limits, type, &Limit::type);
  CHECK(limit != std::end(limits));
  const auto& subscription = draft.change.subscription();
  const auto& location = draft.wanted.location;
  const std::size_t most = draft.call.world.limits_of(subscription).*limit->most;
  const std::size_t used = TRY(draft.change.count(type, location));
  if (used < most) return {};
  return fail(arm::error(
      Kind::quota, "OperationNotAllowed",
      fmt::format("Operation could not be completed as it results in exceeding approved {} quota. "
                  "Additional details - Deployment Model: Resource Manager, Location: {}, Current "
                  "Limit: {}, Current Usage: {}, Additional Required: 1, (Minimum) New Limit "
                  "Required: {}. Delete what is no longer needed, use another location, or ask "
                  "whoever runs this server for {} = {} below [limits] in its configuration, for "
                  "the subscription {}.",
                  limit->name, location, most, used, used + 1, limit->setting, used + 1,
                  subscription)));
}

Result<Outcome> list_usages(const Call& call) {
  JsonArray rows;
  for (const auto& usage : TRY(usages_of(call))) rows.push_back(show_usage(usage));
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> list_quotas(const Call& call) {
  return list_quota(call, "quotas");
}
Result<Outcome> get_quota(const Call& call) {
  return get_one_quota(call, "quotas");
}
Result<Outcome> list_quota_usages(const Call& call) {
  return list_quota(call, "usages");
}
Result<Outcome> get_quota_usage(const Call& call) {
  return get_one_quota(call, "usages");
}

}  // namespace pinaco::provider
