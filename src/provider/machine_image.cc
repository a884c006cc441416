// What stands behind the imageReference of a machine: a gallery version, the latest of a
// definition, a shared or community one, or a managed image.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/machines.h"
#include "provider/sources.h"

namespace pinaco::provider {
namespace {

// How the guest learns whom to become; the tag is this server's own.
std::string provisioning_of(const model::Resource& row) {
  const auto said = to_lower(string_at(row.tags, "pinaco-provisioning"));
  return said == "nocloud" || said == "none" ? said : "azure";
}

Result<Image> from_version(const Draft& draft, const model::Resource& version,
                           const model::Resource& definition, std::string_view shown) {
  Image image{.definition = definition.properties,
              .exact_version = version.id.name(),
              .id = version.id.text(),
              .shown = std::string(shown),
              .provisioning = provisioning_of(definition)};
  TRY(check_life(draft, version, definition, shown, image.warnings));
  const Json* contents = find_path(version.internal, "contents");
  CHECK(contents != nullptr);
  image.contents = *contents;
  // Until this region's copy is complete the bytes are those of the version's home.
  for (Json& content : image.contents.get_array()) {
    if (find_path(content, "home") == nullptr) set_path(content, "home", version.location);
  }
  return image;
}

Result<Image> from_managed_image(const Draft& draft, const arm::ResourceId& id) {
  TRY(draft.call.may_link("Microsoft.Compute/images/read", id));
  const auto row = TRY(draft.find_linked(id));
  if (!row || row->location != draft.wanted.location ||
      find_path(row->internal, "contents") == nullptr || any_awaits_capture(*row)) {
    return fail(arm::error(Kind::not_found, "NotFound",
                           fmt::format("The Image '{}' cannot be found in '{}' region.", id.text(),
                                       draft.wanted.location),
                           "imageReference"));
  }
  Image image{.shown = id.text(), .provisioning = provisioning_of(*row)};
  image.id = row->id.text();
  image.contents = *find_path(row->internal, "contents");
  set_path(image.definition, "osType", string_at(row->properties, "storageProfile.osDisk.osType"));
  set_path(image.definition, "osState", "Generalized");
  set_path(image.definition, "hyperVGeneration", string_at(row->properties, "hyperVGeneration"));
  return image;
}

}  // namespace

Result<Image> find_machine_image(const Draft& draft, const Json& reference) {
  const auto id_text = string_at(reference, "id");
  const auto shared = string_at(reference, "sharedGalleryImageId");
  const auto community = string_at(reference, "communityGalleryImageId");
  const auto publisher = string_at(reference, "publisher");
  const int given = !id_text.empty() + !shared.empty() + !community.empty() + !publisher.empty();
  if (given != 1) {
    return fail(
        arm::invalid_parameter("imageReference",
                               "An image is named by exactly one of id, sharedGalleryImageId, "
                               "communityGalleryImageId and publisher, offer, sku, version."));
  }
  if (!publisher.empty()) {
    return fail(arm::error(
        Kind::not_found, "PlatformImageNotFound",
        fmt::format("The platform image '{}:{}:{}:{}' is not available. This server has no "
                    "marketplace: name an image of a gallery by its id.",
                    publisher, string_at(reference, "offer"), string_at(reference, "sku"),
                    string_at(reference, "version")),
        "imageReference"));
  }
  if (!shared.empty() || !community.empty()) {
    const auto text = shared.empty() ? community : shared;
    const std::string_view start = shared.empty() ? "/CommunityGalleries/" : "/SharedGalleries/";
    if (!istarts_with(text, start)) {
      return fail(arm::invalid_parameter(
          "imageReference",
          fmt::format("'{}' does not start with '{}'.", text.substr(0, 300), start)));
    }
    const auto version =
        TRY(resolve_shared(draft.call, text, draft.wanted.location, is_eager(draft)));
    const auto definition = TRY(draft.call.model.get(version.id.parent()));
    return from_version(draft, version, definition, text);
  }
  const auto id = TRY(arm::ResourceId::parse(id_text));
  if (iequals(id.full_type(), "Microsoft.Compute/images") && id.is_resource()) {
    return from_managed_image(draft, id);
  }
  const auto version =
      TRY(resolve_image(draft.call, draft.change, id, draft.wanted.location, is_eager(draft)));
  const auto definition = TRY(draft.find_linked(version.id.parent()));
  if (!definition) return fail(arm::resource_not_found(id));
  return from_version(draft, version, *definition, id_text);
}

Result<Json> contents_of_machine(const Draft& draft, const model::Resource& machine) {
  JsonArray contents;
  const auto add = [&](const Json& disk, const char* role) -> Result<> {
    const auto id = TRY(arm::ResourceId::parse(string_at(disk, "managedDisk.id")));
    const auto row = TRY(draft.find_linked(id));
    if (!row) return fail(arm::resource_not_found(id));
    if (iequals(string_at(row->sku, "name"), "UltraSSD_LRS")) {
      return fail(arm::error(Kind::invalid, "BadRequest",
                             fmt::format("Source virtual machine {} cannot contain disk ['{}'] "
                                         "stored in an UltraSSD account type.",
                                         machine.id.text(), row->id.text())));
    }
    Json content = TRY(content_of_disk(*row));
    set_path(content, "role", role);
    if (role[0] == 'd') set_path(content, "lun", int_at(disk, "lun"));
    contents.push_back(std::move(content));
    return {};
  };
  TRY(add(*find_path(machine.properties, "storageProfile.osDisk"), "os"));
  if (const Json* data = find_path(machine.properties, "storageProfile.dataDisks")) {
    for (const Json& disk : data->get_array()) TRY(add(disk, "data"));
  }
  return Json(std::move(contents));
}

}  // namespace pinaco::provider
