// The disks of a machine: rows of their own, made with it or attached to it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "provider/disk_access.h"
#include "provider/disk_growth.h"
#include "provider/machines.h"
#include "provider/sources.h"

namespace pinaco::provider {
namespace {

constexpr std::int64_t gib = 1 << 30;

std::string slot_of(std::int64_t lun) {
  return fmt::format("lun{}", lun);
}

bool disallows(const Image& image, std::string_view sku) {
  const Json* types = find_path(image.definition, "disallowed.diskTypes");
  if (types == nullptr) return false;
  return std::ranges::any_of(types->get_array(), [&](const Json& type) {
    return type.is_string() && iequals(type.get_string(), sku);
  });
}

Result<std::string> sku_of(const Image& image, const MachineSize& size, const Json& disk,
                           std::string_view path) {
  std::string sku(string_at(disk, "managedDisk.storageAccountType"));
  if (sku.empty()) {
    // Premium where the size takes it, else Standard; another where the image disallows that.
    std::vector<std::string> good{"Premium_LRS", "StandardSSD_LRS", "Standard_LRS"};
    if (!size.premium) good = {"Standard_LRS", "StandardSSD_LRS"};
    const auto allowed = std::ranges::find_if(
        good, [&](const std::string& each) { return !disallows(image, each); });
    sku = allowed == good.end() ? "Standard_LRS" : *allowed;
  }
  if (!size.premium && istarts_with(sku, "Premium")) {
    return fail(arm::invalid_parameter(
        std::string(path),
        fmt::format("Requested operation cannot be performed because the VM size {} does not "
                    "support the storage account type {}. Consider a size that takes Premium "
                    "disks, or Standard_LRS.",
                    size.name, sku)));
  }
  if (disallows(image, sku)) {
    return fail(arm::error(Kind::conflict, "OperationNotAllowed",
                           fmt::format("The image '{}' does not allow disks of type '{}'. Choose "
                                       "another storageAccountType.",
                                       image.shown, sku),
                           std::string(path)));
  }
  return sku;
}

struct NewDisk {
  std::string name;
  std::string slot;
  std::string option;  // FromImage, Empty
  std::string sku;
  std::int64_t size_gb = 0;  // 0: that of the content
  Json content = nullptr;    // null: zeros
};

// A disk that comes with the machine, as a row.
Result<model::Resource> make_disk(Draft& draft, const Image& image, const NewDisk& wanted,
                                  std::string_view path) {
  model::Resource disk{
      .id = draft.wanted.id, .location = draft.wanted.location, .created = draft.change.now()};
  disk.id.types = {"disks"};
  disk.id.names = {wanted.name};
  TRY(arm::check_disk_name(wanted.name, "diskName"));
  const std::int64_t stored = int_at(wanted.content, "sizeBytes");
  const std::int64_t asked = wanted.size_gb * gib;
  if (wanted.size_gb < 0 || wanted.size_gb > 32767) {
    return fail(arm::out_of_range(fmt::format("{}.diskSizeGB", path), wanted.size_gb, 1, 32767));
  }
  if (asked != 0 && asked < stored) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("The specified disk size {} GB is smaller than the size of the corresponding "
                    "disk in the VM image: {} GB. This is not allowed. Please choose equal or "
                    "greater size or do not specify an explicit size.",
                    wanted.size_gb, (stored + gib - 1) / gib),
        fmt::format("{}.diskSizeGB", path)));
  }
  const std::int64_t bytes = std::max(stored, asked);
  Json creation = JsonObject{{"createOption", wanted.option}};
  if (wanted.option == "FromImage") {
    const bool managed = find_path(image.definition, "identifier") == nullptr;
    set_path(creation, managed ? "imageReference.id" : "galleryImageReference.id", image.shown);
  }
  disk.properties =
      JsonObject{{"creationData", std::move(creation)},
                 {"diskSizeGB", (bytes + gib - 1) / gib},
                 {"diskSizeBytes", bytes},
                 {"diskState", "Attached"},
                 {"uniqueId", draft.change.random().uuid()},
                 {"timeCreated", to_iso8601(draft.change.now())},
                 {"encryption", JsonObject{{"type", "EncryptionAtRestWithPlatformKey"}}},
                 {"networkAccessPolicy", "AllowAll"}};
  if (wanted.slot == "os") {
    for (const char* member : {"osType", "hyperVGeneration"}) {
      const auto value = string_at(image.definition, member);
      if (!value.empty()) set_path(disk.properties, member, value);
    }
  }
  disk.sku = JsonObject{{"name", wanted.sku},
                        {"tier", istarts_with(wanted.sku, "Premium") ? "Premium" : "Standard"}};
  disk.tags = draft.wanted.tags;
  disk.internal = JsonObject{{"created", true}, {"image", image.id}};
  if (!wanted.content.is_null()) set_path(disk.internal, "content", wanted.content);
  return disk;
}

void make_owned(const Draft& draft, model::Resource& disk, std::string_view slot) {
  set_path(disk.internal, "machine",
           JsonObject{{"id", draft.wanted.id.text()}, {"slot", std::string(slot)}});
  set_path(disk.internal, "managedBy", draft.wanted.id.text());
  set_path(disk.properties, "diskState", "Attached");
}

// A disk that is there already and belongs to nobody.
Result<model::Resource> find_free_disk(Draft& draft, std::string_view text, std::string_view path) {
  const auto id = arm::ResourceId::parse(text);
  if (!id || !id->is_resource() || !iequals(id->full_type(), "Microsoft.Compute/disks")) {
    return fail(arm::invalid_parameter(
        std::string(path), fmt::format("'{}' is not a managed disk.", text.substr(0, 300))));
  }
  TRY(draft.call.may_link("Microsoft.Compute/disks/read", *id));
  TRY(draft.call.may_link("Microsoft.Compute/disks/write", *id));
  std::optional<model::Resource> disk;
  if (iequals(id->subscription, draft.change.subscription())) disk = TRY(draft.change.find(*id));
  if (!disk || disk->location != draft.wanted.location) {
    return fail(
        arm::error(Kind::not_found, "NotFound",
                   fmt::format("Disk {} is not found in the virtual machine's location '{}'.",
                               id->text(), draft.wanted.location)));
  }
  // Also to this machine: a disk is there once.
  const auto owner = string_at(disk->internal, "machine.id");
  if (!owner.empty()) {
    return fail(arm::error(
        Kind::conflict, "ConflictingUserInput",
        fmt::format("Cannot attach the disk {} to VM {} because it is already attached to VM {}. A "
                    "disk can be attached to only one VM at a time.",
                    disk->id.name(), draft.wanted.id.name(), owner)));
  }
  if (!disk->operation.empty()) {
    return fail(arm::error(Kind::conflict, "Conflict",
                           fmt::format("An operation is working on the disk '{}'. Wait until it "
                                       "has ended.",
                                       disk->id.name())));
  }
  TRY(check_no_links(draft.change, *disk, draft.change.now()));
  TRY(check_group_stays(draft.change, disk->id));
  TRY(content_of_disk(*disk));
  return std::move(*disk);
}

Json shown_disk(const model::Resource& disk, const Json& said, std::string_view option) {
  const auto caching = string_at(said, "caching");
  const auto fate = string_at(said, "deleteOption");
  return JsonObject{
      {"name", disk.id.name()},
      {"createOption", option},
      {"caching",
       caching.empty() ? (find_path(said, "lun") == nullptr ? "ReadWrite" : "None") : caching},
      {"managedDisk",
       JsonObject{{"id", disk.id.text()}, {"storageAccountType", string_at(disk.sku, "name")}}},
      {"diskSizeGB", int_at(disk.properties, "diskSizeGB")},
      {"deleteOption", fate.empty() ? "Detach" : fate}};
}

// One entry of dataDisks becomes a row and what is shown of it.
Result<Json> prepare_data_disk(Draft& draft, const Image& image, const MachineSize& size,
                               const Json& said, std::size_t number,
                               std::vector<MachineDisk>& made) {
  const auto path = fmt::format("dataDisks[{}]", number);
  const Json* lun = find_path(said, "lun");
  if (lun == nullptr) return fail(arm::missing_parameter(path + ".lun"));
  if (lun->get_int64() < 0 || lun->get_int64() > 63) {
    return fail(arm::out_of_range(path + ".lun", lun->get_int64(), 0, 63));
  }
  const auto slot = slot_of(lun->get_int64());
  const auto option = string_at(said, "createOption");
  std::string name(string_at(said, "name"));
  if (option == "Attach") {
    auto disk =
        TRY(find_free_disk(draft, string_at(said, "managedDisk.id"), path + ".managedDisk.id"));
    make_owned(draft, disk, slot);
    TRY(draft.change.put(disk));
    Json shown = shown_disk(disk, said, "Attach");
    set_path(shown, "lun", lun->get_int64());
    return shown;
  }
  if (name.empty()) {
    name = fmt::format("{}_disk{}_{}", draft.wanted.id.name().substr(0, 38), number + 2,
                       draft.change.random().hex(16));
  }
  auto sku = TRY(sku_of(image, size, said, path));
  NewDisk wanted{.name = std::move(name),
                 .slot = slot,
                 .option = std::string(option),
                 .sku = std::move(sku),
                 .size_gb = int_at(said, "diskSizeGB")};
  if (option == "Empty") {
    if (wanted.size_gb == 0) return fail(arm::missing_parameter(path + ".diskSizeGB"));
  } else if (option == "FromImage") {
    for (const Json& content : image.contents.get_array()) {
      if (string_at(content, "role") == "data" && int_at(content, "lun") == lun->get_int64()) {
        wanted.content = content;
      }
    }
    if (wanted.content.is_null()) {
      return fail(arm::invalid_parameter(
          path + ".lun", fmt::format("StorageProfile.dataDisks.lun does not have required value(s) "
                                     "for image specified in storage profile: it has no data disk "
                                     "with lun {}.",
                                     lun->get_int64())));
    }
  } else {
    return fail(arm::invalid_parameter(
        path + ".createOption",
        fmt::format("The createOption '{}' is not one of Attach, Empty, FromImage.", option)));
  }
  auto disk = TRY(make_disk(draft, image, wanted, path));
  Json shown = shown_disk(disk, said, option);
  set_path(shown, "lun", lun->get_int64());
  made.push_back({.slot = slot, .row = std::move(disk)});
  return shown;
}

Result<> check_luns(const JsonArray& disks, const MachineSize& size) {
  std::set<std::int64_t> luns;
  for (const Json& disk : disks) {
    if (luns.insert(int_at(disk, "lun")).second) continue;
    return fail(arm::invalid_parameter(
        "dataDisks", fmt::format("A disk at LUN {} already exists.", int_at(disk, "lun"))));
  }
  if (disks.size() > static_cast<std::size_t>(size.data_disks_max)) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("The maximum number of data disks allowed to be attached to a VM of this size "
                    "is {}.",
                    size.data_disks_max),
        "dataDisks"));
  }
  return {};
}

Result<> prepare_os_disk(Draft& draft, const Image& image, const MachineSize& size,
                         std::vector<MachineDisk>& made) {
  Json& properties = draft.wanted.properties;
  const Json* given = find_path(properties, "storageProfile.osDisk");
  const Json said = given == nullptr ? Json(JsonObject()) : *given;
  auto option = string_at(said, "createOption");
  const bool has_image = !image.contents.get_array().empty();
  if (option.empty() && has_image) option = "FromImage";
  if (option == "Attach") {
    auto disk =
        TRY(find_free_disk(draft, string_at(said, "managedDisk.id"), "osDisk.managedDisk.id"));
    make_owned(draft, disk, "os");
    TRY(draft.change.put(disk));
    Json shown = shown_disk(disk, said, "Attach");
    auto type = string_at(disk.properties, "osType");
    if (type.empty()) type = string_at(said, "osType");
    if (type.empty()) return fail(arm::missing_parameter("osDisk.osType"));
    set_path(shown, "osType", type);
    const auto generation = string_at(disk.properties, "hyperVGeneration");
    set_path(draft.wanted.internal, "os",
             JsonObject{{"type", type},
                        {"state", "Specialized"},
                        {"generation", generation.empty() ? "V1" : generation}});
    set_path(properties, "storageProfile.osDisk", std::move(shown));
    return {};
  }
  if (option != "FromImage" || !has_image) {
    return fail(arm::missing_parameter("imageReference"));
  }
  std::string name(string_at(said, "name"));
  if (name.empty()) {
    name = fmt::format("{}_OsDisk_1_{}", draft.wanted.id.name().substr(0, 38),
                       draft.change.random().hex(16));
  }
  auto sku = TRY(sku_of(image, size, said, "osDisk"));
  NewDisk wanted{.name = std::move(name),
                 .slot = "os",
                 .option = "FromImage",
                 .sku = std::move(sku),
                 .size_gb = int_at(said, "diskSizeGB")};
  for (const Json& content : image.contents.get_array()) {
    if (string_at(content, "role") == "os") wanted.content = content;
  }
  auto disk = TRY(make_disk(draft, image, wanted, "osDisk"));
  Json shown = shown_disk(disk, said, "FromImage");
  made.push_back({.slot = "os", .row = std::move(disk)});
  set_path(shown, "osType", string_at(image.definition, "osType"));
  set_path(properties, "storageProfile.osDisk", std::move(shown));
  const auto generation = string_at(image.definition, "hyperVGeneration");
  set_path(draft.wanted.internal, "os",
           JsonObject{{"type", string_at(image.definition, "osType")},
                      {"state", string_at(image.definition, "osState")},
                      {"generation", generation.empty() ? "V1" : generation}});
  return {};
}

}  // namespace

Result<std::vector<MachineDisk>> prepare_disks(Draft& draft, const Image& image,
                                               const MachineSize& size) {
  std::vector<MachineDisk> made;
  Json& properties = draft.wanted.properties;
  JsonArray said;
  if (const Json* given = find_path(properties, "storageProfile.dataDisks")) {
    said = given->get_array();
  }
  // The image's data disks come along, listed or not.
  for (const Json& content : image.contents.get_array()) {
    if (string_at(content, "role") != "data") continue;
    bool listed = false;
    for (const Json& disk : said) {
      listed = listed || int_at(disk, "lun", -1) == int_at(content, "lun");
    }
    if (listed) continue;
    said.push_back(JsonObject{{"lun", int_at(content, "lun")}, {"createOption", "FromImage"}});
  }
  TRY(check_luns(said, size));
  TRY(prepare_os_disk(draft, image, size, made));
  JsonArray shown;
  for (std::size_t i = 0; i < said.size(); i++) {
    shown.push_back(TRY(prepare_data_disk(draft, image, size, said[i], i, made)));
  }
  set_path(properties, "storageProfile.dataDisks", std::move(shown));
  return made;
}

Result<> put_disks(Draft& draft, std::vector<MachineDisk> made) {
  for (auto& disk : made) {
    if (TRY(draft.change.find(disk.row.id))) {
      return fail(arm::error(
          Kind::conflict, "ConflictingUserInput",
          fmt::format("Disk {} already exists in resource group {}. Only CreateOption.Attach is "
                      "supported.",
                      disk.row.id.name(), draft.wanted.id.group)));
    }
    make_owned(draft, disk.row, disk.slot);
    TRY(draft.change.put(disk.row));
  }
  return {};
}

// Attaches what is new in the list and leaves to the worker to detach what is gone from it.
Result<> change_disks(Draft& draft, const MachineSize& size) {
  Json& properties = draft.wanted.properties;
  const Json& before = draft.current->properties;
  Json os = *find_path(before, "storageProfile.osDisk");
  constexpr std::string_view os_path = "storageProfile.osDisk";
  const Json os_said = find_path(properties, os_path) ? *find_path(properties, os_path) : Json();
  const auto os_id = string_at(os_said, "managedDisk.id");
  if (!os_id.empty() && !iequals(os_id, string_at(os, "managedDisk.id"))) {
    return fail(arm::property_change_not_allowed(fmt::format("{}.managedDisk.id", os_path)));
  }
  TRY(grow_listed(draft, os, os_said, os_path));
  for (const char* member : {"caching", "deleteOption"}) {
    const auto value = string_at(properties, fmt::format("storageProfile.osDisk.{}", member));
    if (!value.empty()) set_path(os, member, value);
  }
  const Json* given = find_path(properties, "storageProfile.dataDisks");
  const Json* old = find_path(before, "storageProfile.dataDisks");
  const JsonArray kept = old == nullptr ? JsonArray() : old->get_array();
  const JsonArray said = given == nullptr ? kept : given->get_array();
  set_path(properties, "storageProfile.osDisk", std::move(os));
  JsonArray wanted;
  JsonArray attach;
  std::vector<MachineDisk> made;
  std::set<std::string> stays;
  for (std::size_t i = 0; i < said.size(); i++) {
    if (bool_at(said[i], "toBeDetached")) continue;
    const Json* known = nullptr;
    for (const Json& each : kept) {
      const auto id = string_at(said[i], "managedDisk.id");
      const auto name = string_at(said[i], "name");
      // A template that names neither means the disk at that lun.
      const bool same = !id.empty()     ? iequals(string_at(each, "managedDisk.id"), id)
                        : !name.empty() ? iequals(string_at(each, "name"), name)
                                        : string_at(said[i], "createOption") != "Attach";
      if (same && int_at(each, "lun") == int_at(said[i], "lun", -1)) known = &each;
    }
    if (known == nullptr) {
      wanted.push_back(TRY(prepare_data_disk(draft, Image{}, size, said[i], i, made)));
      attach.push_back(Json(slot_of(int_at(wanted.back(), "lun"))));
      continue;
    }
    Json entry = *known;
    for (const char* member : {"caching", "deleteOption"}) {
      const auto value = string_at(said[i], member);
      if (!value.empty()) set_path(entry, member, value);
    }
    TRY(grow_listed(draft, entry, said[i], fmt::format("dataDisks[{}]", i)));
    stays.insert(slot_of(int_at(entry, "lun")));
    wanted.push_back(std::move(entry));
  }
  TRY(check_luns(wanted, size));
  TRY(put_disks(draft, std::move(made)));
  for (const Json& each : kept) {
    const auto slot = slot_of(int_at(each, "lun"));
    if (stays.contains(slot)) continue;
    for (const Json& again : attach) {
      if (again.get_string() != slot) continue;
      return fail(arm::error(
          Kind::conflict, "OperationNotAllowed",
          fmt::format("The disk at LUN {} must be detached before another takes its place: do it "
                      "in two requests.",
                      int_at(each, "lun"))));
    }
  }
  set_path(properties, "storageProfile.dataDisks", std::move(wanted));
  set_path(draft.input, "attach", std::move(attach));
  return {};
}

}  // namespace pinaco::provider
