#include "templates/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pinaco::templates {
namespace {

void append_key(const Json& value, std::string& key) {
  if (const auto* object = value.if_object()) {
    std::vector<std::pair<std::string_view, const Json*>> members;
    members.reserve(object->size());
    for (const auto& member : *object) members.emplace_back(member.key(), &member.value());
    std::ranges::sort(members, {}, [](const auto& member) { return member.first; });
    key += '{';
    for (const auto& [name, member] : members) {
      key += to_text(Json(name)) + ":";
      append_key(*member, key);
      key += ',';
    }
    key += '}';
  } else if (const auto* array = value.if_array()) {
    key += '[';
    for (const auto& element : *array) {
      append_key(element, key);
      key += ',';
    }
    key += ']';
  } else {
    key += to_text(value);
  }
}

}  // namespace

bool same(const Json& a, const Json& b) {
  return a == b;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "True" : "False";
  if (value.is_null()) return "";
  if (value.is_double()) return fmt::format("{}", value.get_double());
  return to_text(value);
}

std::uint64_t text_size_max(const Json& value) {
  std::uint64_t size = 32;
  if (const auto* text = value.if_string()) {
    size += 6 * text->size();  // "\u0001"
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) size += text_size_max(element);
  } else if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      size += 6 * member.key().size() + text_size_max(member.value());
    }
  }
  return size;
}

std::string key_of(const Json& value) {
  std::string key;
  append_key(value, key);
  return key;
}

}  // namespace pinaco::templates
