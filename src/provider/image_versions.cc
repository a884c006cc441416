// Microsoft.Compute/galleries/images/versions: what a version is made from, where it goes, what
// may change afterwards. The bytes are somebody else's work: a version's row names its contents
// (internal.contents) and its target regions, and the worker makes it so.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "provider/galleries.h"
#include "provider/limits.h"
#include "provider/recycle.h"
#include "provider/schema.h"
#include "provider/sources.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

// Of api-versions from 2019-03-01, 2019-12-01 and 2024-03-03 on.
constexpr std::string_view first_types = "Standard_LRS|Standard_ZRS";
constexpr std::string_view more_types = "Standard_LRS|Standard_ZRS|Premium_LRS";
constexpr std::string_view all_types = "Standard_LRS|Standard_ZRS|Premium_LRS|PremiumV2_LRS";
constexpr std::string_view caching = "None|ReadOnly|ReadWrite";

constexpr Member version_members[] = {
    {"publishingProfile", object, changeable},
    {"publishingProfile.source", object, fixed, "", "", "2019-03-01"},
    {"publishingProfile.source.managedImage", object, fixed, "", "", "2019-03-01"},
    {"publishingProfile.source.managedImage.id", text, fixed, "", "", "2019-03-01"},
    {"publishingProfile.targetRegions", list, changeable},
    {"publishingProfile.targetRegions[]", object, changeable},
    {"publishingProfile.targetRegions[].name", text, changeable},
    {"publishingProfile.targetRegions[].regionalReplicaCount", number, changeable},
    {"publishingProfile.targetRegions[].storageAccountType", text, changeable, "2019-03-01",
     first_types, "2019-07-01"},
    {"publishingProfile.targetRegions[].storageAccountType", text, changeable, "2019-12-01",
     more_types, "2023-07-03"},
    {"publishingProfile.targetRegions[].storageAccountType", text, changeable, "2024-03-03",
     all_types},
    {"publishingProfile.targetRegions[].excludeFromLatest", boolean, changeable, "2022-03-03"},
    {"publishingProfile.replicaCount", number, changeable},
    {"publishingProfile.excludeFromLatest", boolean, changeable},
    {"publishingProfile.publishedDate", text, read_only},
    {"publishingProfile.endOfLifeDate", date, changeable},
    {"publishingProfile.storageAccountType", text, fixed, "2019-03-01", first_types, "2019-07-01"},
    {"publishingProfile.storageAccountType", text, fixed, "2019-12-01", more_types, "2023-07-03"},
    {"publishingProfile.storageAccountType", text, fixed, "2024-03-03", all_types},
    {"publishingProfile.replicationMode", text, changeable, "2021-07-01", "Full|Shallow"},
    {"storageProfile", object, fixed},
    {"storageProfile.source", object, fixed},
    {"storageProfile.source.id", text, fixed},
    {"storageProfile.source.virtualMachineId", text, fixed, "2023-07-03"},
    {"storageProfile.source.communityGalleryImageId", text, fixed, "2022-03-03"},
    {"storageProfile.osDiskImage", object, fixed},
    {"storageProfile.osDiskImage.sizeInGB", number, read_only},
    {"storageProfile.osDiskImage.hostCaching", text, fixed, "", caching},
    {"storageProfile.osDiskImage.source", object, fixed},
    {"storageProfile.osDiskImage.source.id", text, fixed},
    {"storageProfile.osDiskImage.source.uri", text, fixed, "2020-09-30"},
    {"storageProfile.osDiskImage.source.storageAccountId", text, fixed, "2022-03-03"},
    {"storageProfile.dataDiskImages", list, fixed},
    {"storageProfile.dataDiskImages[]", object, fixed},
    {"storageProfile.dataDiskImages[].lun", number, fixed},
    {"storageProfile.dataDiskImages[].sizeInGB", number, read_only},
    {"storageProfile.dataDiskImages[].hostCaching", text, fixed, "", caching},
    {"storageProfile.dataDiskImages[].source", object, fixed},
    {"storageProfile.dataDiskImages[].source.id", text, fixed},
    {"storageProfile.dataDiskImages[].source.uri", text, fixed, "2020-09-30"},
    {"storageProfile.dataDiskImages[].source.storageAccountId", text, fixed, "2022-03-03"},
    {"safetyProfile", object, changeable, "2022-03-03"},
    {"safetyProfile.allowDeletionOfReplicatedLocations", boolean, changeable, "2022-03-03"},
    {"safetyProfile.blockDeletionBeforeEndOfLife", boolean, changeable, "2024-03-03"},
    {"safetyProfile.reportedForPolicyViolation", boolean, read_only, "2022-03-03"},
    {"safetyProfile.policyViolations", free, read_only, "2022-03-03"},
    {"restore", boolean, changeable, "2024-03-03"},  // of the request only
    {"replicationStatus", free, read_only},
    {"provisioningState", text, read_only},
};
constexpr Schema version_schema{version_members};

constexpr const char* mode_path = "publishingProfile.replicationMode";
constexpr const char* regions_path = "publishingProfile.targetRegions";
constexpr const char* regions_target =
    "galleryImageVersion.properties.publishingProfile.targetRegions";

bool is_shallow(const Json& properties) {
  return properties.is_object() && string_at(properties, mode_path) == "Shallow";
}

Result<> check_replicas(const Draft& draft, std::string_view parameter, std::int64_t count) {
  if (count >= 1 && count <= draft.call.world.replicas_max) return {};
  return fail(arm::out_of_range(parameter, count, 1, draft.call.world.replicas_max));
}

Result<> check_storage(const Location& location, std::string_view type) {
  if (type == "Standard_ZRS" && location.zones.size() < 2) {
    return fail(arm::invalid_parameter(
        regions_target,
        fmt::format("ZRS storage account type is not supported in this region. ('{}' has {} "
                    "zone(s).)",
                    location.name, location.zones.size())));
  }
  if (type.starts_with("Premium") && !location.premium) {
    return fail(arm::invalid_parameter(
        regions_target,
        fmt::format("Premium storage account type is not supported in this region. ('{}' has no "
                    "store that is marked premium.)",
                    location.name)));
  }
  return {};
}

// Whether nothing more has to come into a region: it has the version, or is to have none of it.
bool has_all(const model::Resource& version, const Location& location, bool shallow) {
  const auto state = string_at(version.internal, fmt::format("regions.{}.state", location.name));
  return state == "Completed" || (shallow && state == "Unknown");
}

// Whether it is a target already, with as many replicas: what was right when it was made so may
// stay.
bool stays(const Draft& draft, const Json& region, const Location& location) {
  if (!draft.current || !bool_at(draft.current->internal, "created")) return false;
  if (!has_all(*draft.current, location, is_shallow(draft.wanted.properties))) return false;
  const Json* before = find_path(draft.current->properties, regions_path);
  if (before == nullptr) return false;
  return std::ranges::any_of(before->get_array(), [&](const Json& old) {
    return string_at(old, "name") == string_at(region, "name") &&
           string_at(old, "storageAccountType") == string_at(region, "storageAccountType") &&
           int_at(old, "regionalReplicaCount") >= int_at(region, "regionalReplicaCount");
  });
}

Result<> check_target(const Draft& draft, std::string_view name) {
  return check_region(draft.call.world, draft.change, name, "LocationNotAvailableForResourceType",
                      "resource type 'Microsoft.Compute/galleries/images/versions'",
                      regions_target);
}

// What was deleted before a region had it would be copied there now.
Result<> check_restored(const Draft& draft) {
  const Json* regions = find_path(draft.wanted.properties, regions_path);
  if (regions == nullptr) return {};
  for (const Json& region : regions->get_array()) {
    const Location* location = draft.call.world.find_location(string_at(region, "name"));
    if (location == nullptr) continue;
    if (has_all(draft.wanted, *location, is_shallow(draft.wanted.properties))) continue;
    TRY(check_target(draft, location->name));
  }
  return {};
}

// Fills in and checks one target region; returns its normalised name.
Result<std::string> complete_region(Draft& draft, Json& region) {
  const Json& properties = draft.wanted.properties;
  const std::string name(string_at(region, "name"));
  if (name.empty()) return fail(arm::missing_parameter(fmt::format("{}.name", regions_target)));
  const Location* location = draft.call.world.find_location(name);
  if (location == nullptr) TRY(check_target(draft, name));
  set_path(region, "name", location->display_name);
  if (find_path(region, "regionalReplicaCount") == nullptr) {
    set_path(region, "regionalReplicaCount", int_at(properties, "publishingProfile.replicaCount"));
  }
  TRY(check_replicas(draft, fmt::format("{}.regionalReplicaCount", regions_target),
                     int_at(region, "regionalReplicaCount")));
  if (find_path(region, "storageAccountType") == nullptr) {
    set_path(region, "storageAccountType",
             string_at(properties, "publishingProfile.storageAccountType"));
  }
  if (!stays(draft, region, *location)) {
    TRY(check_target(draft, name));
    TRY(check_storage(*location, string_at(region, "storageAccountType")));
  }
  return location->name;
}

// A region that stays keeps its storage type, and none goes unless the client allows it.
Result<> check_against_current(const Draft& draft, const std::set<std::string>& names) {
  if (!draft.current || !bool_at(draft.current->internal, "created")) return {};
  const Json* before = find_path(draft.current->properties, regions_path);
  if (before == nullptr) return {};
  const bool may_go =
      draft.call.api_version < "2022-03-03" ||
      bool_at(draft.wanted.properties, "safetyProfile.allowDeletionOfReplicatedLocations");
  for (const Json& old : before->get_array()) {
    const auto name = arm::normalize_location(string_at(old, "name"));
    const Location* location = draft.call.world.find_location(name);
    if (!names.contains(location == nullptr ? name : location->name)) {
      if (may_go) continue;
      return fail(arm::error(
          Kind::invalid, "BadRequest",
          fmt::format("Complete set of target locations not specified while updating gallery "
                      "artifact '{}' and type 'GalleryImageVersion'. Deletion of previously "
                      "replicated locations is not allowed, and you need to specify a complete set "
                      "of target locations in the update request or specify null or empty set for "
                      "target regions in the update request or set allow deletion of replicated "
                      "locations under safety profile property. To figure out complete set of "
                      "target locations, you can perform a get first on gallery artifact",
                      draft.wanted.id.name())));
    }
    for (const Json& now : find_path(draft.wanted.properties, regions_path)->get_array()) {
      if (arm::normalize_location(string_at(now, "name")) != name) continue;
      const auto type = string_at(old, "storageAccountType");
      if (string_at(now, "storageAccountType") != type) {
        return fail(arm::invalid_parameter(
            regions_target,
            fmt::format("Global storage account type does not match the storage account type in "
                        "the existing TargetRegion: '{}'. Please specify '{}' as the storage "
                        "account type for this region.",
                        string_at(old, "name"), type)));
      }
    }
  }
  return {};
}

// A shallow version is not copied: only its home has it. It may become a full one.
Result<> check_mode(Draft& draft, const Json& before) {
  if (before.is_null()) return {};
  Json& properties = draft.wanted.properties;
  const bool was_shallow = is_shallow(before);
  if (find_path(properties, mode_path) == nullptr) {
    if (was_shallow) set_path(properties, mode_path, "Shallow");
    return {};
  }
  if (was_shallow || !is_shallow(properties)) return {};
  return fail(arm::property_change_not_allowed(
      fmt::format("{}.properties.{}", draft.type.label, mode_path)));
}

// Where a region starts from.
Json first_state(bool copied) {
  if (copied) return JsonObject{{"state", "Replicating"}, {"progress", 0}, {"details", ""}};
  return JsonObject{{"state", "Unknown"},
                    {"progress", 0},
                    {"details", "Nothing is copied here: the replication mode is Shallow."}};
}

// Leaves in the row which regions the worker should fill.
Result<> prepare_regions(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const Json* said = find_path(properties, regions_path);
  if (said == nullptr || said->get_array().empty()) {
    const Json* before =
        draft.current ? find_path(draft.current->properties, regions_path) : nullptr;
    set_path(
        properties, regions_path,
        before != nullptr ? *before : Json(JsonArray{JsonObject{{"name", draft.wanted.location}}}));
  }
  Json regions = *find_path(properties, regions_path);
  std::set<std::string> names;
  for (Json& region : regions.get_array()) {
    if (!names.insert(TRY(complete_region(draft, region))).second) {
      return fail(arm::invalid_parameter(
          regions_target, "Duplicate regions are not allowed in target publishing regions."));
    }
  }
  if (!names.contains(draft.wanted.location)) {
    return fail(arm::invalid_parameter(
        regions_target,
        fmt::format("Gallery image version publishing profile regions '{}' must contain the "
                    "location of image version '{}'.",
                    join({names.begin(), names.end()}, ","), draft.wanted.location)));
  }
  set_path(properties, regions_path, regions);
  TRY(check_against_current(draft, names));

  // The state of each region: what is known of those that stay, and new ones.
  Json states = JsonObject();
  for (const Json& region : regions.get_array()) {
    const Location* location = draft.call.world.find_location(string_at(region, "name"));
    const Json* known = find_path(draft.wanted.internal, "regions." + location->name);
    const bool copied = !is_shallow(properties) || location->name == draft.wanted.location;
    const auto state = known == nullptr ? std::string_view() : string_at(*known, "state");
    const bool stays = state == "Completed" || state == (copied ? "Replicating" : "Unknown");
    states.get_object()[location->name] = stays ? *known : first_state(copied);
  }
  set_path(draft.wanted.internal, "regions", states);
  return {};
}

Result<> prepare_version(Draft& draft) {
  if (draft.call.api_version < "2019-07-01" &&
      find_path(draft.call.body, "properties.storageProfile") != nullptr) {
    return fail(arm::invalid_parameter(
        "galleryImageVersion.properties.storageProfile",
        "Parameter 'galleryImageVersion.properties.storageProfile' is not allowed."));
  }
  TRY(check_limit(draft, "galleries/images/versions"));
  if (TRY(restore_recycled(draft))) return check_restored(draft);
  Json& properties = draft.wanted.properties;
  const auto default_to = [&](std::string_view path, Json value) {
    if (find_path(properties, path) == nullptr) set_path(properties, path, std::move(value));
  };
  default_to("publishingProfile.replicaCount", 1);
  default_to("publishingProfile.excludeFromLatest", false);
  default_to("publishingProfile.storageAccountType", "Standard_LRS");
  const bool fresh = find_path(draft.wanted.internal, "contents") == nullptr;
  if (fresh)
    set_path(properties, "publishingProfile.publishedDate", to_iso8601(draft.change.now()));
  TRY(check_replicas(draft, "galleryImageVersion.properties.publishingProfile.replicaCount",
                     int_at(properties, "publishingProfile.replicaCount")));
  TRY(check_end_of_life(draft, "publishingProfile.endOfLifeDate"));
  const Json before = draft.current && !fresh ? draft.current->properties : Json(nullptr);
  TRY(check_mode(draft, before));
  TRY(prepare_regions(draft));
  if (fresh) {
    const auto definition = TRY(draft.change.get(draft.wanted.id.parent()));
    set_path(draft.wanted.internal, "contents", TRY(contents_of_sources(draft, definition)));
  }
  const Json* old_regions = find_path(before, regions_path);
  if (fresh || old_regions == nullptr || *old_regions != *find_path(properties, regions_path) ||
      is_shallow(before) != is_shallow(properties) || draft.current->provisioning == "Failed") {
    draft.task = "replicate_version";
  }
  return {};
}

// The data disks of an image stay those that it was made with. Other changes of them are found by
// the schema.
Result<> check_data_disks(const Call& call, const model::Resource& current) {
  constexpr const char* path = "storageProfile.dataDiskImages";
  const Json* said = find_path(call.body, fmt::format("properties.{}", path));
  if (said == nullptr || !said->is_array()) return {};
  std::set<std::int64_t> luns;
  if (const Json* known = find_path(current.properties, path)) {
    for (const Json& each : known->get_array()) luns.insert(int_at(each, "lun"));
  }
  for (const Json& each : said->get_array()) {
    const Json* lun = find_path(each, "lun");
    if (lun == nullptr || lun->is_null()) continue;
    // As the schema reads it, also a text.
    const auto number =
        lun->is_string() ? parse_int(lun->get_string(), 0, 63) : int_at(each, "lun", -1);
    if (number && luns.contains(*number)) continue;
    return fail(arm::error(Kind::conflict, "PropertyChangeNotAllowed",
                           "Adding new Data Disks or changing the LUN of a Data Disk in an "
                           "existing Image is not allowed.",
                           fmt::format("galleryImageVersion.properties.{}", path)));
  }
  return {};
}

Result<> check_version_may_go(const Call&, model::Change& change, const model::Resource& version) {
  if (auto why = blocked_until_its_end(version, change.now()); !why.empty()) {
    return fail(arm::error(Kind::conflict, "OperationNotAllowed", std::move(why)));
  }
  return {};
}

Result<> keep_deleted(const Call& call, model::Change& change, const model::Resource& version) {
  const auto gallery = TRY(change.get(version.id.parent().parent()));
  const auto bypass = call.query.find("bypasssoftdelete");
  const bool for_good = call.api_version >= "2026-03-03" && bypass != call.query.end() &&
                        iequals(bypass->second, "true");
  // What never came to be cannot be restored.
  const bool kept = keeps_deleted(gallery) && !for_good && bool_at(version.internal, "created");
  return kept ? recycle(change, gallery, version) : Result<>();
}

// Failed before Replicating before Unknown, which no work will change, before Completed.
JsonObject replication_status(const Call& call, const model::Resource& version) {
  JsonArray summary;
  bool failed = false;
  bool running = false;
  bool unknown = false;
  const Json* targets = find_path(version.properties, regions_path);
  if (targets != nullptr) {
    for (const Json& target : targets->get_array()) {
      const Location* location = call.world.find_location(string_at(target, "name"));
      const std::string name =
          location != nullptr ? location->name : arm::normalize_location(string_at(target, "name"));
      const Json* known = find_path(version.internal, "regions." + name);
      const std::string state(known == nullptr ? "Unknown" : string_at(*known, "state"));
      failed = failed || state == "Failed";
      running = running || state == "Replicating";
      unknown = unknown || state == "Unknown";
      summary.push_back(JsonObject{
          {"region", string_at(target, "name")},
          {"state", state},
          {"details", known == nullptr ? std::string_view() : string_at(*known, "details")},
          {"progress", known == nullptr ? 0 : int_at(*known, "progress")}});
    }
  }
  return {{"aggregatedState", failed    ? "Failed"
                              : running ? "InProgress"
                              : unknown ? "Unknown"
                                        : "Completed"},
          {"summary", std::move(summary)}};
}

Result<> show_version(const Call& call, const model::Resource& version, JsonObject& properties) {
  if (call.api_version >= "2022-03-03") {
    // az dereferences this without looking whether it is there.
    Json safety = properties.contains("safetyProfile") ? properties["safetyProfile"] : JsonObject();
    if (find_path(safety, "allowDeletionOfReplicatedLocations") == nullptr) {
      set_path(safety, "allowDeletionOfReplicatedLocations", false);
    }
    properties["safetyProfile"] = std::move(safety);
  }
  if (!properties.contains("storageProfile")) properties["storageProfile"] = JsonObject();
  const auto expand = call.query.find("$expand");
  if (call.method == "GET" && call.id.is_resource() && expand != call.query.end() &&
      iequals(expand->second, "ReplicationStatus")) {
    properties["replicationStatus"] = replication_status(call, version);
  }
  return {};
}

}  // namespace

std::string blocked_until_its_end(const model::Resource& version, WallTime now) {
  const auto date = string_at(version.properties, "publishingProfile.endOfLifeDate");
  const auto until = parse_iso8601(date);
  if (!bool_at(version.properties, "safetyProfile.blockDeletionBeforeEndOfLife") || !until ||
      *until <= now) {
    return "";
  }
  return fmt::format(
      "The image version '{}' cannot be deleted before its end of life {} because "
      "safetyProfile.blockDeletionBeforeEndOfLife is set. Unset it or change the date first.",
      version.id.nested_name(), date);
}

const ResourceType image_versions{
    .provider = "Microsoft.Compute",
    .type = "galleries/images/versions",
    .api_versions = gallery_api_versions(),
    .patch_since = "2019-07-01",
    .label = "galleryImageVersion",
    .surface = "capsOperations",
    .created_status = 201,
    .output = false,
    .schema = &version_schema,
    .check_name = arm::check_version_name,
    .prepare = prepare_version,
    .removing = check_version_may_go,
    .show = show_version,
    .actions = {},
    .preempts = true,
    .removed = keep_deleted,
    .changing = check_data_disks,
};

}  // namespace pinaco::provider
