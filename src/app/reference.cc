// Parsing short names and finding what they mean.
#include "app/reference.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::string_view storage_types[] = {"Standard_LRS", "Standard_ZRS", "Premium_LRS"};

Result<std::string> parse_storage(std::string_view text) {
  for (const auto type : storage_types) {
    if (iequals(text, type)) return std::string(type);
  }
  return fail(Kind::invalid, fmt::format("'{}' is no storage type. Use standard_lrs, standard_zrs "
                                         "or premium_lrs.",
                                         text));
}

Result<std::string> find_group(Connection& connection, std::string_view gallery) {
  const auto all =
      TRY(connection.list(fmt::format("{}/providers/Microsoft.Compute/galleries?api-version={}",
                                      connection.subscription_path(), galleries_api)));
  std::vector<std::string> groups;
  for (const auto& item : all) {
    if (!iequals(string_at(item, "name"), gallery)) continue;
    groups.push_back(TRY(arm::ResourceId::parse(string_at(item, "id"))).group);
  }
  if (groups.empty()) {
    // Who may only see a part of a gallery finds it by that part.
    for (const char* part : {"galleries/images", "galleries/images/versions"}) {
      for (const auto& item : TRY(connection.list(fmt::format(
               "{}/resources?$filter=resourceType%20eq%20'Microsoft.Compute/{}'&api-version={}",
               connection.subscription_path(), part, groups_api)))) {
        const auto id = TRY(arm::ResourceId::parse(string_at(item, "id")));
        if (!iequals(id.names.front(), gallery)) continue;
        if (std::ranges::find(groups, id.group) == groups.end()) groups.push_back(id.group);
      }
    }
  }
  if (groups.size() == 1) return groups.front();
  if (groups.empty()) {
    return fail(Kind::not_found,
                fmt::format("There is no gallery '{}' in subscription {}. `pinaco list` shows what "
                            "there is.",
                            gallery, connection.login().subscription));
  }
  return fail(Kind::conflict, fmt::format("There are galleries '{}' in the groups {}: choose with "
                                          "--group.",
                                          gallery, join(groups, ", ")));
}

}  // namespace

Result<Reference> parse_reference(std::string_view text) {
  if (text.starts_with('/')) return Reference {
      .id = TRY(arm::ResourceId::parse(text))
    };
  const auto parts = split(text, '/');
  if (parts.size() > 3 || text.empty()) {
    return fail(Kind::invalid,
                fmt::format("'{}' is no name. Use GALLERY, GALLERY/DEFINITION or "
                            "GALLERY/DEFINITION/VERSION, or a resource id that starts with "
                            "/subscriptions/.",
                            text));
  }
  Reference reference;
  TRY(arm::check_gallery_name(parts[0]));
  reference.gallery = parts[0];
  if (parts.size() > 1) {
    TRY(arm::check_definition_name(parts[1]));
    reference.definition = parts[1];
  }
  if (parts.size() > 2) {
    if (parts[2] != "latest") TRY(arm::check_version_name(parts[2]));
    reference.version = parts[2];
  }
  return reference;
}

Result<std::vector<TargetRegion>> parse_regions(std::string_view text, int replicas) {
  std::vector<TargetRegion> regions;
  for (const auto item : split(text, ',')) {
    const auto parts = split(trim(item), '=');
    TargetRegion region{.name = arm::normalize_location(parts[0]), .replicas = replicas};
    if (region.name.empty() || parts.size() > 3) {
      return fail(Kind::invalid,
                  fmt::format("'{}' in --regions is no region. Write NAME, NAME=REPLICAS or "
                              "NAME=REPLICAS=STORAGE with commas between, for example "
                              "\"westeurope=2,northeurope=1=standard_zrs\".",
                              item));
    }
    if (parts.size() > 1) {
      const auto count = parse_int(parts[1], 1, 100);
      if (!count) {
        return fail(Kind::invalid, fmt::format("'{}' in --regions: '{}' is no number of replicas "
                                               "from 1 to 100.",
                                               item, parts[1]));
      }
      region.replicas = static_cast<int>(*count);
    }
    if (parts.size() > 2) region.storage = TRY(parse_storage(parts[2]));
    const auto same = [&](const TargetRegion& other) { return other.name == region.name; };
    if (std::ranges::any_of(regions, same)) {
      return fail(Kind::invalid, fmt::format("--regions names {} twice.", region.name));
    }
    regions.push_back(std::move(region));
  }
  return regions;
}

arm::ResourceId gallery_id(const Connection& connection, std::string_view group,
                           std::string_view gallery) {
  return {.subscription = connection.login().subscription,
          .group = std::string(group),
          .provider = "Microsoft.Compute",
          .types = {"galleries"},
          .names = {std::string(gallery)}};
}

arm::ResourceId disk_id(const Connection& connection, std::string_view group,
                        std::string_view disk) {
  return {.subscription = connection.login().subscription,
          .group = std::string(group),
          .provider = "Microsoft.Compute",
          .types = {"disks"},
          .names = {std::string(disk)}};
}

std::string path_of(const arm::ResourceId& id, std::string_view query) {
  std::string_view version = galleries_api;
  if (id.types.empty()) version = groups_api;
  if (!id.types.empty() && !iequals(id.types.front(), "galleries")) version = disks_api;
  for (const char* type : {"virtualMachines", "virtualMachineScaleSets", "images"}) {
    if (!id.types.empty() && iequals(id.types.front(), type)) version = machines_api;
  }
  if (iequals(id.provider, "Microsoft.Network")) version = network_api;
  return fmt::format("{}?{}{}api-version={}", id.text(), query, query.empty() ? "" : "&", version);
}

void sort_versions(std::vector<Json>& versions) {
  const auto number = [](const Json& version) {
    return arm::parse_version_name(string_at(version, "name"))
        .value_or(arm::VersionNumber{.major = -1});
  };
  std::ranges::sort(versions, std::greater<>(), number);
}

const Json* find_latest(const std::vector<Json>& versions) {
  const Json* latest = nullptr;
  arm::VersionNumber highest;
  for (const auto& version : versions) {
    const auto number = arm::parse_version_name(string_at(version, "name"));
    if (!number || string_at(version, "properties.provisioningState") != "Succeeded" ||
        bool_at(version, "properties.publishingProfile.excludeFromLatest")) {
      continue;
    }
    if (latest == nullptr || *number > highest) {
      latest = &version;
      highest = *number;
    }
  }
  return latest;
}

Result<arm::ResourceId> resolve(Connection& connection, const Reference& reference,
                                std::string_view group) {
  if (reference.id) return *reference.id;
  std::string in(group);
  if (in.empty()) in = TRY(find_group(connection, reference.gallery));
  auto id = gallery_id(connection, in, reference.gallery);
  if (reference.definition.empty()) return id;
  id = id.child("images", reference.definition);
  if (reference.version.empty()) return id;
  if (reference.version != "latest") return id.child("versions", reference.version);
  const auto versions =
      TRY(connection.list(fmt::format("{}/versions?api-version={}", id.text(), galleries_api)));
  const Json* latest = find_latest(versions);
  if (latest == nullptr) {
    return fail(Kind::not_found,
                fmt::format("{} has no version that is ready and not excluded from latest, but {} "
                            "in all. `pinaco list --all` shows them.",
                            id.nested_name(), versions.size()));
  }
  return id.child("versions", std::string(string_at(*latest, "name")));
}

}  // namespace pinaco::app
