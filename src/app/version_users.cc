#include "app/version_users.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr const char* computing = "?api-version=2022-08-01";
constexpr std::size_t shown_max = 20;

// What a reference to a definition may look like, in lower case, and whose it is.
using Names = std::map<std::string, arm::ResourceId>;

// The gallery by its id, and by the names that others see it under.
Result<> add_names(Connection& connection, const arm::ResourceId& definition, Names& names) {
  const auto gallery = definition.parent();
  const auto add = [&](std::string_view prefix) {
    names.emplace(to_lower(fmt::format("{}/images/{}", prefix, definition.name())), definition);
  };
  add(gallery.text());
  const auto shown = TRY(connection.find(path_of(gallery)));
  if (!shown) return {};
  const auto unique = string_at(*shown, "properties.identifier.uniqueName");
  if (!unique.empty()) add(fmt::format("/SharedGalleries/{}", unique));
  const Json* open =
      find_path(*shown, "properties.sharingProfile.communityGalleryInfo.publicNames");
  if (open == nullptr || !open->is_array()) return {};
  for (const auto& name : open->get_array()) {
    if (name.is_string()) {
      add(fmt::format("/CommunityGalleries/{}", std::string_view(name.get_string())));
    }
  }
  return {};
}

// "1.0.0" of a reference to one of the definitions, with that definition.
std::optional<arm::ResourceId> version_of(const Json& reference, const Names& names) {
  std::string text;
  for (const char* member : {"id", "sharedGalleryImageId", "communityGalleryImageId"}) {
    if (text.empty()) text = to_lower(string_at(reference, member));
  }
  const auto at = text.find("/versions/");
  auto number = at == std::string::npos ? std::string() : text.substr(at + 10);
  if (number.empty() || number == "latest") number = string_at(reference, "exactVersion");
  const auto found = names.find(text.substr(0, at));
  if (found == names.end() || number.empty()) return std::nullopt;
  return found->second.child("versions", number);
}

}  // namespace

Result<std::vector<VersionUser>> find_users(Connection& connection,
                                            const std::vector<arm::ResourceId>& versions) {
  std::vector<VersionUser> users;
  std::set<std::string> going;
  Names names;
  for (const auto& version : versions) {
    going.insert(to_lower(version.text()));
    if (!names.contains(to_lower(version.parent().text()))) {
      TRY(add_names(connection, version.parent(), names));
    }
  }
  if (versions.empty()) return users;
  struct Sort {
    const char* type;
    const char* word;
    const char* reference;
  };
  constexpr Sort kinds[] = {
      {"virtualMachines", "machine", "properties.storageProfile.imageReference"},
      {"virtualMachineScaleSets", "scale set",
       "properties.virtualMachineProfile.storageProfile.imageReference"}};
  for (const auto& subscription : TRY(connection.list("/subscriptions?api-version=2021-01-01"))) {
    for (const auto& kind : kinds) {
      auto rows = connection.list(fmt::format("{}/providers/Microsoft.Compute/{}{}",
                                              string_at(subscription, "id"), kind.type, computing));
      if (!rows && rows.error().kind == Kind::not_found) continue;
      for (const auto& row : TRY(std::move(rows))) {
        const Json* reference = find_path(row, kind.reference);
        const auto version = reference == nullptr ? std::nullopt : version_of(*reference, names);
        if (!version || !going.contains(to_lower(version->text()))) continue;
        const auto id = arm::ResourceId::parse(string_at(row, "id"));
        users.push_back({.name = fmt::format("{} {}/{}", kind.word, id ? id->group : "?",
                                             string_at(row, "name")),
                         .version = version->nested_name(),
                         .scales = kind.word[0] == 's',
                         .location = arm::normalize_location(string_at(row, "location")),
                         .created = std::string(string_at(row, "properties.timeCreated")),
                         .instances = int_at(row, "sku.capacity", 1),
                         .in_set = find_path(row, "properties.virtualMachineScaleSet") != nullptr});
      }
    }
  }
  return users;
}

std::string users_text(const std::vector<VersionUser>& users) {
  if (users.empty()) return "";
  std::string text = "In use:";
  bool scales = false;
  for (std::size_t i = 0; i < users.size() && i < shown_max; i++) {
    text += fmt::format("\n  {} by the {}", users[i].version, users[i].name);
  }
  for (const auto& user : users) scales = scales || user.scales;
  if (users.size() > shown_max) text += fmt::format("\n  and {} more", users.size() - shown_max);
  text += "\nWhat runs goes on without it";
  text += scales ? "; a scale set cannot add instances then." : ".";
  return text;
}

}  // namespace pinaco::app
