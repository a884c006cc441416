// A schema is a table of the members of a type's "properties": what each is called, since when,
// what it may hold and whether it may change. From it come validation, the merge of an update
// and the projection to an api-version.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace pinaco::provider {

enum class Shape { text, number, boolean, date, object, list, free };

enum class Access {
  fixed,       // set at creation
  changeable,  // may change
  read_only,   // ours: what a client sends is ignored, as ARM does
};

struct Member {
  std::string_view path;  // "publishingProfile.targetRegions[].name"
  Shape shape;
  Access access;
  std::string_view since = "";   // api-version that brought it
  std::string_view values = "";  // "None|ReadOnly|ReadWrite": matched without case
  std::string_view until = "";   // the last api-version that had it
};

struct Schema {
  std::span<const Member> members;
};

enum class Update { create, replace, merge };

// What `incoming` (the properties of a body, or null) makes of `current` (null when creating).
// Unknown members, wrong kinds and changes of what is fixed are refused; texts that are numbers
// become numbers; null means absent; values take their canonical spelling.
Result<JsonObject> accept(const Schema& schema, std::string_view label,
                          std::string_view api_version, const Json& incoming, const Json& current,
                          Update update);

// What is free in form is not free in depth.
Result<> check_depth(const Json& value, std::string_view path);

// What `api_version` shows of stored properties.
JsonObject project(const Schema& schema, std::string_view api_version,
                   const JsonObject& properties);

}  // namespace pinaco::provider
