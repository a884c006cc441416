// Microsoft.Compute/virtualMachineScaleSets/virtualMachines: the instances of uniform sets. The set
// makes them; a request may protect one from scaling in, tag it, and do to it what can be done to a
// machine.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/scale_sets.h"
#include "provider/schema.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr Member members[] = {
    {"latestModelApplied", boolean, read_only},
    {"vmId", text, read_only},
    {"instanceView", free, read_only},
    {"hardwareProfile", free, read_only},
    {"storageProfile", free, read_only},
    {"osProfile", free, read_only},
    {"networkProfile", free, read_only},
    {"networkProfileConfiguration", free, read_only},
    {"diagnosticsProfile", free, read_only},
    {"securityProfile", free, read_only},
    {"additionalCapabilities", free, read_only},
    {"availabilitySet", free, read_only},
    {"licenseType", text, read_only},
    {"modelDefinitionApplied", text, read_only},
    {"protectionPolicy", object, changeable},
    {"protectionPolicy.protectFromScaleIn", boolean, changeable},
    {"protectionPolicy.protectFromScaleSetActions", boolean, changeable},
    {"userData", free, read_only},
    {"timeCreated", text, read_only},
    {"provisioningState", text, read_only},
};
constexpr Schema schema{members};

Result<> check_name(std::string_view name) {
  if (parse_int(name, 0, 1'000'000'000)) return {};
  return fail(arm::invalid_parameter(
      "instanceId", fmt::format("The instance id '{}' is not a number.", name.substr(0, 60))));
}

Result<> prepare(Draft& draft) {
  if (!draft.current) {
    return fail(arm::error(
        Kind::not_found, "NotFound",
        fmt::format("The entity was not found: the scale set '{}' has no instance {}. Raise its "
                    "sku.capacity to have more.",
                    draft.wanted.id.parent().name(), draft.wanted.id.name())));
  }
  // All else stays as it is.
  Json kept = draft.current->properties;
  erase_path(kept, "protectionPolicy");
  if (const Json* policy = find_path(draft.wanted.properties, "protectionPolicy")) {
    set_path(kept, "protectionPolicy", *policy);
  }
  draft.wanted.properties = std::move(kept);
  draft.wanted.sku = draft.current->sku;
  draft.wanted.zones = draft.current->zones;
  return {};
}

Result<> removing(const Call&, model::Change& change, const model::Resource& instance) {
  return leave_set(change, instance);
}

Result<> show_instance(const Call& call, const model::Resource& instance, JsonObject& properties) {
  const auto expand = call.query.find("$expand");
  if (expand != call.query.end() && iequals(expand->second, "instanceView")) {
    properties["instanceView"] = instance_view_of(instance);
  }
  std::optional<model::Resource> set;
  if (call.above == nullptr) {
    if (auto found = call.model.find(instance.id.parent())) set = std::move(*found);
  }
  const model::Resource* above = set ? &*set : call.above;
  if (above != nullptr) {
    properties["latestModelApplied"] = model::has_latest_model(*above, instance);
  }
  return {};
}

constexpr Action actions[] = {
    {"start", "start/action", "", start_machine},
    {"powerOff", "powerOff/action", "", power_off_machine},
    {"deallocate", "deallocate/action", "", deallocate_machine},
    {"restart", "restart/action", "", restart_machine},
    {"redeploy", "redeploy/action", "", restart_machine},
    {"reimage", "reimage/action", "", reimage_instance},
    {"reimageall", "reimageAll/action", "", reimage_all_of_instance},
    {"retrieveBootDiagnosticsData", "retrieveBootDiagnosticsData/action", "2020-06-01",
     boot_diagnostics},
};

}  // namespace

const ResourceType scale_set_instances{
    .provider = "Microsoft.Compute",
    .type = "virtualMachineScaleSets/virtualMachines",
    .api_versions = compute_api_versions(),
    .patch_since = "9999",
    .label = "vmScaleSetVM",
    .surface = "operations",
    .created_status = 200,
    .output = false,
    .schema = &schema,
    .check_name = check_name,
    .prepare = prepare,
    .removing = removing,
    .show = show_instance,
    .actions = actions,
    .placed = true,
    .remove_task = "delete_machine",
};

}  // namespace pinaco::provider
