// Microsoft.Compute/disks and snapshots, as far as upload, copy and FromImage go.
#include "provider/disks.h"

#include <fmt/format.h>

#include "base/text.h"
#include "provider/disk_access.h"
#include "provider/disk_growth.h"
#include "provider/schema.h"
#include "provider/sources.h"
#include "provider/storage.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view versions_known[] = {
    "2016-04-30-preview", "2017-03-30", "2018-04-01", "2018-06-01", "2018-09-30", "2019-03-01",
    "2019-07-01",         "2019-11-01", "2020-05-01", "2020-06-30", "2020-09-30", "2020-12-01",
    "2021-04-01",         "2021-08-01", "2021-12-01", "2022-03-02", "2022-07-02", "2023-01-02",
    "2023-04-02",         "2023-10-02", "2024-03-02", "2025-01-02", "2026-03-02"};

using enum Shape;
using enum Access;

constexpr Member disk_members[] = {
    {"osType", text, fixed, "", "Windows|Linux"},
    {"hyperVGeneration", text, fixed, "", "V1|V2"},
    {"creationData", object, fixed},
    {"creationData.createOption", text, fixed, "",
     "Empty|Attach|FromImage|Import|Copy|Restore|Upload|CopyStart|ImportSecure|"
     "UploadPreparedSecure"},
    {"creationData.uploadSizeBytes", number, fixed},
    {"creationData.sourceResourceId", text, fixed},
    {"creationData.sourceUri", text, fixed},
    {"creationData.storageAccountId", text, fixed},
    {"creationData.sourceUniqueId", text, read_only},
    {"creationData.logicalSectorSize", number, fixed},
    {"creationData.performancePlus", boolean, fixed, "2022-07-02"},
    {"creationData.imageReference", object, fixed},
    {"creationData.imageReference.id", text, fixed},
    {"creationData.imageReference.lun", number, fixed},
    {"creationData.galleryImageReference", object, fixed},
    {"creationData.galleryImageReference.id", text, fixed},
    {"creationData.galleryImageReference.lun", number, fixed},
    {"creationData.galleryImageReference.sharedGalleryImageId", text, fixed, "2022-03-02"},
    {"creationData.galleryImageReference.communityGalleryImageId", text, fixed, "2022-03-02"},
    {"diskSizeGB", number, changeable},
    {"diskSizeBytes", number, read_only},
    {"uniqueId", text, read_only},
    {"timeCreated", text, read_only},
    {"diskState", text, read_only},
    {"incremental", boolean, fixed},
    {"incrementalSnapshotFamilyId", text, read_only},
    {"encryption", object, changeable},
    {"encryption.type", text, changeable},
    {"encryption.diskEncryptionSetId", text, changeable},
    {"networkAccessPolicy", text, changeable, "", "AllowAll|AllowPrivate|DenyAll"},
    {"publicNetworkAccess", text, changeable, "", "Enabled|Disabled"},
    {"diskIOPSReadWrite", number, changeable},
    {"diskMBpsReadWrite", number, changeable},
    {"tier", text, changeable},
    {"burstingEnabled", boolean, changeable},
    {"optimizedForFrequentAttach", boolean, changeable, "2023-04-02"},
    {"maxShares", number, changeable},
    {"supportsHibernation", boolean, changeable},
    {"supportedCapabilities", object, changeable},
    {"supportedCapabilities.architecture", text, changeable, "", "x64|Arm64"},
    {"supportedCapabilities.acceleratedNetwork", boolean, changeable},
    {"supportedCapabilities.diskControllerTypes", text, changeable},
    {"provisioningState", text, read_only},
};
constexpr Schema disk_schema{disk_members};

constexpr std::int64_t mib = 1 << 20;
constexpr std::int64_t gib = 1 << 30;
constexpr std::int64_t upload_bytes_min = 20 * mib + 512;
constexpr std::int64_t upload_bytes_max = (std::int64_t{32} << 40) + 512;

bool is_snapshot(const ResourceType& type) {
  return type.type == "snapshots";
}

std::string path_of(const Draft& draft, std::string_view member) {
  return fmt::format("{}.properties.{}", draft.type.label, member);
}

Result<> prepare_upload(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const Json* size = find_path(properties, "creationData.uploadSizeBytes");
  const auto path = path_of(draft, "creationData.uploadSizeBytes");
  if (size == nullptr) return fail(arm::missing_parameter(path));
  const std::int64_t bytes = size->get_int64();
  if (bytes < upload_bytes_min || bytes > upload_bytes_max) {
    return fail(arm::out_of_range(path, bytes, upload_bytes_min, upload_bytes_max));
  }
  if ((bytes - 512) % mib != 0) {
    return fail(arm::invalid_parameter(
        path, fmt::format("The value {} of parameter {} is invalid: it must be 512 bytes (the VHD "
                          "footer) more than a whole number of MiB. The next valid value is {}.",
                          bytes, path, ((bytes - 512) / mib + 1) * mib + 512)));
  }
  set_path(properties, "diskState", "ReadyToUpload");
  set_path(properties, "diskSizeBytes", bytes - 512);
  set_path(draft.wanted.internal, "upload", JsonObject{{"bytes", bytes}});
  return {};
}

// Takes over the stored content of a disk, a snapshot or an image's disk: no byte moves.
Result<> take_content(Draft& draft, const Json& content) {
  Json& properties = draft.wanted.properties;
  const std::int64_t bytes = int_at(content, "sizeBytes");
  const std::int64_t wanted = int_at(properties, "diskSizeGB") * gib;
  if (wanted != 0 && wanted < bytes) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("The specified disk size {} GB is smaller than the size of the corresponding "
                    "disk in the VM image: {} GB. This is not allowed. Please choose equal or "
                    "greater size or do not specify an explicit size.",
                    wanted / gib, (bytes + gib - 1) / gib),
        path_of(draft, "diskSizeGB")));
  }
  set_path(properties, "diskSizeBytes", std::max(bytes, wanted));
  set_path(properties, "diskState", "Unattached");
  set_path(draft.wanted.internal, "content", content);
  if (awaits_capture(content)) draft.task = "capture_contents";
  return {};
}

// A VHD in a storage account, which a worker stores.
Result<> prepare_import(Draft& draft) {
  const Json& properties = draft.wanted.properties;
  const auto path = path_of(draft, "creationData.sourceUri");
  const auto uri = string_at(properties, "creationData.sourceUri");
  if (uri.empty()) return fail(arm::missing_parameter(path));
  return take_content(
      draft, TRY(content_of_blob(draft, uri, string_at(properties, "creationData.storageAccountId"),
                                 path)));
}

Result<> prepare_copy(Draft& draft) {
  const auto path = path_of(draft, "creationData.sourceResourceId");
  const auto text = string_at(draft.wanted.properties, "creationData.sourceResourceId");
  if (text.empty()) return fail(arm::missing_parameter(path));
  const auto id = TRY(arm::ResourceId::parse(text));
  const bool disk = iequals(id.full_type(), "Microsoft.Compute/disks");
  if (!disk && !iequals(id.full_type(), "Microsoft.Compute/snapshots")) {
    return fail(arm::invalid_parameter(
        path, fmt::format("The source '{}' must be a managed disk or snapshot.", text)));
  }
  TRY(may_take(draft.call, id, disk ? "disks" : "snapshots"));
  const auto source = TRY(draft.find_linked(id));
  if (!source) return fail(arm::resource_not_found(id));
  if (source->location != draft.wanted.location) {
    return fail(arm::invalid_parameter(
        path,
        fmt::format("The source '{}' is in location '{}'; a copy can only be made in the same "
                    "location, not in '{}'.",
                    text, source->location, draft.wanted.location)));
  }
  const auto unique = string_at(source->properties, "uniqueId");
  set_path(draft.wanted.properties, "creationData.sourceUniqueId", unique);
  if (bool_at(draft.wanted.properties, "incremental")) {
    if (!disk) {
      return fail(arm::error(Kind::conflict, "OperationNotAllowed",
                             fmt::format("An incremental snapshot is made of a disk, and '{}' is a "
                                         "snapshot. Leave incremental out for a full copy.",
                                         text),
                             path));
    }
    // All those of one disk are a family.
    set_path(draft.wanted.properties, "incrementalSnapshotFamilyId", unique);
  }
  for (const char* member : {"osType", "hyperVGeneration"}) {
    const auto value = string_at(source->properties, member);
    if (!value.empty() && find_path(draft.wanted.properties, member) == nullptr) {
      set_path(draft.wanted.properties, member, value);
    }
  }
  return take_content(draft, TRY(content_of_disk(*source)));
}

// The version that a disk is made from, with its definition, and the member that named it.
struct ImageSource {
  std::string member;
  model::Resource version;
  model::Resource definition;
  std::string shown;  // as the caller calls it
};

Result<ImageSource> find_image(Draft& draft) {
  const Json& properties = draft.wanted.properties;
  const std::string gallery = "creationData.galleryImageReference";
  std::string member, text;
  int given = 0;
  for (const auto& each :
       {gallery + ".id", gallery + ".sharedGalleryImageId", gallery + ".communityGalleryImageId",
        std::string("creationData.imageReference.id")}) {
    const auto said = string_at(properties, each);
    if (said.empty()) continue;
    given++;
    member = each;
    text = said;
  }
  if (given == 0) return fail(arm::missing_parameter(path_of(draft, gallery + ".id")));
  if (given > 1) {
    return fail(arm::invalid_parameter(path_of(draft, gallery),
                                       "A disk is made from one image: name it by one of id, "
                                       "sharedGalleryImageId and communityGalleryImageId."));
  }
  ImageSource source{.member = member, .version = {}, .definition = {}, .shown = text};
  const bool shared = member.ends_with("sharedGalleryImageId");
  if (shared || member.ends_with("communityGalleryImageId")) {
    const std::string_view start = shared ? "/SharedGalleries/" : "/CommunityGalleries/";
    if (!istarts_with(text, start)) {
      return fail(arm::invalid_parameter(
          path_of(draft, member),
          fmt::format("'{}' does not start with '{}'.", text.substr(0, 300), start)));
    }
    source.version = TRY(resolve_shared(draft.call, text, draft.wanted.location, is_eager(draft)));
    source.definition = TRY(draft.call.model.get(source.version.id.parent()));
    return source;
  }
  const auto id = TRY(arm::ResourceId::parse(text));
  source.version =
      TRY(resolve_image(draft.call, draft.change, id, draft.wanted.location, is_eager(draft)));
  auto definition = TRY(draft.find_linked(source.version.id.parent()));
  if (!definition) return fail(arm::resource_not_found(id));
  source.definition = std::move(*definition);
  return source;
}

Result<> prepare_from_image(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const auto source = TRY(find_image(draft));
  const auto& version = source.version;
  TRY(check_life(draft, version, source.definition, source.shown, draft.warnings));
  const auto reference = source.member.substr(0, source.member.rfind('.'));
  const Json* lun = find_path(properties, reference + ".lun");
  const Json* contents = find_path(version.internal, "contents");
  CHECK(contents != nullptr);
  for (const Json& content : contents->get_array()) {
    const bool os = string_at(content, "role") == "os";
    if (lun == nullptr ? !os : os || int_at(content, "lun") != lun->get_int64()) continue;
    for (const char* member : {"osType", "hyperVGeneration"}) {
      if (os && find_path(properties, member) == nullptr) {
        set_path(properties, member, string_at(source.definition.properties, member));
      }
    }
    set_path(draft.wanted.internal, "image", version.id.text());
    // Until this region's copy is complete the bytes are those of the version's home.
    Json taken = content;
    if (find_path(taken, "home") == nullptr) set_path(taken, "home", version.location);
    return take_content(draft, taken);
  }
  return fail(
      arm::invalid_parameter(path_of(draft, reference + ".lun"),
                             fmt::format("The image version '{}' has no data disk with lun {}.",
                                         source.shown, lun == nullptr ? 0 : lun->get_int64())));
}

Result<> prepare_empty(Draft& draft) {
  const auto path = path_of(draft, "diskSizeGB");
  const Json* size = find_path(draft.wanted.properties, "diskSizeGB");
  if (size == nullptr) return fail(arm::missing_parameter(path));
  if (size->get_int64() < 1 || size->get_int64() > 32767) {
    return fail(arm::out_of_range(path, size->get_int64(), 1, 32767));
  }
  set_path(draft.wanted.properties, "diskSizeBytes", size->get_int64() * gib);
  set_path(draft.wanted.properties, "diskState", "Unattached");
  draft.task = "write_empty_disk";
  return {};
}

// There are no restore points here, so none can be found.
Result<> prepare_restore(Draft& draft) {
  const auto path = path_of(draft, "creationData.sourceResourceId");
  const auto text = string_at(draft.wanted.properties, "creationData.sourceResourceId");
  if (text.empty()) return fail(arm::missing_parameter(path));
  const auto id = TRY(arm::ResourceId::parse(text));
  constexpr std::string_view type =
      "Microsoft.Compute/restorePointCollections/restorePoints/diskRestorePoints";
  if (id.is_resource() && iequals(id.full_type(), type)) return fail(arm::resource_not_found(id));
  return fail(arm::invalid_parameter(
      path, fmt::format("The source '{}' must be a disk restore point ({}), and this server makes "
                        "none: copy a snapshot instead (createOption Copy).",
                        text.substr(0, 300), type)));
}

// Only a snapshot is incremental, and only as a copy.
Result<> check_incremental(const Draft& draft) {
  const Json& properties = draft.wanted.properties;
  const bool said = find_path(properties, "incremental") != nullptr;
  if (!said || (is_snapshot(draft.type) && !bool_at(properties, "incremental"))) return {};
  if (!is_snapshot(draft.type)) {
    return fail(arm::error(Kind::invalid, "BadRequest",
                           "Could not find member 'incremental' on object of type "
                           "'diskProperties'. Path 'properties.incremental'.",
                           "properties.incremental"));
  }
  if (string_at(properties, "creationData.createOption") == "Copy") return {};
  return fail(arm::invalid_parameter(
      path_of(draft, "incremental"),
      "An incremental snapshot is a copy of a disk: creationData.createOption must be Copy."));
}

Result<> prepare_new(Draft& draft) {
  Json& properties = draft.wanted.properties;
  if (const Json* size = find_path(properties, "diskSizeGB");
      size != nullptr && (size->get_int64() < 1 || size->get_int64() > 32767)) {
    return fail(arm::out_of_range(path_of(draft, "diskSizeGB"), size->get_int64(), 1, 32767));
  }
  const auto option = string_at(properties, "creationData.createOption");
  if (option.empty())
    return fail(arm::missing_parameter(path_of(draft, "creationData.createOption")));
  TRY(check_incremental(draft));
  if (option == "Upload") return prepare_upload(draft);
  if (option == "Copy") return prepare_copy(draft);
  if (option == "FromImage" && !is_snapshot(draft.type)) return prepare_from_image(draft);
  if (option == "Empty") return prepare_empty(draft);
  if (option == "Restore" && !is_snapshot(draft.type)) return prepare_restore(draft);
  if (option == "Import") return prepare_import(draft);
  return fail(arm::error(
      Kind::invalid, "OperationNotAllowed",
      fmt::format("The create option '{}' is not available on this server yet. Use Upload, Import, "
                  "Copy, FromImage or Empty.",
                  option),
      path_of(draft, "creationData.createOption")));
}

Result<> prepare_disk(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const bool fresh = !draft.current || !bool_at(draft.current->internal, "created");
  if (fresh) {
    draft.wanted.internal = JsonObject();
    TRY(prepare_new(draft));
    set_path(properties, "timeCreated", to_iso8601(draft.change.now()));
    set_path(properties, "uniqueId", draft.change.random().uuid());
  } else {
    TRY(change_size(draft));
  }
  if (int_at(properties, "diskSizeGB") == 0) {
    set_path(properties, "diskSizeGB", (int_at(properties, "diskSizeBytes") + gib - 1) / gib);
  }
  if (find_path(properties, "encryption.type") == nullptr) {
    set_path(properties, "encryption.type", "EncryptionAtRestWithPlatformKey");
  }
  if (find_path(properties, "networkAccessPolicy") == nullptr) {
    set_path(properties, "networkAccessPolicy", "AllowAll");
  }
  if (is_snapshot(draft.type) && find_path(properties, "incremental") == nullptr) {
    set_path(properties, "incremental", false);
  }
  const std::string sku(string_at(draft.wanted.sku, "name"));
  Json full = JsonObject{{"name", sku.empty() ? "Standard_LRS" : sku},
                         {"tier", istarts_with(sku, "Premium") ? "Premium" : "Standard"}};
  draft.wanted.sku = std::move(full);
  return {};
}

constexpr Action disk_actions[] = {
    {"beginGetAccess", "beginGetAccess/action", "", begin_access},
    {"endGetAccess", "endGetAccess/action", "", end_access},
};

}  // namespace

namespace {

// Disks and snapshots differ in names only.
constexpr ResourceType row(std::string_view type, std::string_view label,
                           Result<> (*check_name)(std::string_view)) {
  return {.provider = "Microsoft.Compute",
          .type = type,
          .api_versions = versions_known,
          .patch_since = "2016-04-30-preview",
          .label = label,
          .surface = "DiskOperations",
          .created_status = 202,
          .output = true,
          .schema = &disk_schema,
          .check_name = check_name,
          .prepare = prepare_disk,
          .removing = remove_disk,
          .show = nullptr,
          .actions = disk_actions,
          .placed = true};
}

}  // namespace

const ResourceType disks = row(
    "disks", "disk", [](std::string_view name) { return arm::check_disk_name(name, "diskName"); });
const ResourceType snapshots = row("snapshots", "snapshot", [](std::string_view name) {
  return arm::check_disk_name(name, "snapshotName");
});

}  // namespace pinaco::provider
