// Microsoft.Compute/images: a generalized machine's disks under one name, without versions.
#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "provider/machines.h"
#include "provider/schema.h"
#include "provider/sources.h"
#include "provider/storage.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr std::string_view caching = "None|ReadOnly|ReadWrite";

constexpr Member members[] = {
    {"sourceVirtualMachine", object, fixed},
    {"sourceVirtualMachine.id", text, fixed},
    {"storageProfile", object, fixed},
    {"storageProfile.osDisk", object, fixed},
    {"storageProfile.osDisk.osType", text, fixed, "", "Windows|Linux"},
    {"storageProfile.osDisk.osState", text, fixed, "", "Generalized|Specialized"},
    {"storageProfile.osDisk.managedDisk", object, fixed},
    {"storageProfile.osDisk.managedDisk.id", text, fixed},
    {"storageProfile.osDisk.snapshot", object, fixed},
    {"storageProfile.osDisk.snapshot.id", text, fixed},
    {"storageProfile.osDisk.blobUri", text, fixed},
    {"storageProfile.osDisk.caching", text, fixed, "", caching},
    {"storageProfile.osDisk.diskSizeGB", number, fixed},
    {"storageProfile.osDisk.storageAccountType", text, fixed},
    {"storageProfile.dataDisks", list, fixed},
    {"storageProfile.dataDisks[]", object, fixed},
    {"storageProfile.dataDisks[].lun", number, fixed},
    {"storageProfile.dataDisks[].managedDisk", object, fixed},
    {"storageProfile.dataDisks[].managedDisk.id", text, fixed},
    {"storageProfile.dataDisks[].snapshot", object, fixed},
    {"storageProfile.dataDisks[].snapshot.id", text, fixed},
    {"storageProfile.dataDisks[].blobUri", text, fixed},
    {"storageProfile.dataDisks[].caching", text, fixed, "", caching},
    {"storageProfile.dataDisks[].diskSizeGB", number, fixed},
    {"storageProfile.dataDisks[].storageAccountType", text, fixed},
    {"storageProfile.zoneResilient", boolean, fixed},
    {"hyperVGeneration", text, fixed, "", "V1|V2"},
    {"provisioningState", text, read_only},
};
constexpr Schema schema{members};

constexpr std::int64_t gib = 1 << 30;

struct Taken {
  Json content;
  model::Resource disk;  // or nothing, of a blob
};

// The disk, snapshot or blob that an entry of storageProfile names.
Result<Taken> take_disk(const Draft& draft, const Json& said, const std::string& path) {
  const auto disk = string_at(said, "managedDisk.id");
  const auto snapshot = string_at(said, "snapshot.id");
  const auto uri = string_at(said, "blobUri");
  if (!uri.empty() && disk.empty() && snapshot.empty()) {
    auto content = TRY(content_of_blob(draft, uri, "", path + ".blobUri"));
    return Taken{.content = std::move(content), .disk = {}};
  }
  if (!uri.empty() || disk.empty() == snapshot.empty()) {
    return fail(arm::invalid_parameter(
        path, "Exactly one source is expected: managedDisk, snapshot or blobUri."));
  }
  const auto id = TRY(arm::ResourceId::parse(disk.empty() ? snapshot : disk));
  const char* type = disk.empty() ? "snapshots" : "disks";
  if (!id.is_resource() || !iequals(id.full_type(), fmt::format("Microsoft.Compute/{}", type))) {
    return fail(arm::invalid_parameter(path, fmt::format("'{}' is none of {}.", id.text(), type)));
  }
  TRY(may_take(draft.call, id, type));
  auto row = TRY(draft.find_linked(id));
  if (!row || row->location != draft.wanted.location) {
    return fail(arm::error(
        Kind::not_found, "NotFound",
        fmt::format("Source {} is not found in location '{}'.", id.text(), draft.wanted.location),
        path));
  }
  auto content = TRY(content_of_disk(*row));
  return Taken{.content = std::move(content), .disk = std::move(*row)};
}

Result<> from_machine(Draft& draft, std::string_view text) {
  const auto id = TRY(arm::ResourceId::parse(text));
  if (!iequals(id.full_type(), "Microsoft.Compute/virtualMachines") || !id.is_resource()) {
    return fail(arm::invalid_parameter("sourceVirtualMachine.id",
                                       fmt::format("'{}' is not a virtual machine.", id.text())));
  }
  TRY(draft.call.may_link("Microsoft.Compute/virtualMachines/write", id));
  const auto machine = TRY(draft.find_linked(id));
  if (!machine) return fail(arm::resource_not_found(id));
  if (!bool_at(machine->internal, "generalized")) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("The operation 'Create Image' requires the Virtual Machine '{}' to be "
                    "Generalized.",
                    machine->id.name())));
  }
  if (machine->location != draft.wanted.location) {
    return fail(arm::error(Kind::not_found, "NotFound",
                           fmt::format("The virtual machine '{}' is in '{}'; an image of it can "
                                       "only be made there.",
                                       machine->id.name(), machine->location)));
  }
  Json& properties = draft.wanted.properties;
  const Json contents = TRY(contents_of_machine(draft, *machine));
  JsonArray data;
  for (const Json& content : contents.get_array()) {
    Json shown = JsonObject{{"caching", "ReadWrite"},
                            {"diskSizeGB", (int_at(content, "sizeBytes") + gib - 1) / gib},
                            {"storageAccountType", "Standard_LRS"}};
    if (string_at(content, "role") == "os") {
      set_path(shown, "osType", string_at(machine->internal, "os.type"));
      set_path(shown, "osState", "Generalized");
      set_path(properties, "storageProfile.osDisk", std::move(shown));
    } else {
      set_path(shown, "lun", int_at(content, "lun"));
      data.push_back(std::move(shown));
    }
  }
  set_path(properties, "storageProfile.dataDisks", std::move(data));
  set_path(properties, "hyperVGeneration", string_at(machine->internal, "os.generation"));
  set_path(draft.wanted.internal, "contents", contents);
  return {};
}

Result<> from_disks(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const Json* os = find_path(properties, "storageProfile.osDisk");
  if (os == nullptr) return fail(arm::missing_parameter("storageProfile.osDisk"));
  for (const char* member : {"osType", "osState"}) {
    if (string_at(*os, member).empty()) {
      return fail(arm::missing_parameter(fmt::format("osDisk.{}", member)));
    }
  }
  if (string_at(*os, "osState") == "Specialized") {
    return fail(arm::error(Kind::invalid, "OperationNotAllowed",
                           "A managed image is generalized. For a specialized one use a gallery "
                           "image definition with osState Specialized.",
                           "osDisk.osState"));
  }
  // A blob does not say; what is older than this guesses.
  if (!string_at(*os, "blobUri").empty() && draft.call.api_version >= "2021-07-01" &&
      string_at(properties, "hyperVGeneration").empty()) {
    return fail(arm::missing_parameter("hyperVGeneration"));
  }
  JsonArray contents;
  std::set<std::int64_t> luns;
  auto taken = TRY(take_disk(draft, *os, "storageProfile.osDisk"));
  set_path(taken.content, "role", "os");
  if (string_at(properties, "hyperVGeneration").empty()) {
    const auto generation = string_at(taken.disk.properties, "hyperVGeneration");
    set_path(properties, "hyperVGeneration", generation.empty() ? "V1" : generation);
  }
  set_path(properties, "storageProfile.osDisk.diskSizeGB",
           (int_at(taken.content, "sizeBytes") + gib - 1) / gib);
  contents.push_back(std::move(taken.content));
  if (const Json* data = find_path(properties, "storageProfile.dataDisks")) {
    for (std::size_t i = 0; i < data->get_array().size(); i++) {
      const Json& said = data->get_array()[i];
      const auto path = fmt::format("storageProfile.dataDisks[{}]", i);
      const Json* lun = find_path(said, "lun");
      if (lun == nullptr) return fail(arm::missing_parameter(path + ".lun"));
      if (lun->get_int64() < 0 || lun->get_int64() > 63) {
        return fail(arm::out_of_range(path + ".lun", lun->get_int64(), 0, 63));
      }
      if (!luns.insert(lun->get_int64()).second) {
        return fail(arm::invalid_parameter(
            path + ".lun", fmt::format("A disk at LUN {} already exists.", lun->get_int64())));
      }
      auto disk = TRY(take_disk(draft, said, path));
      set_path(disk.content, "role", "data");
      set_path(disk.content, "lun", lun->get_int64());
      contents.push_back(std::move(disk.content));
    }
  }
  set_path(draft.wanted.internal, "contents", std::move(contents));
  return {};
}

Result<> prepare(Draft& draft) {
  const bool fresh = !draft.current || !bool_at(draft.current->internal, "created");
  if (!fresh) return {};
  const Json& properties = draft.wanted.properties;
  const std::string machine(string_at(properties, "sourceVirtualMachine.id"));
  const bool disks = find_path(properties, "storageProfile.osDisk") != nullptr;
  if (machine.empty() == !disks) {
    return fail(arm::invalid_parameter(
        "image.properties", "An image is made of either sourceVirtualMachine or storageProfile."));
  }
  TRY(machine.empty() ? from_disks(draft) : from_machine(draft, machine));
  for (const Json& content : find_path(draft.wanted.internal, "contents")->get_array()) {
    if (awaits_capture(content)) draft.task = "capture_contents";
  }
  return {};
}

}  // namespace

const ResourceType managed_images{
    .provider = "Microsoft.Compute",
    .type = "images",
    .api_versions = compute_api_versions(),
    .patch_since = "2015-06-15",
    .label = "image",
    .surface = "operations",
    .created_status = 201,
    .output = false,
    .schema = &schema,
    .check_name = [](std::string_view name) { return arm::check_disk_name(name, "imageName"); },
    .prepare = prepare,
    .removing = nullptr,
    .show = nullptr,
    .actions = {},
};

}  // namespace pinaco::provider
