#include "templates/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pinaco::templates {
namespace {

// As .NET writes it: 1.5, 1.0, 1E+20.
std::string float_text(double value) {
  std::string text = fmt::format("{}", value);
  const std::size_t exponent = text.find('e');
  if (exponent != std::string::npos) text[exponent] = 'E';
  return text;
}

// JSON in one line; `sorted`: members in the order of their names.
void append_json(const Json& value, bool sorted, std::string& out) {
  if (const auto* object = value.if_object()) {
    std::vector<std::pair<std::string_view, const Json*>> members;
    members.reserve(object->size());
    for (const auto& member : *object) members.emplace_back(member.key(), &member.value());
    if (sorted) std::ranges::sort(members, {}, [](const auto& member) { return member.first; });
    out += '{';
    for (const auto& [name, member] : members) {
      if (&name != &members.front().first) out += ',';
      out += to_text(Json(name)) + ":";
      append_json(*member, sorted, out);
    }
    out += '}';
  } else if (const auto* array = value.if_array()) {
    out += '[';
    for (const auto& element : *array) {
      if (&element != &array->front()) out += ',';
      append_json(element, sorted, out);
    }
    out += ']';
  } else if (value.is_double()) {
    std::string text = float_text(value.get_double());
    if (text.find_first_of(".E") == std::string::npos) text += ".0";
    out += text;
  } else {
    out += to_text(value);
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
  if (value.is_double()) return float_text(value.get_double());
  std::string text;
  append_json(value, false, text);
  return text;
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
  append_json(value, true, key);
  return key;
}

}  // namespace pinaco::templates
