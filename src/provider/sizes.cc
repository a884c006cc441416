// What sizes of machines there are: vmSizes, skus.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/machines.h"
#include "provider/regions.h"

namespace pinaco::provider {
namespace {

Result<std::string> location_of(const Call& call) {
  const std::string& name = call.parts.at("location");
  if (const Location* known = call.world.find_location(name)) return known->name;
  return fail(arm::error(Kind::not_found, "NoRegisteredProviderFound",
                         fmt::format("This server has no location '{}'.", name.substr(0, 100))));
}

Json show_size(const MachineSize& size) {
  return JsonObject{{"name", size.name},
                    {"numberOfCores", size.processors},
                    {"osDiskSizeInMB", 1047552},
                    {"resourceDiskSizeInMB", 0},
                    {"memoryInMB", size.memory_mib},
                    {"maxDataDiskCount", size.data_disks_max}};
}

Json capability(std::string_view name, std::string value) {
  return JsonObject{{"name", name}, {"value", std::move(value)}};
}

// Why a size or type of disk cannot be had in a region: it is restricted.
JsonArray restrictions_of(const Location& location, bool usable) {
  if (usable) return {};
  const JsonArray here{Json(location.name)};
  return {JsonObject{{"type", "Location"},
                     {"values", here},
                     {"restrictionInfo", JsonObject{{"locations", here}}},
                     {"reasonCode", "NotAvailableForSubscription"}}};
}

// "Standard_D2s_v3" is "D2s_v3" in the family "standardDFamily".
Json show_sku(const MachineSize& size, const Location& location, bool usable) {
  const auto line = size.name.find('_');
  const auto short_name = line == std::string::npos ? size.name : size.name.substr(line + 1);
  JsonArray zones;
  for (const auto& zone : location.zones) zones.emplace_back(zone);
  const std::string gib = size.memory_mib % 1024 == 0
                              ? std::to_string(size.memory_mib / 1024)
                              : fmt::format("{:.1f}", size.memory_mib / 1024.0);
  return JsonObject{
      {"resourceType", "virtualMachines"},
      {"name", size.name},
      {"tier", "Standard"},
      {"size", short_name},
      {"family", fmt::format("standard{}Family", short_name.substr(0, 1))},
      {"locations", JsonArray{Json(location.name)}},
      {"locationInfo", JsonArray{JsonObject{{"location", location.name},
                                            {"zones", std::move(zones)},
                                            {"zoneDetails", JsonArray()}}}},
      {"capabilities",
       JsonArray{capability("vCPUs", std::to_string(size.processors)), capability("MemoryGB", gib),
                 capability("MaxDataDiskCount", std::to_string(size.data_disks_max)),
                 capability("OSVhdSizeMB", "1047552"), capability("MaxResourceVolumeMB", "0"),
                 capability("HyperVGenerations", size.generations),
                 capability("CpuArchitectureType", size.architecture),
                 capability("PremiumIO", size.premium ? "True" : "False"),
                 capability("EphemeralOSDiskSupported", "False"),
                 capability("AcceleratedNetworkingEnabled", "False"),
                 capability("EncryptionAtHostSupported", "False"),
                 capability("MaxNetworkInterfaces", "1")}},
      {"restrictions", restrictions_of(location, usable)}};
}

}  // namespace

std::vector<MachineSize> usual_sizes() {
  const auto size = [](std::string name, int processors, int memory_mib, int disks) {
    return MachineSize{.name = std::move(name),
                       .processors = processors,
                       .memory_mib = memory_mib,
                       .data_disks_max = disks};
  };
  auto sizes =
      std::vector{size("Standard_B1ls", 1, 512, 2),      size("Standard_B1s", 1, 1024, 2),
                  size("Standard_B1ms", 1, 2048, 2),     size("Standard_B2s", 2, 4096, 4),
                  size("Standard_B2ms", 2, 8192, 4),     size("Standard_B4ms", 4, 16384, 8),
                  size("Standard_DS1_v2", 1, 3584, 4),   size("Standard_DS2_v2", 2, 7168, 8),
                  size("Standard_D2s_v3", 2, 8192, 4),   size("Standard_D4s_v3", 4, 16384, 8),
                  size("Standard_D2s_v5", 2, 8192, 4),   size("Standard_D4s_v5", 4, 16384, 8),
                  size("Standard_D8s_v5", 8, 32768, 16), size("Standard_E2s_v5", 2, 16384, 4),
                  size("Standard_F2s_v2", 2, 4096, 4)};
  // Without Premium disks and UEFI, as their namesakes.
  for (const char* name : {"Standard_A1_v2", "Standard_D1_v2", "Standard_D2_v2"}) {
    sizes.push_back({.name = name,
                     .processors = name[10] == '2' ? 2 : 1,
                     .memory_mib = name[9] == 'A' ? 2048 : 3584,
                     .data_disks_max = 4,
                     .generations = "V1",
                     .premium = false});
  }
  return sizes;
}

const MachineSize* World::find_size(std::string_view name) const {
  for (const MachineSize& size : sizes) {
    if (iequals(size.name, name)) return &size;
  }
  return nullptr;
}

Result<Outcome> list_sizes(const Call& call) {
  TRY(location_of(call));
  JsonArray shown;
  for (const auto& size : call.world.sizes) shown.push_back(show_size(size));
  return Outcome{.body = JsonObject{{"value", std::move(shown)}}};
}

Result<Outcome> list_skus(const Call& call) {
  const Location* only = nullptr;
  if (const auto filter = call.query.find("$filter"); filter != call.query.end()) {
    // The one filter there is: location eq 'westeurope'.
    const auto quote = filter->second.find('\'');
    const auto end = filter->second.rfind('\'');
    if (!istarts_with(trim(filter->second), "location eq ") || quote == std::string::npos ||
        end <= quote) {
      return fail(arm::error(Kind::invalid, "InvalidFilterInQueryString",
                             "The only filter of skus is: location eq 'name'.", "$filter"));
    }
    only = call.world.find_location(filter->second.substr(quote + 1, end - quote - 1));
    if (only == nullptr) return Outcome{.body = JsonObject{{"value", JsonArray()}}};
  }
  std::vector<const Location*> usable;
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    usable = TRY(usable_regions(call.world, view));
    return {};
  }));
  JsonArray shown;
  for (const auto& location : call.world.locations) {
    if (only != nullptr && only != &location) continue;
    const bool is_usable = std::ranges::find(usable, &location) != usable.end();
    for (const auto& size : call.world.sizes) {
      shown.push_back(show_sku(size, location, is_usable));
    }
    for (const char* type : {"disks", "snapshots"}) {
      for (const char* name : {"Standard_LRS", "StandardSSD_LRS", "Premium_LRS"}) {
        shown.push_back(JsonObject{{"resourceType", type},
                                   {"name", name},
                                   {"tier", name[0] == 'P' ? "Premium" : "Standard"},
                                   {"locations", JsonArray{Json(location.name)}},
                                   {"capabilities", JsonArray()},
                                   {"restrictions", restrictions_of(location, is_usable)}});
      }
    }
  }
  return Outcome{.body = JsonObject{{"value", std::move(shown)}}};
}

}  // namespace pinaco::provider
