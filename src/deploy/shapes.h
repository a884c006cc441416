// How deployments look to clients. Inside this room only.
#pragma once

#include "deploy/records.h"
#include "templates/templates.h"

namespace pinaco::deploy {

Json show(const Record& record);
// One of .../operations: of a resource, or, without an id, of the outputs.
Json show_operation(const Record& record, const Step& step, std::string_view operation);
std::string operation_id(const Record& record, std::string_view resource);

// {"code", "message", "target", "details"} of an error, as it stands in answers.
Json error_json(const Error& error);
Error error_from(const Json& json);

// providers and dependencies of a plan, as a GET shows them.
Json providers_of(const templates::Template& plan);
Json dependencies_of(const templates::Template& plan);
std::string hash_of(const Json& text);
std::string duration_text(WallTime start, WallTime end);  // "PT1M2.345S"

}  // namespace pinaco::deploy
