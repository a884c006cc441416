// Sources of image versions.
#include "provider/sources.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "provider/machines.h"
#include "provider/storage.h"

namespace pinaco::provider {
namespace {

constexpr const char* profile = "galleryImageVersion.properties.storageProfile";

std::int64_t gib_up(std::int64_t bytes) {
  return (bytes + (1 << 30) - 1) >> 30;
}

bool is_type(const arm::ResourceId& id, std::string_view type) {
  return iequals(id.provider, "Microsoft.Compute") && iequals(id.type(), type) && id.is_resource();
}

Error not_found(std::string_view id) {
  return arm::error(Kind::not_found, "NotFound",
                    fmt::format("Source {} is not found. Please check source exists, and is in the "
                                "same region as gallery image version being created.",
                                id));
}

Result<arm::ResourceId> parse_source(std::string_view text, std::string_view path) {
  auto id = arm::ResourceId::parse(text);
  if (id && id->is_resource() && !id->group.empty()) return *id;
  return fail(arm::error(
      Kind::invalid, "LinkedInvalidPropertyId",
      fmt::format(
          "Property id '{}' at path 'properties.storageProfile.{}' is invalid. Expect fully "
          "qualified resource Id that start with '/subscriptions/{{subscriptionId}}' or "
          "'/providers/{{resourceProviderNamespace}}/'.",
          text.substr(0, 300), path)));
}

// The row of a source, which may be in another subscription.
Result<model::Resource> find_source(const Draft& draft, const arm::ResourceId& id,
                                    std::string_view type) {
  TRY(may_take(draft.call, id, type));
  auto row = TRY(draft.find_linked(id));
  if (!row) return fail(not_found(id.text()));
  return std::move(*row);
}

// A mismatch is found while the operation runs, as clients expect: it is accepted here and refused
// there.
void refuse_later(Draft& draft, const std::string& message) {
  if (find_path(draft.input, "refuse") == nullptr) set_path(draft.input, "refuse", message);
}

void compare_machine(Draft& draft, std::string_view id, const Json& source,
                     const Json& definition) {
  const auto os = string_at(source, "osType");
  const auto generation = string_at(source, "hyperVGeneration");
  if (!os.empty() && os != string_at(definition, "osType")) {
    refuse_later(draft,
                 fmt::format("The resource with id '{}' has a different OS type ['{}'] than the "
                             "parent gallery image OS type generation ['{}'].",
                             id, os, string_at(definition, "osType")));
  }
  if (!generation.empty() && generation != string_at(definition, "hyperVGeneration")) {
    refuse_later(draft,
                 fmt::format("The resource with id '{}' has a different Hypervisor generation "
                             "['{}'] than the parent gallery image Hypervisor generation ['{}'].",
                             id, generation, string_at(definition, "hyperVGeneration")));
  }
  // Of a disk, or of another version's definition.
  auto architecture = string_at(source, "supportedCapabilities.architecture");
  if (architecture.empty()) architecture = string_at(source, "architecture");
  if (!architecture.empty() && architecture != string_at(definition, "architecture")) {
    refuse_later(draft, fmt::format("The resource with id '{}' has a different architecture ['{}'] "
                                    "than the parent gallery image architecture ['{}'].",
                                    id, architecture, string_at(definition, "architecture")));
  }
}

Result<> compare_state(std::string_view id, std::string_view state,
                       const model::Resource& definition) {
  if (state == string_at(definition.properties, "osState")) return {};
  return fail(arm::error(
      Kind::invalid, "BadRequest",
      fmt::format("The resource with id '{}' has a different OS state ['{}'] than the parent "
                  "gallery image OS state ['{}'].",
                  id, state, string_at(definition.properties, "osState"))));
}

// One disk-level source: a managed disk or a snapshot.
Result<Json> disk_content(Draft& draft, const Json& image, std::string_view path,
                          const model::Resource& definition) {
  const auto text = string_at(image, "source.id");
  const auto uri = string_at(image, "source.uri");
  const auto account = string_at(image, "source.storageAccountId");
  if (!uri.empty() || !account.empty()) {
    const auto source = fmt::format("{}.{}.source", profile, path);
    if (uri.empty()) return fail(arm::missing_parameter(source + ".uri"));
    // 2020-09-30, and az to this day, say the account as the source's id.
    if (account.empty() == text.empty()) {
      return fail(arm::missing_parameter(source + ".storageAccountId"));
    }
    return content_of_blob(draft, uri, account.empty() ? text : account, source);
  }
  const auto id = TRY(parse_source(text, fmt::format("{}.source.id", path)));
  const bool disk = is_type(id, "disks");
  if (!disk && !is_type(id, "snapshots")) {
    return fail(arm::invalid_parameter(
        fmt::format("{}.{}.source.id", profile, path),
        fmt::format("The source id: {} must be a managed disk or snapshot.", id.text())));
  }
  const auto row = TRY(find_source(draft, id, disk ? "disks" : "snapshots"));
  if (row.location != draft.wanted.location) return fail(not_found(id.text()));
  if (path == "osDiskImage")
    compare_machine(draft, id.text(), row.properties, definition.properties);
  return content_of_disk(row);
}

// The contents of another version, which is good for this definition. `id` is what the caller calls
// it: where a shared one is, is not his to know.
Result<Json> contents_of_version(Draft& draft, std::string_view id, const model::Resource& row,
                                 const model::Resource& parent, const model::Resource& definition) {
  compare_machine(draft, id, parent.properties, definition.properties);
  TRY(compare_state(id, string_at(parent.properties, "osState"), definition));
  const Json* contents = find_path(row.internal, "contents");
  CHECK(contents != nullptr);
  return *contents;
}

// Another gallery's version: its contents, if they are in this version's region.
Result<Json> version_contents(Draft& draft, const arm::ResourceId& id,
                              const model::Resource& definition) {
  const auto row = TRY(find_source(draft, id, "galleries/images/versions"));
  if (!is_deployable(row, draft.wanted.location, false)) return fail(not_found(id.text()));
  const auto parent = TRY(draft.find_linked(row.id.parent()));
  if (!parent) return fail(not_found(id.text()));
  return contents_of_version(draft, id.text(), row, *parent, definition);
}

// One that is shared with everybody, whoever's it is.
Result<Json> community_contents(Draft& draft, std::string_view reference,
                                const model::Resource& definition) {
  if (!istarts_with(reference, "/CommunityGalleries/")) {
    return fail(arm::invalid_parameter(
        fmt::format("{}.source.communityGalleryImageId", profile),
        fmt::format("'{}' is not /CommunityGalleries/{{public name}}/Images/{{image}}/Versions/"
                    "{{version}}.",
                    reference.substr(0, 300))));
  }
  const auto row = TRY(resolve_shared(draft.call, reference, draft.wanted.location, false));
  const auto parent = TRY(draft.call.model.get(row.id.parent()));
  return contents_of_version(draft, reference, row, parent, definition);
}

// A managed image is generalized, and lies where the version does.
Result<Json> image_contents(Draft& draft, const arm::ResourceId& id,
                            const model::Resource& definition) {
  const auto row = TRY(find_source(draft, id, "images"));
  const Json* contents = find_path(row.internal, "contents");
  if (row.location != draft.wanted.location || contents == nullptr || any_awaits_capture(row)) {
    return fail(not_found(id.text()));
  }
  const Json machine{{"osType", string_at(row.properties, "storageProfile.osDisk.osType")},
                     {"hyperVGeneration", string_at(row.properties, "hyperVGeneration")}};
  compare_machine(draft, id.text(), machine, definition.properties);
  TRY(compare_state(id.text(), "Generalized", definition));
  return *contents;
}

// A virtual machine: its disks as they are, also while it runs.
Result<Json> machine_contents(Draft& draft, const arm::ResourceId& id,
                              const model::Resource& definition) {
  const auto row = TRY(find_source(draft, id, "virtualMachines"));
  if (row.location != draft.wanted.location) return fail(not_found(id.text()));
  // Its disks are taken, which reading it does not allow.
  TRY(draft.call.may_link("Microsoft.Compute/virtualMachines/write", id));
  const Json machine{{"osType", string_at(row.internal, "os.type")},
                     {"hyperVGeneration", string_at(row.internal, "os.generation")}};
  compare_machine(draft, id.text(), machine, definition.properties);
  TRY(compare_state(id.text(), bool_at(row.internal, "generalized") ? "Generalized" : "Specialized",
                    definition));
  return contents_of_machine(draft, row);
}

// A source for the whole version: managed image, VM or another version.
Result<Json> whole_contents(Draft& draft, std::string_view text,
                            const model::Resource& definition) {
  const auto id = TRY(parse_source(text, "source.id"));
  if (is_type(id, "galleries/images/versions")) return version_contents(draft, id, definition);
  if (is_type(id, "images")) return image_contents(draft, id, definition);
  if (is_type(id, "virtualMachines")) return machine_contents(draft, id, definition);
  return fail(arm::invalid_parameter(
      fmt::format("{}.source.id", profile),
      fmt::format("The source id: {} must either be a managed image, virtual machine or another "
                  "gallery image version",
                  id.text())));
}

Error one_source() {
  return arm::invalid_parameter(
      profile,
      "The gallery artifact version source can only be specified either directly under "
      "storageProfile or within individual OS or data disks. One and only one source type (user "
      "image, snapshot, disk, virtual machine) can be provided.");
}

// What a disk is made from, to find the same one twice: a resource, or a blob.
std::string source_name(const Json& image) {
  const auto uri = string_at(image, "source.uri");
  return uri.empty() ? to_lower(string_at(image, "source.id")) : std::string(uri);
}

Result<JsonArray> data_contents(Draft& draft, const Json& disks, const model::Resource& definition,
                                std::set<std::string>& sources) {
  JsonArray contents;
  std::set<std::int64_t> luns;
  for (std::size_t i = 0; i < disks.get_array().size(); i++) {
    const Json& image = disks.get_array()[i];
    const auto path = fmt::format("dataDiskImages[{}]", i);
    if (find_path(image, "lun") == nullptr) {
      return fail(arm::missing_parameter(fmt::format("{}.{}.lun", profile, path)));
    }
    const auto lun = int_at(image, "lun");
    if (lun < 0 || lun > 63) {
      return fail(arm::out_of_range(fmt::format("{}.{}.lun", profile, path), lun, 0, 63));
    }
    if (!luns.insert(lun).second) {
      return fail(arm::invalid_parameter(
          fmt::format("{}.dataDiskImages", profile),
          "Duplicated lun numbers have been detected in the input data disks. Lun number must be "
          "unique for each data disk."));
    }
    if (!sources.insert(source_name(image)).second) {
      if (!string_at(image, "source.uri").empty()) {
        return fail(arm::invalid_parameter(
            fmt::format("{}.dataDiskImages", profile),
            fmt::format("OSDiskImage and DataDiskImage cannot point to same blob {}",
                        string_at(image, "source.uri"))));
      }
      return fail(arm::invalid_parameter(
          fmt::format("{}.dataDiskImages", profile),
          "Duplicated source ids are found in the input disks. Source id should be unique for each "
          "disk."));
    }
    Json content = TRY(disk_content(draft, image, path, definition));
    set_path(content, "role", "data");
    set_path(content, "lun", lun);
    contents.push_back(std::move(content));
  }
  return contents;
}

Result<> check_sizes(const Draft& draft, const JsonArray& contents) {
  const std::int64_t most = draft.call.world.image_disk_gb_max;
  for (const Json& content : contents) {
    const auto size = gib_up(int_at(content, "sizeBytes"));
    if (size <= most) continue;
    const bool os = string_at(content, "role") == "os";
    return fail(arm::invalid_parameter(
        fmt::format("{}.{}", profile, os ? "osDiskImage" : "dataDiskImages"),
        fmt::format("The {} has {} GB, and a disk of an image version has at most {} GB on this "
                    "server (image_disk_gb_max).",
                    os ? "OS disk" : fmt::format("data disk at LUN {}", int_at(content, "lun")),
                    size, most)));
  }
  return {};
}

// sizeInGB of each disk, which clients read back.
void write_sizes(Json& properties, const JsonArray& contents) {
  JsonArray data;
  // A copy: what is written beside it may move it.
  JsonArray given;
  if (const Json* said = find_path(properties, "storageProfile.dataDiskImages")) {
    given = said->get_array();
  }
  for (const Json& content : contents) {
    const auto size = gib_up(int_at(content, "sizeBytes"));
    if (string_at(content, "role") == "os") {
      set_path(properties, "storageProfile.osDiskImage.sizeInGB", size);
      if (string_at(properties, "storageProfile.osDiskImage.hostCaching").empty()) {
        set_path(properties, "storageProfile.osDiskImage.hostCaching", "ReadWrite");
      }
      continue;
    }
    Json image = JsonObject{{"lun", int_at(content, "lun")}};
    for (const Json& each : given) {
      if (int_at(each, "lun") == int_at(content, "lun")) image = each;
    }
    set_path(image, "sizeInGB", size);
    data.push_back(std::move(image));
  }
  if (!data.empty()) set_path(properties, "storageProfile.dataDiskImages", std::move(data));
}

}  // namespace

Result<> may_take(const Call& call, const arm::ResourceId& source, std::string_view type) {
  TRY(call.may_link(fmt::format("Microsoft.Compute/{}/read", type), source));
  if (type != "disks" && type != "snapshots") return {};
  return call.may_link(fmt::format("Microsoft.Compute/{}/beginGetAccess/action", type), source);
}

bool awaits_capture(const Json& content) {
  return !string_at(content, "disk").empty() || find_path(content, "blob") != nullptr;
}

bool any_awaits_capture(const model::Resource& row) {
  if (const Json* one = find_path(row.internal, "content")) return awaits_capture(*one);
  const Json* several = find_path(row.internal, "contents");
  return several != nullptr && std::ranges::any_of(several->get_array(), awaits_capture);
}

Result<Json> content_of_disk(const model::Resource& disk) {
  const auto state = string_at(disk.properties, "diskState");
  const Json* content = find_path(disk.internal, "content");
  if (content == nullptr || state == "ActiveUpload" || state == "ReadyToUpload") {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("The disk '{}' holds no image yet (its state is '{}'). Upload the VHD and "
                    "revoke the access (az disk revoke-access) first.",
                    disk.id.name(), state)));
  }
  if (awaits_capture(*content)) {
    return fail(
        arm::error(Kind::conflict, "OperationNotAllowed",
                   fmt::format("'{}' is still being captured from the disk of a machine or "
                               "imported from a blob, or that failed. Wait for its operation, or "
                               "make it again.",
                               disk.id.name())));
  }
  // A disk may have grown beyond what is stored.
  Json grown = *content;
  set_path(grown, "sizeBytes",
           std::max(int_at(*content, "sizeBytes"), int_at(disk.properties, "diskSizeBytes")));
  // A machine has written to it since: a worker captures that first.
  const Json* overlays = find_path(disk.internal, "overlays");
  if (overlays != nullptr && !overlays->get_array().empty()) {
    set_path(grown, "disk", disk.id.text());
  }
  return grown;
}

Result<Json> contents_of_sources(Draft& draft, const model::Resource& definition) {
  Json& properties = draft.wanted.properties;
  const auto legacy = string_at(properties, "publishingProfile.source.managedImage.id");
  const auto whole = string_at(properties, "storageProfile.source.id");
  const auto machine = string_at(properties, "storageProfile.source.virtualMachineId");
  const auto community = string_at(properties, "storageProfile.source.communityGalleryImageId");
  const Json* os = find_path(properties, "storageProfile.osDiskImage.source");
  const Json* data = find_path(properties, "storageProfile.dataDiskImages");
  if (data != nullptr && data->get_array().empty()) data = nullptr;
  const int given = !legacy.empty() + !whole.empty() + !machine.empty() + !community.empty() +
                    (os != nullptr || data != nullptr);
  if (given != 1) return fail(one_source());
  JsonArray contents;
  if (!community.empty()) {
    auto taken = TRY(community_contents(draft, community, definition));
    contents = std::move(taken.get_array());
  } else if (os == nullptr && data == nullptr) {
    const auto text = !legacy.empty() ? legacy : !whole.empty() ? whole : machine;
    contents = TRY(whole_contents(draft, text, definition))
    .get_array();
  } else {
    if (os == nullptr) {
      return fail(arm::missing_parameter(fmt::format("{}.osDiskImage", profile)));
    }
    std::set<std::string> sources{
        source_name(*find_path(properties, "storageProfile.osDiskImage"))};
    Json content = TRY(disk_content(draft, *find_path(properties, "storageProfile.osDiskImage"),
                                    "osDiskImage", definition));
    set_path(content, "role", "os");
    contents.push_back(std::move(content));
    if (data != nullptr) {
      for (Json& each : TRY(data_contents(draft, *data, definition, sources))) {
        contents.push_back(std::move(each));
      }
    }
  }
  TRY(check_sizes(draft, contents));
  write_sizes(properties, contents);
  return Json(std::move(contents));
}

}  // namespace pinaco::provider
