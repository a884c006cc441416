#include "model/keys.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::model {
namespace {

// Sorts before everything a name may hold, so "a" and "a-b" keep their order as parents.
constexpr char separator = '\x1f';

constexpr std::string_view groups_type = "microsoft.resources/resourcegroups";

constexpr std::string_view versions_type = "microsoft.compute/galleries/images/versions";

std::string version_key(const std::string& name) {
  const auto number = arm::parse_version_name(name);
  if (!number) return to_lower(name);
  auto key = fmt::format("{:010}.{:010}.{:010}", number->major, number->minor, number->patch);
  // Another spelling of a number is another name: "01.0.0".
  if (name != fmt::format("{}.{}.{}", number->major, number->minor, number->patch)) {
    key += '/' + name;
  }
  return key;
}

std::string names_key(const arm::ResourceId& id) {
  const auto type = to_lower(id.full_type());
  std::string key = type_prefix(type, {});
  key += to_lower(id.group);
  for (std::size_t i = 0; i < id.names.size(); i++) {
    key += separator;
    key += i == 2 && type == versions_type ? version_key(id.names[i]) : to_lower(id.names[i]);
  }
  return key;
}

}  // namespace

std::string type_prefix(std::string_view lower_type, std::string_view group) {
  std::string prefix = std::string(resources_prefix) + std::string(lower_type) + separator;
  if (!group.empty()) prefix += to_lower(group) + separator;
  return prefix;
}

std::string resource_key(const arm::ResourceId& id) {
  if (id.types.empty()) return type_prefix(groups_type, {}) + to_lower(id.group);
  return names_key(id);
}

std::string collection_prefix(const arm::ResourceId& collection) {
  if (collection.group.empty() && collection.names.empty()) {
    return type_prefix(to_lower(collection.full_type()), {});
  }
  return names_key(collection) + separator;
}

std::string_view type_part(std::string_view key) {
  const auto end = key.find(separator);
  return key.substr(0, end == std::string_view::npos ? end : end + 1);
}

std::string ended_key(WallTime end, std::string_view operation) {
  return fmt::format("{}{:020}/{}", ended_prefix, end.time_since_epoch().count(), operation);
}

}  // namespace pinaco::model
