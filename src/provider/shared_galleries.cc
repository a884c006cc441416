// What those see with whom a gallery is shared: sharedGalleries and communityGalleries of a
// location. They are told neither its id nor its sources, and what is not shared with them is
// answered letter for letter as what does not exist.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/sharing.h"
#include "provider/sources.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t guid_size = 36;

arm::ResourceId galleries_of(std::string_view subscription) {
  return arm::ResourceId{.subscription = std::string(subscription),
                         .group = {},
                         .provider = "Microsoft.Compute",
                         .types = {"galleries"},
                         .names = {}};
}

// The parts of the path, or of a reference, and how they are shown.
struct Asked {
  bool community = false;
  std::string location;
  std::string gallery;
  std::string image = {};
  std::string version = {};

  std::string unique_id(const std::string& of_image = {},
                        const std::string& of_version = {}) const {
    std::string id =
        fmt::format("/{}/{}", community ? "CommunityGalleries" : "SharedGalleries", gallery);
    if (!of_image.empty()) id += "/Images/" + of_image;
    if (!of_version.empty()) id += "/Versions/" + of_version;
    return id;
  }
};

Error not_found(const Asked& asked) {
  std::string name = asked.gallery;
  if (!asked.image.empty()) name += "/" + asked.image;
  if (!asked.version.empty()) name += "/" + asked.version;
  return shared_not_found(asked.community ? "community" : "shared", name, asked.location);
}

Result<Asked> asked_of(const Call& call, bool community) {
  const auto part = [&](const char* name) {
    const auto found = call.parts.find(name);
    return found == call.parts.end() ? std::string() : found->second;
  };
  const auto* location = call.world.find_location(part("location"));
  if (location == nullptr) return fail(unknown_location(part("location")));
  return Asked{.community = community,
               .location = location->name,
               .gallery = part("gallery"),
               .image = part("image"),
               .version = part("version")};
}

// With the public or unique name in its own spelling.
Result<model::Resource> gallery_of(const Call& call, Asked& asked) {
  auto gallery = TRY(asked.community
                         ? find_community_gallery(call, asked.gallery)
                         : find_shared_gallery(call, asked.gallery, call.parts.at("subscription")));
  if (!gallery) return fail(not_found(asked));
  if (!asked.community) asked.gallery = string_at(gallery->properties, "identifier.uniqueName");
  return std::move(*gallery);
}

JsonObject head(const Asked& asked, std::string_view name, std::string_view kind,
                std::string unique_id) {
  JsonObject body{{"name", name}, {"location", asked.location}};
  if (asked.community) body["type"] = fmt::format("Microsoft.Compute/locations/{}", kind);
  body["identifier"] = JsonObject{{"uniqueId", std::move(unique_id)}};
  return body;
}

JsonObject metadata_of(const model::Resource& gallery, std::string_view public_name) {
  JsonObject metadata;
  const Json* info = find_path(gallery.properties, "sharingProfile.communityGalleryInfo");
  for (const char* member : {"publisherUri", "publisherContact", "eula"}) {
    metadata[member] = string_at(*info, member);
  }
  metadata["publicNames"] = JsonArray{Json(public_name)};
  return metadata;
}

Json show_gallery(const Asked& asked, const model::Resource& gallery) {
  if (asked.community) return show_community_gallery(gallery, asked.gallery, asked.location);
  return head(asked, asked.gallery, "", asked.unique_id());
}

Json show_image(const Call& call, const Asked& asked, const model::Resource& image) {
  auto body =
      head(asked, image.id.name(), "communityGalleryImage", asked.unique_id(image.id.name()));
  JsonObject properties;
  for (const char* member : {"osType", "osState", "endOfLifeDate", "identifier", "recommended",
                             "disallowed", "hyperVGeneration", "features", "purchasePlan",
                             "architecture", "privacyStatementUri", "eula"}) {
    const std::string_view name = member;
    if ((name == "eula" || name == "privacyStatementUri") && call.api_version < "2022-03-03") {
      continue;
    }
    if (name == "architecture" && call.api_version < "2021-10-01") continue;
    if (const Json* value = find_path(image.properties, member)) properties[member] = *value;
  }
  body["properties"] = std::move(properties);
  return body;
}

Json show_version(const Call& call, const Asked& asked, const model::Resource& version) {
  auto body = head(asked, version.id.name(), "communityGalleryImageVersion",
                   asked.unique_id(asked.image, version.id.name()));
  const auto& properties = version.properties;
  JsonObject shown;
  for (const char* member : {"publishedDate", "endOfLifeDate", "excludeFromLatest"}) {
    if (const Json* value = find_path(properties, fmt::format("publishingProfile.{}", member))) {
      shown[member] = *value;
    }
  }
  if (call.api_version >= "2022-01-03") {
    const auto disk = [](const Json& from) {
      JsonObject to{{"diskSizeGB", int_at(from, "sizeInGB")},
                    {"hostCaching", string_at(from, "hostCaching")}};
      if (const Json* lun = find_path(from, "lun")) to["lun"] = *lun;
      return to;
    };
    JsonObject storage;
    if (const Json* os = find_path(properties, "storageProfile.osDiskImage")) {
      storage["osDiskImage"] = disk(*os);
    }
    if (const Json* data = find_path(properties, "storageProfile.dataDiskImages")) {
      JsonArray disks;
      for (const Json& each : data->get_array()) disks.push_back(disk(each));
      storage["dataDiskImages"] = std::move(disks);
    }
    shown["storageProfile"] = std::move(storage);
  } else {
    shown.erase("excludeFromLatest");
  }
  body["properties"] = std::move(shown);
  return body;
}

bool is_complete_in(const model::Resource& version, const std::string& location) {
  const Json* region = find_path(version.internal, "regions." + location);
  return region != nullptr && string_at(*region, "state") == "Completed";
}

// A name from the request below the gallery's id; nullopt when no such thing can be.
std::optional<arm::ResourceId> below(const model::Resource& gallery, const Asked& asked) {
  std::string text = gallery.id.text() + "/images/" + asked.image;
  if (!asked.version.empty()) text += "/versions/" + asked.version;
  auto id = arm::ResourceId::parse(text);
  if (!id || id->types.size() != (asked.version.empty() ? 2U : 3U) || !id->is_resource()) {
    return std::nullopt;
  }
  return std::move(*id);
}

// Also what resolves a reference: the image of `asked`, in its own spelling.
Result<model::Resource> image_of(const Call& call, const model::Resource& gallery, Asked& asked) {
  Asked only = asked;
  only.version.clear();
  const auto id = below(gallery, only);
  auto image = id ? TRY(call.model.find(*id)) : std::nullopt;
  if (!image) return fail(not_found(asked));
  asked.image = image->id.name();
  return std::move(*image);
}

Result<Outcome> get_one(const Call& call, bool community) {
  auto asked = TRY(asked_of(call, community));
  const auto gallery = TRY(gallery_of(call, asked));
  if (asked.image.empty()) return Outcome{.body = show_gallery(asked, gallery)};
  const auto image = TRY(image_of(call, gallery, asked));
  if (asked.version.empty()) return Outcome{.body = show_image(call, asked, image)};
  const auto id = below(gallery, asked);
  const auto version = id ? TRY(call.model.find(*id)) : std::nullopt;
  if (!version || !is_complete_in(*version, asked.location)) return fail(not_found(asked));
  return Outcome{.body = show_version(call, asked, *version)};
}

Result<Outcome> list_images(const Call& call, bool community) {
  auto asked = TRY(asked_of(call, community));
  const auto gallery = TRY(gallery_of(call, asked));
  JsonArray rows;
  TRY(call.model.read(gallery.id.subscription, [&](const model::View& view) -> Result<> {
    for (const auto& image : TRY(view.list_all(gallery.id.child("images", "")))) {
      rows.push_back(show_image(call, asked, image));
    }
    return {};
  }));
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> list_versions(const Call& call, bool community) {
  auto asked = TRY(asked_of(call, community));
  const auto gallery = TRY(gallery_of(call, asked));
  const auto image = TRY(image_of(call, gallery, asked));
  JsonArray rows;
  TRY(call.model.read(gallery.id.subscription, [&](const model::View& view) -> Result<> {
    for (const auto& version : TRY(view.list_all(image.id.child("versions", "")))) {
      if (is_complete_in(version, asked.location)) {
        rows.push_back(show_version(call, asked, version));
      }
    }
    return {};
  }));
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

// The gallery that an index fact points to, as it is now.
Result<std::optional<model::Resource>> follow(const Call& call, const Json& fact) {
  const auto id = arm::ResourceId::parse(string_at(fact, "gallery"));
  if (!id) return std::optional<model::Resource>();
  return call.model.find(*id);
}

}  // namespace

bool is_shared_with(const model::Resource& gallery, std::string_view type, std::string_view id) {
  if (string_at(gallery.properties, "sharingProfile.permissions") != "Groups") return false;
  const Json* groups = find_path(gallery.properties, "sharingProfile.groups");
  if (groups == nullptr) return false;
  for (const Json& group : groups->get_array()) {
    if (string_at(group, "type") != type) continue;
    for (const Json& each : find_path(group, "ids")->get_array()) {
      if (iequals(std::string_view(each.get_string()), id)) return true;
    }
  }
  return false;
}

bool has_public_name(const model::Resource& gallery, std::string_view public_name) {
  const Json* info = find_path(gallery.properties, "sharingProfile.communityGalleryInfo");
  if (info == nullptr || !bool_at(*info, "communityGalleryEnabled") ||
      string_at(gallery.properties, "sharingProfile.permissions") != "Community") {
    return false;
  }
  const Json* names = find_path(*info, "publicNames");
  if (names == nullptr) return false;
  for (const Json& name : names->get_array()) {
    if (iequals(std::string_view(name.get_string()), public_name)) return true;
  }
  return false;
}

Error unknown_location(std::string_view location) {
  return arm::error(
      Kind::invalid, "LocationNotAvailableForResourceType",
      fmt::format("The location '{}' is not one of this server.", location.substr(0, 100)));
}

Error shared_not_found(std::string_view kind, std::string_view name, std::string_view location) {
  return arm::error(
      Kind::not_found, "ResourceNotFound",
      fmt::format("The {} gallery resource '{}' is not found in location '{}', or it is not shared "
                  "with the subscription.",
                  kind, name.substr(0, 300), location));
}

Result<std::optional<model::Resource>> find_offered_gallery(const Call& call,
                                                            std::string_view unique_name,
                                                            std::string_view subscription) {
  std::optional<model::Resource> found;
  const auto everybody = TRY(call.access.directory().roster());
  const auto* owner = everybody->find_subscription(unique_name.substr(0, guid_size));
  const auto* consumer = everybody->find_subscription(subscription);
  if (owner == nullptr || consumer == nullptr) return found;
  TRY(call.model.read(owner->id, [&](const model::View& view) -> Result<> {
    for (auto& gallery : TRY(view.list_all(galleries_of(owner->id)))) {
      if (iequals(string_at(gallery.properties, "identifier.uniqueName"), unique_name) &&
          (is_shared_with(gallery, "Subscriptions", consumer->id) ||
           is_shared_with(gallery, "AADTenants", consumer->tenant))) {
        found = std::move(gallery);
      }
    }
    return {};
  }));
  return found;
}

Result<std::optional<model::Resource>> find_community_gallery(const Call& call,
                                                              std::string_view public_name) {
  std::optional<Json> fact;
  if (public_name.size() > 200) return std::optional<model::Resource>();
  TRY(call.model.read("", [&](const model::View& view) -> Result<> {
    fact = TRY(view.find_fact("community/" + to_lower(public_name)));
    return {};
  }));
  auto gallery = fact ? TRY(follow(call, *fact)) : std::nullopt;
  if (gallery && !has_public_name(*gallery, public_name)) gallery.reset();
  return gallery;
}

Result<std::vector<std::pair<std::string, model::Resource>>> list_community_galleries(
    const Call& call) {
  std::vector<std::pair<std::string, model::Resource>> found;
  std::vector<std::pair<std::string, Json>> facts;
  TRY(call.model.read("", [&](const model::View& view) -> Result<> {
    facts = TRY(view.facts("community/"));
    return {};
  }));
  for (const auto& [name, fact] : facts) {
    auto gallery = TRY(follow(call, fact));
    const auto public_name = name.substr(std::string_view("community/").size());
    if (!gallery || !has_public_name(*gallery, public_name)) continue;
    const Json* names =
        find_path(gallery->properties, "sharingProfile.communityGalleryInfo.publicNames");
    for (const Json& each : names->get_array()) {
      if (iequals(std::string_view(each.get_string()), public_name)) {
        found.emplace_back(std::string(each.get_string()), *gallery);
      }
    }
  }
  return found;
}

Json show_community_gallery(const model::Resource& gallery, std::string_view public_name,
                            std::string_view location) {
  const Asked asked{
      .community = true, .location = std::string(location), .gallery = std::string(public_name)};
  auto body = head(asked, public_name, "communityGalleries", asked.unique_id());
  body["properties"] = JsonObject{{"communityMetadata", metadata_of(gallery, public_name)}};
  return body;
}

Result<Outcome> list_shared_galleries(const Call& call) {
  auto asked = TRY(asked_of(call, false));
  const auto to = call.query.find("sharedto");
  const bool tenant = to != call.query.end() && iequals(to->second, "tenant");
  if (to != call.query.end() && !tenant && !iequals(to->second, "subscription")) {
    return fail(arm::invalid_parameter(
        "sharedTo", fmt::format("'{}' is not tenant or subscription.", to->second.substr(0, 100))));
  }
  std::vector<std::pair<std::string, Json>> facts;
  TRY(call.model.read("", [&](const model::View& view) -> Result<> {
    facts = TRY(view.facts("shared/"));
    return {};
  }));
  const auto rejected = TRY(rejected_shares(call, call.parts.at("subscription")));
  JsonArray rows;
  for (const auto& [name, fact] : facts) {
    const auto gallery = TRY(follow(call, fact));
    if (!gallery) continue;
    if (rejected.contains(to_lower(string_at(gallery->properties, "identifier.uniqueName")))) {
      continue;
    }
    if (!(tenant ? is_shared_with(*gallery, "AADTenants", call.caller.tenant)
                 : is_shared_with(*gallery, "Subscriptions", call.parts.at("subscription")))) {
      continue;
    }
    asked.gallery = string_at(gallery->properties, "identifier.uniqueName");
    rows.push_back(show_gallery(asked, *gallery));
  }
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> get_shared(const Call& call) {
  return get_one(call, false);
}
Result<Outcome> list_shared_images(const Call& call) {
  return list_images(call, false);
}
Result<Outcome> list_shared_versions(const Call& call) {
  return list_versions(call, false);
}
Result<Outcome> get_community(const Call& call) {
  return get_one(call, true);
}
Result<Outcome> list_community_images(const Call& call) {
  return list_images(call, true);
}
Result<Outcome> list_community_versions(const Call& call) {
  return list_versions(call, true);
}

Result<model::Resource> resolve_shared(const Call& call, std::string_view reference,
                                       std::string_view location, bool eager) {
  const auto parts = split(reference, '/');
  const bool community = parts.size() > 1 && iequals(parts[1], "CommunityGalleries");
  const bool whole = parts.size() == 7 && iequals(parts[5], "Versions");
  if (reference.size() > 2048 || !(whole || parts.size() == 5) || !parts[0].empty() ||
      !(community || iequals(parts[1], "SharedGalleries")) || !iequals(parts[3], "Images")) {
    return fail(arm::invalid_parameter(
        "imageReference",
        fmt::format("'{}' is not /SharedGalleries/{{unique name}}/Images/{{image}}/Versions/"
                    "{{version}} or /CommunityGalleries/{{public name}}/Images/{{image}}/Versions/"
                    "{{version}}.",
                    reference.substr(0, 300))));
  }
  const auto gallery = TRY(community ? find_community_gallery(call, parts[2])
                                     : find_shared_gallery(call, parts[2], call.id.subscription));
  if (!gallery) return fail(image_not_available(reference, location));
  Asked asked{.community = community,
              .location = std::string(location),
              .gallery = std::string(parts[2]),
              .image = std::string(parts[4])};
  if (whole && !iequals(parts[6], "latest")) asked.version = parts[6];
  const auto id = below(*gallery, asked);
  if (!id) return fail(image_not_available(reference, location));
  std::optional<model::Resource> version;
  TRY(call.model.read(gallery->id.subscription, [&](const model::View& view) -> Result<> {
    version = TRY(find_deployable(call, view, *id, reference, location, eager));
    return {};
  }));
  return std::move(*version);
}

}  // namespace pinaco::provider
