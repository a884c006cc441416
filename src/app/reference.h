// The short names of the command line: "gallery/definition/version", "latest", and region lists
// like "westeurope=2,northeurope=1=standard_zrs"; and their resource ids.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/client.h"
#include "arm/arm.h"

namespace pinaco::app {

inline constexpr std::string_view galleries_api = "2022-03-03";
inline constexpr std::string_view disks_api = "2022-07-02";
inline constexpr std::string_view machines_api = "2022-08-01";
// Of the interfaces and addresses of a scale set's machines.
inline constexpr std::string_view set_network_api = "2018-10-01";
inline constexpr std::string_view network_api = "2022-07-01";
inline constexpr std::string_view groups_api = "2021-04-01";

// GALLERY[/DEFINITION[/VERSION]], or a whole resource id.
struct Reference {
  std::optional<arm::ResourceId> id = {};
  std::string gallery = {};
  std::string definition = {};
  std::string version = {};  // may be "latest"
};
// Names are checked by ARM's rules.
Result<Reference> parse_reference(std::string_view text);

struct TargetRegion {
  std::string name;  // normalised
  int replicas = 1;
  std::string storage = "Standard_LRS";
  bool operator==(const TargetRegion&) const = default;
};
// NAME[=REPLICAS[=STORAGE]], separated by commas; REPLICAS defaults to `replicas`.
Result<std::vector<TargetRegion>> parse_regions(std::string_view text, int replicas);

arm::ResourceId gallery_id(const Connection& connection, std::string_view group,
                           std::string_view gallery);
arm::ResourceId disk_id(const Connection& connection, std::string_view group,
                        std::string_view disk);
// "{id}?api-version=..." with the version for its type; `query` is added.
std::string path_of(const arm::ResourceId& id, std::string_view query = {});

// The id that a reference means: a gallery named without a group is looked for in the whole
// subscription, "latest" is the highest version that is not excluded from it.
Result<arm::ResourceId> resolve(Connection& connection, const Reference& reference,
                                std::string_view group);

// The highest version that is ready and not excluded from latest; nullptr when there is none.
const Json* find_latest(const std::vector<Json>& versions);
// Sorted by number, highest first; what has no valid number last.
void sort_versions(std::vector<Json>& versions);

}  // namespace pinaco::app
