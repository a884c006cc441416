// Microsoft.Compute/virtualMachines: the members, and the order in which a new one is checked.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/limits.h"
#include "provider/machine_members.h"
#include "provider/machines.h"
#include "provider/scale_sets.h"
#include "provider/schema.h"
#include "provider/sources.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr std::string_view versions_known[] = {
    "2015-06-15", "2016-03-30", "2016-04-30-preview", "2016-08-30", "2017-03-30", "2017-12-01",
    "2018-04-01", "2018-06-01", "2018-10-01",         "2019-03-01", "2019-07-01", "2019-12-01",
    "2020-06-01", "2020-12-01", "2021-03-01",         "2021-04-01", "2021-07-01", "2021-11-01",
    "2022-03-01", "2022-08-01", "2022-11-01",         "2023-03-01", "2023-07-01", "2023-09-01",
    "2024-03-01", "2024-07-01", "2024-11-01",         "2025-04-01", "2026-03-01", "2026-04-01"};

constexpr std::string_view options = "Attach|FromImage|Empty|Copy|Restore";

constexpr Member own[] = {
    {"hardwareProfile", object, changeable},
    {"hardwareProfile.vmSize", text, changeable},
    {"storageProfile.osDisk.createOption", text, fixed, "", options},
    {"storageProfile.osDisk.managedDisk.id", text, changeable},
    {"storageProfile.dataDisks[].createOption", text, changeable, "", options},
    {"storageProfile.dataDisks[].detachOption", text, changeable},
    {"storageProfile.dataDisks[].toBeDetached", boolean, changeable},
    {"storageProfile.dataDisks[].managedDisk.id", text, changeable},
    {"osProfile.computerName", text, fixed},
    {"networkProfile.networkInterfaces", list, changeable},
    {"networkProfile.networkInterfaces[]", object, changeable},
    {"networkProfile.networkInterfaces[].id", text, changeable},
    {"networkProfile.networkInterfaces[].properties", object, changeable},
    {"networkProfile.networkInterfaces[].properties.primary", boolean, changeable},
    {"networkProfile.networkInterfaces[].properties.deleteOption", text, changeable, "",
     "Delete|Detach"},
    {"availabilitySet", free, fixed},
    {"virtualMachineScaleSet", object, fixed, "2019-03-01"},
    {"virtualMachineScaleSet.id", text, fixed, "2019-03-01"},
    {"additionalCapabilities", free, changeable},
    {"extensionsTimeBudget", text, changeable},
    {"vmId", text, read_only},
    {"timeCreated", text, read_only, "2021-11-01"},
    {"instanceView", free, read_only},
    {"provisioningState", text, read_only},
};
constexpr MachineTable table("", own);
constexpr Schema schema{table.members()};

// An image may only be for machines of one security type. (That it may be, "…Supported", is no
// demand.)
Result<> check_security(const Draft& draft, const Image& image) {
  const Json* features = find_path(image.definition, "features");
  if (features == nullptr) return {};
  const auto said = string_at(draft.wanted.properties, "securityProfile.securityType");
  for (const Json& feature : features->get_array()) {
    const auto wanted = string_at(feature, "value");
    if (!iequals(string_at(feature, "name"), "SecurityType") || iequals(wanted, said)) continue;
    if (!iequals(wanted, "TrustedLaunch") && !iequals(wanted, "ConfidentialVM")) continue;
    return fail(arm::error(
        Kind::invalid, "BadRequest",
        fmt::format("The provided gallery image only supports creation of VMs and VM Scale Sets "
                    "with '{}' security type.",
                    wanted),
        "securityProfile.securityType"));
  }
  return {};
}

}  // namespace

Result<const MachineSize*> size_of(const Draft& draft) {
  const auto name = string_at(draft.wanted.properties, "hardwareProfile.vmSize");
  if (name.empty()) {
    return fail(arm::missing_parameter("hardwareProfile.vmSize"));
  }
  if (const auto* size = draft.call.world.find_size(name)) return size;
  std::vector<std::string> names;
  names.reserve(draft.call.world.sizes.size());
  for (const auto& size : draft.call.world.sizes) names.push_back(size.name);
  return fail(arm::invalid_parameter(
      "vmSize", fmt::format("The value {} provided for the VM size is not valid. The valid sizes "
                            "in the current region are: {}.",
                            name.substr(0, 80), join(names, ","))));
}

Result<> check_fit(Draft& draft, const Image& image, const MachineSize& size) {
  const auto generation = string_at(image.definition, "hyperVGeneration");
  if (!generation.empty() && size.generations.find(generation) == std::string::npos) {
    return fail(arm::error(
        Kind::invalid, "BadRequest",
        fmt::format("The selected VM size '{}' cannot boot Hypervisor Generation '{}'. If this was "
                    "a Create operation please check that the Hypervisor Generation of the Image "
                    "matches the Hypervisor Generation of the selected VM Size. If this was an "
                    "Update operation please select a Hypervisor Generation '{}' VM Size. For more "
                    "information, see https://aka.ms/azuregen2vm",
                    size.name, generation.substr(1), generation.substr(1))));
  }
  const auto architecture = string_at(image.definition, "architecture");
  if (!architecture.empty() && !iequals(architecture, size.architecture)) {
    return fail(arm::error(
        Kind::invalid, "BadRequest",
        fmt::format("Cannot create a VM of size '{}' because this VM size only supports a CPU "
                    "Architecture of '{}', but an image or disk with CPU Architecture '{}' was "
                    "given. Please check that the CPU Architecture of the image or disk is "
                    "compatible with that of the VM size.",
                    size.name, size.architecture, architecture)));
  }
  TRY(check_security(draft, image));
  const Json* plan = find_path(image.definition, "purchasePlan");
  if (plan != nullptr && !string_at(*plan, "name").empty()) {
    const Json* said = find_path(draft.wanted.internal, "plan");
    const auto matches = [&](const char* member) {
      return said != nullptr && iequals(string_at(*said, member), string_at(*plan, member));
    };
    // Found while the operation runs, as clients of the cloud see it.
    if (!matches("name") || !matches("publisher") || !matches("product")) {
      set_path(draft.wanted.internal, "refused.message",
               fmt::format("Creating a virtual machine from Marketplace image or a custom image "
                           "sourced from a Marketplace image requires Plan information in the "
                           "request. VM: '{}'.",
                           draft.wanted.id.text()));
      set_path(draft.wanted.internal, "refused.code", "VMMarketplaceInvalidInput");
    }
  }
  return {};
}

void note_size(Draft& draft, const MachineSize& size) {
  set_path(draft.wanted.internal, "size",
           JsonObject{{"processors", size.processors}, {"memoryMib", size.memory_mib}});
}

namespace {

Result<> prepare_new(Draft& draft) {
  const auto* size = TRY(size_of(draft));
  TRY(check_limit(draft, "virtualMachines"));
  Json& properties = draft.wanted.properties;
  draft.wanted.internal = JsonObject();
  if (const Json* plan = find_member(draft.envelope, "plan");
      plan != nullptr && plan->is_object()) {
    set_path(draft.wanted.internal, "plan", *plan);
  }
  Image image;
  if (const Json* reference = find_path(properties, "storageProfile.imageReference")) {
    image = TRY(find_machine_image(draft, *reference));
    set_path(properties, "storageProfile.imageReference.exactVersion", image.exact_version);
    draft.warnings = image.warnings;
    advise_on_size(image.definition, *size, image.shown, draft.warnings);
  }
  note_size(draft, *size);
  auto disks = TRY(prepare_disks(draft, image, *size));
  TRY(put_disks(draft, std::move(disks)));
  TRY(check_fit(draft, image, *size));
  TRY(prepare_profile(draft, image));
  TRY(prepare_cards(draft));
  TRY(prepare_membership(draft));
  set_path(properties, "vmId", draft.change.random().uuid());
  set_path(properties, "timeCreated", to_iso8601(draft.change.now()));
  set_path(draft.wanted.internal, "power", "starting");
  set_path(draft.wanted.internal, "generalized", false);
  set_path(draft.wanted.internal, "created", true);  // what fails is there, to be looked at
  draft.task = "create_machine";
  return {};
}

Result<> prepare_change(Draft& draft) {
  const auto* size = TRY(size_of(draft));
  const auto& current = *draft.current;
  const auto power = string_at(current.internal, "power");
  if (string_at(current.properties, "hardwareProfile.vmSize") !=
          string_at(draft.wanted.properties, "hardwareProfile.vmSize") &&
      power != "deallocated") {
    return fail(machine_is(current, "resize", "allocated. Deallocate it first"));
  }
  const auto generation = string_at(current.internal, "os.generation");
  if (size->generations.find(generation) == std::string::npos) {
    Image image;
    set_path(image.definition, "hyperVGeneration", generation);
    TRY(check_fit(draft, image, *size));
  }
  note_size(draft, *size);
  TRY(prepare_profile(draft, Image{}));
  TRY(change_disks(draft, *size));
  TRY(prepare_cards(draft));
  draft.task = "update_machine";
  return {};
}

Result<> prepare(Draft& draft) {
  const bool fresh = !draft.current || !bool_at(draft.current->internal, "created");
  return fresh ? prepare_new(draft) : prepare_change(draft);
}

Result<> show_machine(const Call& call, const model::Resource& machine, JsonObject& properties) {
  const auto expand = call.query.find("$expand");
  if (expand != call.query.end() && iequals(expand->second, "instanceView") &&
      call.id.is_resource()) {
    properties["instanceView"] = instance_view_of(machine);
  }
  if (expand != call.query.end() && iequals(expand->second, "userData") && call.id.is_resource()) {
    const auto data = string_at(machine.internal, "secrets.userData");
    if (!data.empty()) properties["userData"] = data;
  }
  return {};
}

// What goes along may have a lock of its own.
Result<> removing(const Call&, model::Change& change, const model::Resource& machine) {
  TRY(leave_set(change, machine));
  const auto check = [&](const Json& part, const char* option, const char* id) -> Result<> {
    if (string_at(part, option) != "Delete") return {};
    return access::check_locks(change, string_at(part, id), true);
  };
  const Json& properties = machine.properties;
  if (const Json* os = find_path(properties, "storageProfile.osDisk")) {
    TRY(check(*os, "deleteOption", "managedDisk.id"));
  }
  if (const Json* data = find_path(properties, "storageProfile.dataDisks")) {
    for (const Json& disk : data->get_array()) {
      TRY(check(disk, "deleteOption", "managedDisk.id"));
    }
  }
  if (const Json* cards = find_path(properties, "networkProfile.networkInterfaces")) {
    for (const Json& card : cards->get_array()) TRY(check(card, "properties.deleteOption", "id"));
  }
  return {};
}

Result<> check_name(std::string_view name) {
  TRY(arm::check_disk_name(name, "vmName"));
  if (name.size() <= 64) return {};
  return fail(
      arm::invalid_parameter("vmName", "The name of a virtual machine has at most 64 characters."));
}

constexpr Action actions[] = {
    {"start", "start/action", "", start_machine},
    {"powerOff", "powerOff/action", "", power_off_machine},
    {"deallocate", "deallocate/action", "", deallocate_machine},
    {"restart", "restart/action", "", restart_machine},
    {"redeploy", "redeploy/action", "", restart_machine},
    {"reapply", "reapply/action", "", reapply_machine},
    {"generalize", "generalize/action", "", generalize_machine},
    {"retrieveBootDiagnosticsData", "retrieveBootDiagnosticsData/action", "2020-06-01",
     boot_diagnostics},
};

}  // namespace

std::span<const std::string_view> compute_api_versions() {
  return versions_known;
}

const ResourceType virtual_machines{
    .provider = "Microsoft.Compute",
    .type = "virtualMachines",
    .api_versions = versions_known,
    .patch_since = "2015-06-15",
    .label = "virtualMachine",
    .surface = "operations",
    .created_status = 201,
    .output = false,
    .schema = &schema,
    .check_name = check_name,
    .prepare = prepare,
    .removing = removing,
    .show = show_machine,
    .actions = actions,
    .placed = true,
    .remove_task = "delete_machine",
};

}  // namespace pinaco::provider
