// Finding or making what a version needs above it.
#include "app/push_target.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::app {
namespace {

struct Trait {
  const char* path;
  const char* option;
  std::string PushOptions::* wanted;
  const char* otherwise;
};
constexpr Trait traits[] = {
    {"properties.osType", "--os-type", &PushOptions::os_type, "Linux"},
    {"properties.hyperVGeneration", "--generation", &PushOptions::generation, "V1"},
    {"properties.osState", "--os-state", &PushOptions::os_state, "Generalized"},
    {"properties.architecture", "--architecture", &PushOptions::architecture, "x64"},
    {"properties.identifier.publisher", "--publisher", &PushOptions::publisher, ""},
    {"properties.identifier.offer", "--offer", &PushOptions::offer, ""},
    {"properties.identifier.sku", "--sku", &PushOptions::sku, ""},
};

constexpr const char* provisioning_tag = "tags.pinaco-provisioning";

Result<> check_definition(const PushOptions& options, const Json& definition,
                          const arm::ResourceId& id) {
  auto told = string_at(definition, provisioning_tag);
  if (told.empty()) told = "azure";
  if (!options.provisioning.empty() && !iequals(options.provisioning, told)) {
    return fail(Kind::conflict,
                fmt::format("The definition {} exists, and its tag pinaco-provisioning says '{}', "
                            "not '{}'. Leave --provisioning out, or change the tag: az sig "
                            "image-definition update -g {} -r {} -i {} --set "
                            "tags.pinaco-provisioning={}",
                            id.nested_name(), told, options.provisioning, id.group, id.names[0],
                            id.names[1], to_lower(options.provisioning)));
  }
  for (const auto& trait : traits) {
    const auto& wanted = options.*trait.wanted;
    const auto there = string_at(definition, trait.path);
    if (wanted.empty() || iequals(wanted, there)) continue;
    return fail(Kind::conflict,
                fmt::format("The definition {} exists with {} '{}', and {} asks for '{}'. It "
                            "cannot be changed: leave the option out, or push to another "
                            "definition.",
                            id.nested_name(), std::string_view(trait.option).substr(2), there,
                            trait.option, wanted));
  }
  return {};
}

// A name as an identifier: cut to its limit, not ending with a dot.
std::string identifier(std::string_view name, std::size_t bytes_max) {
  std::string text(name.substr(0, bytes_max));
  while (text.ends_with('.')) text.pop_back();
  return text;
}

Json definition_body(const PushOptions& options, const std::string& location) {
  Json body = JsonObject{{"location", location}};
  if (!options.provisioning.empty()) {
    set_path(body, provisioning_tag, to_lower(options.provisioning));
  }
  for (const auto& trait : traits) {
    const auto& wanted = options.*trait.wanted;
    set_path(body, trait.path, Json(wanted.empty() ? std::string(trait.otherwise) : wanted));
  }
  const auto name_it = [&](const char* path, std::size_t bytes_max) {
    if (string_at(body, path).empty())
      set_path(body, path, identifier(options.definition, bytes_max));
  };
  name_it("properties.identifier.publisher", 128);
  name_it("properties.identifier.offer", 64);
  name_it("properties.identifier.sku", 64);
  return body;
}

using Known = std::vector<Json>;  // the server's regions

Result<Known> server_regions(Connection& connection) {
  auto regions =
      TRY(connection.list("/pinaco/v1/regions?subscription=" + connection.login().subscription));
  if (regions.empty()) return fail(Kind::unavailable, "The server has no regions.");
  return regions;
}

std::string name_of(const Json& region) {
  return arm::normalize_location(string_at(region, "name"));
}

Result<const Json*> get_region(const Known& known, const std::string& name,
                               std::string_view option) {
  std::vector<std::string> all;
  for (const auto& region : known) {
    if (name_of(region) == name) return &region;
    all.push_back(name_of(region));
  }
  return fail(Kind::invalid, fmt::format("{} names the region '{}', which the server does not "
                                         "have. It has: {}.",
                                         option, name, join(all, ", ")));
}

// What the server would refuse as well, but only once everything is uploaded.
Result<> check_access(const Json& region) {
  const auto access = string_at(region, "access");
  if (access.empty() || access == "Open" || access == "Allowed") return {};
  return fail(
      Kind::denied,
      fmt::format("The region {0} is restricted, and your subscription is not allowed there "
                  "({1}). Ask for it with `pinaco region request {0}`, or use another one.",
                  name_of(region), to_lower(access)));
}

Result<> check_region(const Known& known, const TargetRegion& wanted) {
  const Json& region = *TRY(get_region(known, wanted.name, "--regions"));
  TRY(check_access(region));
  const Json* places = find_path(region, "places");
  if (istarts_with(wanted.storage, "Premium") && places != nullptr && places->is_array() &&
      std::ranges::none_of(places->as_array(),
                           [](const Json& place) { return bool_at(place, "premium"); })) {
    return fail(Kind::invalid,
                fmt::format("--regions asks for {} in {}, which has no premium stores. Use "
                            "standard_lrs there; `pinaco regions` shows which regions have some.",
                            to_lower(wanted.storage), wanted.name));
  }
  const Json* zones = find_path(region, "zones");
  const bool zoned = zones != nullptr && zones->is_array() && !zones->as_array().empty();
  if (!iequals(wanted.storage, "Standard_ZRS") || zoned) return {};
  return fail(
      Kind::invalid,
      fmt::format("--regions asks for {} in {}, which has no zones. Use standard_lrs there; "
                  "`pinaco regions` shows which regions have zones.",
                  to_lower(wanted.storage), wanted.name));
}

bool names(const std::vector<TargetRegion>& regions, const std::string& name) {
  return std::ranges::any_of(regions, [&](const auto& region) { return region.name == name; });
}

Result<std::string> choose_location(const PushOptions& options, const Known& known,
                                    const std::optional<Json>& definition) {
  for (const auto& region : options.regions) TRY(check_region(known, region));
  std::string location = arm::normalize_location(options.location);
  if (!location.empty()) {
    TRY(check_access(*TRY(get_region(known, location, "--location"))));
    if (options.regions.empty() || names(options.regions, location)) return location;
    return fail(Kind::invalid, fmt::format("--regions must name the home location {} too: the "
                                           "image is stored there first.",
                                           location));
  }
  if (definition) location = arm::normalize_location(string_at(*definition, "location"));
  if (!options.regions.empty() && !names(options.regions, location)) {
    return options.regions.front().name;
  }
  if (!location.empty()) return location;
  // The first that one may use.
  for (const auto& region : known) {
    if (check_access(region)) return name_of(region);
  }
  return fail(check_access(known.front()).error());
}

// Makes what is not there; says so.
Result<> ensure(Connection& connection, const arm::ResourceId& id, const Json& body,
                std::string_view what, Console& console) {
  if (TRY(connection.find(path_of(id)))) return {};
  console.note(
      fmt::format("Making the {} {}.", what, id.types.empty() ? id.group : id.nested_name()));
  TRY(connection.run("PUT", path_of(id), &body));
  return {};
}

}  // namespace

Result<PushTarget> prepare_target(const PushOptions& options, Connection& connection,
                                  Console& console) {
  TRY(arm::check_group_name(options.group));
  TRY(arm::check_gallery_name(options.gallery));
  TRY(arm::check_definition_name(options.definition));
  TRY(arm::check_version_name(options.version));
  const auto gallery = gallery_id(connection, options.group, options.gallery);
  const auto id = gallery.child("images", options.definition);
  const auto definition = TRY(connection.find(path_of(id)));
  if (definition) TRY(check_definition(options, *definition, id));
  const auto known = TRY(server_regions(connection));
  const auto location = TRY(choose_location(options, known, definition));

  const Json in_location = JsonObject{{"location", location}};
  const auto body = definition_body(options, location);
  if (!definition) {
    TRY(ensure(connection, gallery.group_id(), in_location, "group", console));
    TRY(ensure(connection, gallery, in_location, "gallery", console));
    TRY(ensure(connection, id, body, "definition", console));
  }
  const auto& shown = definition ? *definition : body;
  PushTarget target{.version = id.child("versions", options.version),
                    .location = location,
                    .regions = options.regions,
                    .os_type = std::string(string_at(shown, "properties.osType")),
                    .generation = std::string(string_at(shown, "properties.hyperVGeneration"))};
  if (target.generation.empty()) target.generation = "V1";
  if (target.regions.empty()) {
    target.regions.push_back({.name = location, .replicas = options.replicas});
  }
  return target;
}

Json version_body(const PushOptions& options, const PushTarget& target,
                  const arm::ResourceId& disk) {
  JsonArray regions;
  for (const auto& region : target.regions) {
    regions.push_back(JsonObject{{"name", region.name},
                                 {"regionalReplicaCount", region.replicas},
                                 {"storageAccountType", region.storage}});
  }
  JsonObject profile{{"targetRegions", regions},
                     {"replicaCount", options.replicas},
                     {"excludeFromLatest", options.exclude_from_latest}};
  if (!options.end_of_life.empty()) profile["endOfLifeDate"] = options.end_of_life;
  return JsonObject{
      {"location", target.location},
      {"properties",
       JsonObject{{"publishingProfile", profile},
                  {"storageProfile",
                   JsonObject{{"osDiskImage",
                               JsonObject{{"source", JsonObject{{"id", disk.text()}}}}}}}}}};
}

}  // namespace pinaco::app
