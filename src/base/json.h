// JSON as used on the wire and in rows: Boost.JSON's value, plus the few readings that ARM's
// habits ask for. Objects keep the order of their members.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace pinaco {

using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;

// Strict RFC 8259, one document. Refused: depth over 64, duplicate members of one object,
// invalid UTF-8, trailing text. The error says what is wrong and at which byte.
Result<Json> parse_json(std::string_view text);

std::string to_text(const Json& json);    // compact
std::string to_pretty(const Json& json);  // two spaces, for people

// A member by name: exact spelling first, then ignoring ASCII case; nullptr when absent.
const Json* find_member(const JsonObject& object, std::string_view name);
// By path "a.b.c" through objects; nullptr when any part is absent or not an object.
const Json* find_path(const Json& json, std::string_view path);
std::string_view string_at(const Json& json, std::string_view path);  // "" when not a string
std::int64_t int_at(const Json& json, std::string_view path, std::int64_t otherwise = 0);
bool bool_at(const Json& json, std::string_view path, bool otherwise = false);
// Sets "a.b.c", making objects on the way. Takes what Json can be made from.
void set_value(Json& json, std::string_view path, Json value);
template <typename T>
void set_path(Json& json, std::string_view path, T&& value) {
  set_value(json, path, Json(std::forward<T>(value)));
}
void erase_path(Json& json, std::string_view path);

}  // namespace pinaco
