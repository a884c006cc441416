// The sharing profile of a gallery: who may change what, and the action `share`.
#include "provider/sharing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/tracked.h"

namespace pinaco::provider {
namespace {

constexpr const char* permissions_path = "sharingProfile.permissions";
constexpr const char* groups_path = "sharingProfile.groups";
constexpr const char* info_path = "sharingProfile.communityGalleryInfo";
constexpr const char* enabled_path = "sharingProfile.communityGalleryInfo.communityGalleryEnabled";
constexpr const char* names_path = "sharingProfile.communityGalleryInfo.publicNames";
constexpr std::size_t prefix_bytes_max = 50;
constexpr std::string_view group_types[] = {"Subscriptions", "AADTenants"};

std::string full(std::string_view path) {
  return fmt::format("gallery.properties.{}", path);
}

Error not_allowed(std::string message, std::string target = {}) {
  return arm::error(Kind::conflict, "OperationNotAllowed", std::move(message), std::move(target));
}

std::string_view permissions_of(const Json& properties) {
  const auto said = string_at(properties, permissions_path);
  return said.empty() ? "Private" : said;
}

bool is_shared(const Json& properties) {
  const Json* groups = find_path(properties, groups_path);
  return bool_at(properties, enabled_path) || (groups != nullptr && !groups->get_array().empty());
}

Result<> check_prefix(std::string_view prefix) {
  bool good =
      prefix.size() <= prefix_bytes_max && !prefix.starts_with('-') && !prefix.ends_with('-');
  for (const char c : prefix) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_');
  }
  if (good) return {};
  return fail(arm::invalid_parameter(
      full("sharingProfile.communityGalleryInfo.publicNamePrefix"),
      fmt::format("The prefix of a public name has at most {} letters, digits, - and _, and no - "
                  "at its ends.",
                  prefix_bytes_max)));
}

// Ids by type of group, from the row or a request.
using Groups = std::map<std::string, std::vector<std::string>, std::less<>>;

Groups groups_of(const Json& properties) {
  Groups groups;
  const Json* list = find_path(properties, groups_path);
  if (list == nullptr) return groups;
  for (const Json& group : list->get_array()) {
    auto& ids = groups[std::string(string_at(group, "type"))];
    for (const Json& id : find_path(group, "ids")->get_array()) {
      ids.emplace_back(id.get_string());
    }
  }
  return groups;
}

Result<Groups> groups_asked(const Call& call) {
  Groups groups;
  const Json* list = find_path(call.body, "groups");
  if (list == nullptr || list->is_null()) return groups;
  if (!list->is_array() || list->get_array().size() > 16) {
    return fail(arm::invalid_parameter("groups", "'groups' must be a list of at most 16 groups."));
  }
  for (const Json& group : list->get_array()) {
    const auto said = string_at(group, "type");
    const auto type = std::ranges::find_if(
        group_types, [&](std::string_view known) { return iequals(known, said); });
    if (type == std::end(group_types)) {
      return fail(arm::invalid_parameter(
          "groups.type",
          fmt::format("'{}' is not one of Subscriptions, AADTenants.", said.substr(0, 100))));
    }
    const Json* ids = find_path(group, "ids");
    if (ids == nullptr || !ids->is_array() || ids->get_array().size() > 1000) {
      return fail(arm::missing_parameter("groups.ids"));
    }
    for (const Json& id : ids->get_array()) {
      const std::string text = id.is_string() ? to_lower(id.get_string()) : std::string();
      if (!arm::is_guid(text)) {
        return fail(arm::invalid_parameter(
            "groups.ids", fmt::format("'{}' is not the id of a subscription or a tenant: those "
                                      "are GUIDs.",
                                      text.substr(0, 100))));
      }
      auto& known = groups[std::string(*type)];
      if (std::ranges::find(known, text) == known.end()) known.push_back(text);
    }
  }
  return groups;
}

void set_groups(Json& properties, const Groups& groups) {
  JsonArray list;
  for (const auto type : group_types) {
    const auto found = groups.find(type);
    if (found == groups.end() || found->second.empty()) continue;
    list.push_back(
        JsonObject{{"type", type}, {"ids", JsonArray(found->second.begin(), found->second.end())}});
  }
  if (list.empty()) {
    erase_path(properties, groups_path);
  } else {
    set_path(properties, groups_path, std::move(list));
  }
}

Result<> check_limits(const World& world, const Groups& groups) {
  const std::pair<std::string_view, std::size_t> limits[] = {
      {"Subscriptions", world.shared_subscriptions_max}, {"AADTenants", world.shared_tenants_max}};
  for (const auto& [type, limit] : limits) {
    const auto found = groups.find(type);
    if (found == groups.end() || found->second.size() <= limit) continue;
    return fail(arm::error(Kind::quota, "OperationNotAllowed",
                           fmt::format("A gallery can be shared with at most {} {}; with these it "
                                       "would be {}.",
                                       limit, type, found->second.size()),
                           "groups"));
  }
  return {};
}

Result<> change_groups(const Call& call, Json& properties, bool adds) {
  const auto asked = TRY(groups_asked(call));
  if (asked.empty()) return fail(arm::missing_parameter("groups"));
  const auto permissions = permissions_of(properties);
  if (permissions != "Groups") {
    return fail(not_allowed(
        fmt::format("The gallery's sharing permissions are '{}': only one made with permissions "
                    "'Groups' can be shared with subscriptions and tenants. Set "
                    "properties.sharingProfile.permissions to 'Groups' first.",
                    permissions),
        full(permissions_path)));
  }
  auto groups = groups_of(properties);
  for (const auto& [type, ids] : asked) {
    auto& known = groups[type];
    for (const auto& id : ids) {
      std::erase(known, id);
      if (adds) known.push_back(id);
    }
  }
  TRY(check_limits(call.world, groups));
  set_groups(properties, groups);
  return {};
}

Result<> enable_community(const Call& call, Json& properties, Random& random) {
  if (call.api_version < "2021-10-01") {
    return fail(arm::invalid_parameter("operationType",
                                       "EnableCommunity exists from api-version 2021-10-01 on."));
  }
  if (permissions_of(properties) != "Community") {
    return fail(not_allowed(
        fmt::format("The gallery's sharing permissions are '{}': only one made with permissions "
                    "'Community' can be shared with everybody.",
                    permissions_of(properties)),
        full(permissions_path)));
  }
  if (bool_at(properties, enabled_path)) return {};
  const auto prefix = string_at(properties, std::string(info_path) + ".publicNamePrefix");
  set_path(properties, names_path, JsonArray{Json(fmt::format("{}-{}", prefix, random.uuid()))});
  set_path(properties, enabled_path, true);
  return {};
}

// Where to look, for those who list. Written after the gallery itself, so it may be late or, after
// a crash, missing until the next change; it gives nobody anything.
Result<> write_index(const Call& call, const arm::ResourceId& id, const Json& before) {
  return call.model.change("", [&](model::Change& change) -> Result<> {
    // As it is now: of two changes at once the last one here has seen both.
    const auto gallery = TRY(call.model.find(id));
    const Json now = gallery ? gallery->properties : Json(JsonObject());
    const JsonObject where{{"gallery", id.text()}};
    const auto shared = "shared/" + to_lower(string_at(before, "identifier.uniqueName"));
    if (find_path(now, groups_path) != nullptr) {
      TRY(change.put_fact(shared, where));
    } else {
      TRY(change.erase_fact(shared));
    }
    if (const Json* names = find_path(before, names_path)) {
      for (const Json& name : names->get_array()) {
        TRY(change.erase_fact("community/" + to_lower(name.get_string())));
      }
    }
    if (const Json* names = find_path(now, names_path)) {
      for (const Json& name : names->get_array()) {
        TRY(change.put_fact("community/" + to_lower(name.get_string()), where));
      }
    }
    return {};
  });
}

}  // namespace

Result<Outcome> share_gallery(const Call& call) {
  const auto operation = string_at(call.body, "operationType");
  const bool adds = iequals(operation, "Add");
  const bool resets = iequals(operation, "Reset");
  const bool enables = iequals(operation, "EnableCommunity");
  if (!adds && !resets && !enables && !iequals(operation, "Remove")) {
    return fail(arm::invalid_parameter(
        "operationType", fmt::format("'{}' is not one of Add, Remove, Reset, EnableCommunity.",
                                     operation.substr(0, 100))));
  }
  std::optional<model::Resource> gallery;
  Json before;
  TRY(call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    TRY(access::check_locks(change, call.id.text(), false));
    gallery = TRY(change.get(call.id));
    if (!gallery->operation.empty()) return fail(busy_with(*gallery));
    before = gallery->properties;
    if (resets) {
      set_path(gallery->properties, "sharingProfile", JsonObject{{"permissions", "Private"}});
    } else if (enables) {
      TRY(enable_community(call, gallery->properties, change.random()));
    } else {
      TRY(change_groups(call, gallery->properties, adds));
    }
    return change.put(*gallery);
  }));
  TRY(write_index(call, gallery->id, before));
  JsonObject body{{"operationType", operation}};
  if (const Json* groups = find_path(call.body, "groups")) body["groups"] = *groups;
  return Outcome{.body = std::move(body)};
}

Result<> check_sharing(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const Json before = draft.current ? draft.current->properties : Json(JsonObject());
  // A PUT that does not speak of sharing does not end it.
  if (draft.current && string_at(properties, permissions_path).empty()) {
    if (const Json* kept = find_path(before, "sharingProfile")) {
      set_path(properties, "sharingProfile", *kept);
    }
  }
  const auto permissions = permissions_of(properties);
  if (permissions != permissions_of(before) && is_shared(before)) {
    return fail(not_allowed(
        fmt::format("The gallery is shared with permissions '{}'. Reset its sharing (operationType "
                    "Reset of the action share) before they change to '{}'.",
                    permissions_of(before), permissions),
        full(permissions_path)));
  }
  if (permissions != "Community") {
    if (find_path(properties, info_path) == nullptr) return {};
    return fail(arm::invalid_parameter(
        full(info_path), fmt::format("Community gallery information is for galleries with sharing "
                                     "permissions 'Community', not '{}'.",
                                     permissions)));
  }
  for (const char* member : {"publisherUri", "publisherContact", "eula", "publicNamePrefix"}) {
    const auto path = fmt::format("{}.{}", info_path, member);
    if (string_at(properties, path).empty()) return fail(arm::missing_parameter(full(path)));
  }
  const auto prefix = fmt::format("{}.publicNamePrefix", info_path);
  if (bool_at(before, enabled_path) && string_at(before, prefix) != string_at(properties, prefix)) {
    return fail(arm::property_change_not_allowed(full(prefix)));
  }
  return check_prefix(string_at(properties, prefix));
}

std::string shared_with_whom(const model::Resource& gallery) {
  if (!is_shared(gallery.properties)) return "";
  return fmt::format(
      "The gallery '{}' is shared {}. Reset its sharing (operationType Reset of the action share, "
      "or pinaco share reset {}) before it is deleted.",
      gallery.id.name(),
      permissions_of(gallery.properties) == "Community" ? "with the community"
                                                        : "with subscriptions or tenants",
      gallery.id.name());
}

Result<> check_not_shared(const Call&, model::Change&, const model::Resource& gallery) {
  auto why = shared_with_whom(gallery);
  return why.empty() ? Result<>() : fail(not_allowed(std::move(why)));
}

void show_sharing(const Call& call, const model::Resource& gallery, JsonObject& properties) {
  const auto asks = [&](std::string_view name, std::string_view value) {
    const auto found = call.query.find(std::string(name));
    return found != call.query.end() && to_lower(found->second).contains(value);
  };
  const bool groups = asks("$select", "permissions") || asks("$expand", "sharingprofile/groups");
  Json shown = properties;
  if (groups && find_path(shown, "sharingProfile") == nullptr) {
    set_path(shown, permissions_path, "Private");
  }
  if (!groups) erase_path(shown, groups_path);
  if (call.api_version >= "2021-10-01" && (groups || asks("$expand", "sharingstatus")) &&
      is_shared(gallery.properties)) {
    // A share is in force everywhere when its caller is answered.
    JsonArray summary;
    for (const auto& location : call.world.locations) {
      summary.push_back(
          JsonObject{{"region", location.display_name}, {"state", "Succeeded"}, {"details", ""}});
    }
    set_path(shown, "sharingStatus",
             JsonObject{{"aggregatedState", "Succeeded"}, {"summary", std::move(summary)}});
  }
  properties = shown.get_object();
}

}  // namespace pinaco::provider
