#include "model/keys.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::model {
namespace {

// Sorts before everything a name may hold, so "a" and "a-b" keep their order as parents.
constexpr char separator = '\x1f';

constexpr std::string_view groups_type = "microsoft.resources/resourcegroups";

std::string names_key(const arm::ResourceId& id) {
  std::string key = type_prefix(to_lower(id.full_type()), {});
  key += to_lower(id.group);
  for (const auto& name : id.names) {
    key += separator;
    key += to_lower(name);
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
