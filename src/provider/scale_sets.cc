// Microsoft.Compute/virtualMachineScaleSets: the members, and what a set may become.
#include "provider/scale_sets.h"

#include <fmt/format.h>

#include "base/duration.h"
#include "base/text.h"
#include "provider/limits.h"
#include "provider/machine_members.h"
#include "provider/regions.h"
#include "provider/schema.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr Member own[] = {
    // az's profile 2020-09-01-hybrid sends it with the api-version before the one that brought it.
    {"orchestrationMode", text, fixed, "2020-06-01", "Uniform|Flexible"},
    {"singlePlacementGroup", boolean, changeable},
    {"overprovision", boolean, changeable},
    {"doNotRunExtensionsOnOverprovisionedVMs", boolean, changeable},
    {"platformFaultDomainCount", number, fixed},
    {"zoneBalance", boolean, fixed},
    {"upgradePolicy", object, changeable},
    {"upgradePolicy.mode", text, changeable, "", "Automatic|Manual|Rolling"},
    {"upgradePolicy.rollingUpgradePolicy", object, changeable},
    {"upgradePolicy.rollingUpgradePolicy.maxBatchInstancePercent", number, changeable},
    {"upgradePolicy.rollingUpgradePolicy.maxUnhealthyInstancePercent", number, changeable},
    {"upgradePolicy.rollingUpgradePolicy.maxUnhealthyUpgradedInstancePercent", number, changeable},
    {"upgradePolicy.rollingUpgradePolicy.pauseTimeBetweenBatches", text, changeable},
    {"upgradePolicy.rollingUpgradePolicy.enableCrossZoneUpgrade", boolean, changeable},
    {"upgradePolicy.rollingUpgradePolicy.prioritizeUnhealthyInstances", boolean, changeable},
    {"upgradePolicy.rollingUpgradePolicy.rollbackFailedInstancesOnPolicyBreach", boolean,
     changeable},
    {"upgradePolicy.rollingUpgradePolicy.maxSurge", boolean, changeable},
    {"upgradePolicy.automaticOSUpgradePolicy", object, changeable},
    {"upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade", boolean, changeable},
    {"upgradePolicy.automaticOSUpgradePolicy.disableAutomaticRollback", boolean, changeable},
    {"upgradePolicy.automaticOSUpgradePolicy.useRollingUpgradePolicy", boolean, changeable},
    {"automaticRepairsPolicy", free, changeable},
    {"scaleInPolicy", object, changeable},
    {"scaleInPolicy.rules", list, changeable},
    {"scaleInPolicy.rules[]", text, changeable, "", "Default|OldestVM|NewestVM"},
    {"scaleInPolicy.forceDeletion", boolean, changeable},
    {"additionalCapabilities", free, changeable},
    {"proximityPlacementGroup", free, changeable},
    {"constrainedMaximumCapacity", boolean, changeable},
    {"spotRestorePolicy", free, changeable},
    {"priorityMixPolicy", free, changeable},
    {"virtualMachineProfile", object, changeable},
    {"virtualMachineProfile.osProfile.computerNamePrefix", text, changeable},
    {"virtualMachineProfile.storageProfile.osDisk.createOption", text, changeable, "",
     "FromImage|Empty|Attach"},
    {"virtualMachineProfile.storageProfile.dataDisks[].createOption", text, changeable, "",
     "FromImage|Empty|Attach"},
    {"virtualMachineProfile.networkProfile.networkApiVersion", text, changeable},
    {"virtualMachineProfile.networkProfile.networkInterfaceConfigurations", free, changeable},
    {"virtualMachineProfile.scheduledEventsProfile", free, changeable},
    {"virtualMachineProfile.timeCreated", text, read_only},
    {"uniqueId", text, read_only},
    {"timeCreated", text, read_only, "2021-11-01"},
    {"provisioningState", text, read_only},
};
constexpr MachineTable table("virtualMachineProfile.", own);
constexpr Schema schema{table.members()};

Result<> check_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= 64;
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    good = good && (word || c == '-' || c == '_' || c == '.');
  }
  good = good && name.front() != '_' && name.front() != '-' && name.front() != '.' &&
         name.back() != '.' && name.back() != '-';
  if (good) return {};
  return fail(arm::invalid_parameter(
      "vmScaleSetName",
      "The name of a scale set has 1 to 64 letters, digits, '.', '_' and '-', begins with a "
      "letter or digit and does not end with '.' or '-'."));
}

// Percentages and pauses of rolling upgrades.
Result<> check_upgrade_policy(Json& properties) {
  const auto default_to = [&](std::string_view member, Json value) {
    const auto path = fmt::format("upgradePolicy.{}", member);
    if (find_path(properties, path) == nullptr) set_path(properties, path, std::move(value));
  };
  default_to("mode", "Manual");
  if (string_at(properties, "upgradePolicy.mode") == "Rolling") {
    default_to("rollingUpgradePolicy.maxBatchInstancePercent", 20);
    default_to("rollingUpgradePolicy.maxUnhealthyInstancePercent", 20);
    default_to("rollingUpgradePolicy.maxUnhealthyUpgradedInstancePercent", 20);
    default_to("rollingUpgradePolicy.pauseTimeBetweenBatches", "PT0S");
  }
  for (const char* member : {"maxBatchInstancePercent", "maxUnhealthyInstancePercent",
                             "maxUnhealthyUpgradedInstancePercent"}) {
    const auto path = fmt::format("upgradePolicy.rollingUpgradePolicy.{}", member);
    if (find_path(properties, path) == nullptr) continue;
    const auto value = int_at(properties, path);
    const std::int64_t least = member[3] == 'B' ? 5 : 0;
    if (value < least || value > 100) return fail(arm::out_of_range(path, value, least, 100));
  }
  const auto pause =
      string_at(properties, "upgradePolicy.rollingUpgradePolicy.pauseTimeBetweenBatches");
  if (!pause.empty() && !parse_duration(pause)) {
    return fail(arm::invalid_parameter(
        "pauseTimeBetweenBatches",
        fmt::format("'{}' is not a duration in ISO 8601, such as PT30S or PT5M.",
                    pause.substr(0, 60))));
  }
  return {};
}

Result<std::int64_t> capacity_of(const Draft& draft) {
  const Json* said = find_path(draft.wanted.sku, "capacity");
  if (said == nullptr) return draft.current ? int_at(draft.current->sku, "capacity") : 0;
  const auto capacity = int_at(draft.wanted.sku, "capacity", -1);
  if (capacity < 0 || capacity > instances_max) {
    return fail(arm::out_of_range("sku.capacity", capacity, 0, instances_max));
  }
  return capacity;
}

// A set that scales in keeps the instances that are locked, and cannot have fewer than those.
Result<> check_locked(const Draft& draft, std::int64_t capacity) {
  std::int64_t locked = 0;
  for (const auto& row : TRY(model::list_instances(draft.change, *draft.current))) {
    if (!TRY(model::is_locked(draft.change, row))) continue;
    if (++locked <= capacity) continue;
    return fail(arm::error(
        Kind::conflict, "ScopeLocked",
        fmt::format("The scale set '{}' cannot scale in to {} because of locks on its instances, "
                    "such as '{}', on their disks or network interfaces, on the set, its resource "
                    "group or its subscription. Please remove a lock and try again.",
                    draft.wanted.id.text(), capacity, row.id.text()),
        "sku.capacity"));
  }
  return {};
}

// Of an image, what a PATCH names replaces what named it before.
void keep_one_image(Draft& draft) {
  const std::string path = "virtualMachineProfile.storageProfile.imageReference";
  const Json* said = find_path(draft.call.body, "properties." + path);
  if (said == nullptr || !said->is_object() || said->get_object().empty()) return;
  for (const char* member : {"id", "sharedGalleryImageId", "communityGalleryImageId", "publisher",
                             "offer", "sku", "version"}) {
    if (find_member(said->get_object(), member) != nullptr) continue;
    erase_path(draft.wanted.properties, fmt::format("{}.{}", path, member));
  }
}

Result<const MachineSize*> size_of_set(const Draft& draft) {
  const auto name = string_at(draft.wanted.sku, "name");
  if (name.empty()) return fail(arm::missing_parameter("sku.name"));
  if (const auto* size = draft.call.world.find_size(name)) return size;
  return fail(arm::invalid_parameter(
      "sku.name",
      fmt::format("The requested VM size {} is not available in the current region. The sizes "
                  "available are listed by GET …/locations/{}/vmSizes.",
                  name.substr(0, 80), draft.wanted.location)));
}

Result<> prepare(Draft& draft) {
  const bool fresh = !draft.current || !bool_at(draft.current->internal, "created");
  Json& properties = draft.wanted.properties;
  const auto default_to = [&](std::string_view path, Json value) {
    if (find_path(properties, path) == nullptr) set_path(properties, path, std::move(value));
  };
  if (fresh) {
    TRY(check_limit(draft, "virtualMachineScaleSets"));
    draft.wanted.internal = JsonObject{{"next", 0}};
    default_to("orchestrationMode", "Uniform");
    default_to("uniqueId", Json(draft.change.random().uuid()));
    set_path(properties, "timeCreated", to_iso8601(draft.change.now()));
    set_path(draft.wanted.internal, "created", true);  // what fails is there, to be looked at
  } else {
    for (const char* kept : {"orchestrationMode", "uniqueId", "timeCreated"}) {
      const Json* before = find_path(draft.current->properties, kept);
      if (before != nullptr) set_path(properties, kept, *before);
    }
    // az vmss scale puts a location and a sku alone. A flexible set's profile is asked for below.
    const bool alone = find_path(draft.call.body, "properties") == nullptr;
    for (const char* kept : {"virtualMachineProfile", "upgradePolicy"}) {
      const Json* before = find_path(draft.current->properties, kept);
      const bool keeps = alone || !model::is_flexible(*draft.current);
      if (before != nullptr && keeps) default_to(kept, *before);
    }
  }
  TRY(check_upgrade_policy(properties));
  const bool flexible = model::is_flexible(draft.wanted);
  keep_one_image(draft);
  const auto capacity = TRY(capacity_of(draft));
  const std::int64_t before = fresh ? 0 : int_at(draft.current->sku, "capacity");
  if (capacity < before) TRY(check_locked(draft, capacity));
  if (capacity > before) {
    TRY(check_location(draft.type, draft.call, draft.change, draft.wanted.location));
  }
  default_to("singlePlacementGroup", !flexible && capacity <= instances_of_one_group_max);
  default_to("overprovision", false);
  default_to("platformFaultDomainCount", flexible ? 1 : 5);
  // osRollingUpgrade: the image is looked up again.
  const bool refresh = draft.call.parts.contains("refresh");
  draft.task = "update_scale_set";
  if (find_path(properties, "virtualMachineProfile") == nullptr) {
    if (!flexible) return fail(arm::missing_parameter("virtualMachineProfile"));
    // A group of machines that say that they belong to it.
    if (capacity > before) {
      return fail(arm::invalid_parameter(
          "sku.capacity", "A scale set without a virtualMachineProfile makes no machines."));
    }
    if (find_path(draft.wanted.internal, "model") == nullptr) return {};
    return fail(arm::property_change_not_allowed("virtualMachineProfile"));
  }
  if (bool_at(properties, "singlePlacementGroup") && capacity > instances_of_one_group_max) {
    return fail(arm::out_of_range("sku.capacity", capacity, 0, instances_of_one_group_max));
  }
  const auto* size = TRY(size_of_set(draft));
  set_path(draft.wanted.sku, "name", size->name);
  if (string_at(draft.wanted.sku, "tier").empty()) set_path(draft.wanted.sku, "tier", "Standard");
  set_path(draft.wanted.sku, "capacity", capacity);
  TRY(prepare_model(draft, *size, capacity, capacity > before || refresh));
  if (refresh) set_path(draft.input, "upgrade", "Rolling");
  return {};
}

// None of its machines may have a lock of its own.
Result<> removing(const Call&, model::Change& change, const model::Resource& set) {
  for (const auto& row : TRY(model::list_instances(change, set))) {
    TRY(access::check_locks(change, row.id.text(), true));
  }
  return {};
}

// Which version its image means now.
Result<> show_set(const Call&, const model::Resource& set, JsonObject& properties) {
  Json* profile = properties.if_contains("virtualMachineProfile");
  const auto version = string_at(set.internal, "model.version");
  if (profile == nullptr || version.empty()) return {};
  set_path(*profile, "storageProfile.imageReference.exactVersion", version);
  return {};
}

constexpr Action actions[] = {
    {"start", "start/action", "", start_set},
    {"powerOff", "powerOff/action", "", power_off_set},
    {"deallocate", "deallocate/action", "", deallocate_set},
    {"restart", "restart/action", "", restart_set},
    {"redeploy", "redeploy/action", "", restart_set},
    {"reimage", "reimage/action", "", reimage_set},
    {"reimageall", "reimageAll/action", "", reimage_all_of_set},
    {"manualupgrade", "manualUpgrade/action", "", upgrade_set},
    {"delete", "delete/action", "", delete_of_set},
    {"osRollingUpgrade", "osRollingUpgrade/action", "", start_rolling_upgrade},
};

}  // namespace

const ResourceType scale_sets{
    .provider = "Microsoft.Compute",
    .type = "virtualMachineScaleSets",
    .api_versions = compute_api_versions(),
    .patch_since = "2015-06-15",
    .label = "vmScaleSet",
    .surface = "operations",
    .created_status = 201,
    .output = false,
    .schema = &schema,
    .check_name = check_name,
    .prepare = prepare,
    .removing = removing,
    .show = show_set,
    .actions = actions,
    .placed = true,
    .with_children = true,
    .remove_task = "delete_scale_set",
};

}  // namespace pinaco::provider
