// The catalogue of regions as clients read it: names, zones, and where on earth they are.
#include <fmt/format.h>

#include "provider/platform.h"

namespace pinaco::provider {
namespace {

std::string id_of(const Call& call, std::string_view name) {
  return fmt::format("/subscriptions/{}/locations/{}", call.parts.at("subscription"), name);
}

void add_known(JsonObject& object, std::string_view name, const std::string& value) {
  if (!value.empty()) object[name] = value;
}

Json show_metadata(const Call& call, const Location& location) {
  JsonObject metadata{{"regionType", "Physical"},
                      {"regionCategory", location.restricted ? "Other" : "Recommended"}};
  if (call.api_version >= "2022-12-01") add_known(metadata, "geography", location.geography);
  add_known(metadata, "geographyGroup", location.geography_group);
  add_known(metadata, "longitude", location.longitude);
  add_known(metadata, "latitude", location.latitude);
  add_known(metadata, "physicalLocation", location.physical_location);
  JsonArray paired;
  if (!location.paired.empty()) {
    paired.push_back(JsonObject{{"name", location.paired}, {"id", id_of(call, location.paired)}});
  }
  metadata["pairedRegion"] = std::move(paired);
  return metadata;
}

Json show_location(const Call& call, const Location& location) {
  JsonObject shown{{"id", id_of(call, location.name)},
                   {"name", location.name},
                   {"displayName", location.display_name}};
  if (call.api_version < "2019-11-01") {
    add_known(shown, "latitude", location.latitude);
    add_known(shown, "longitude", location.longitude);
    return shown;
  }
  if (call.api_version >= "2021-01-01") shown["type"] = "Region";
  shown["regionalDisplayName"] =
      location.geography_group.empty()
          ? location.display_name
          : fmt::format("({}) {}", location.geography_group, location.display_name);
  shown["metadata"] = show_metadata(call, location);
  if (call.api_version >= "2022-12-01" && !location.zones.empty()) {
    JsonArray mappings;
    for (const auto& zone : location.zones) {
      mappings.push_back(JsonObject{{"logicalZone", zone},
                                    {"physicalZone", fmt::format("{}-az{}", location.name, zone)}});
    }
    shown["availabilityZoneMappings"] = std::move(mappings);
  }
  return shown;
}

}  // namespace

// All of them, also those that are not for this subscription: so does the cloud, and one must know
// a region's name to ask for it.
Result<Outcome> list_locations(const Call& call) {
  JsonArray rows;
  for (const auto& location : call.world.locations) rows.push_back(show_location(call, location));
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

}  // namespace pinaco::provider
