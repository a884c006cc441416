// Rows as JSON text. Times are microseconds since 1970, so that a row read back is the row
// written; members at their default are left out, so that a row stays small.
#include "base/text.h"
#include "model/model.h"

namespace pinaco::model {
namespace {

std::int64_t micros(WallTime time) {
  return time.time_since_epoch().count();
}

WallTime time_at(const Json& json, std::string_view member) {
  return WallTime(std::chrono::microseconds(int_at(json, member)));
}

void put_text(JsonObject& object, std::string_view member, const std::string& value) {
  if (!value.empty()) object[member] = value;
}

void put_time(JsonObject& object, std::string_view member, WallTime value) {
  if (value != WallTime()) object[member] = micros(value);
}

void put_json(JsonObject& object, std::string_view member, const Json& value) {
  if (!value.is_null()) object[member] = value;
}

std::string text_at(const Json& json, std::string_view member) {
  return std::string(string_at(json, member));
}

Json object_at(const Json& json, std::string_view member) {
  const Json* found = find_path(json, member);
  return found != nullptr && found->is_object() ? *found : Json(JsonObject());
}

Json json_at(const Json& json, std::string_view member) {
  const Json* found = find_path(json, member);
  return found != nullptr ? *found : Json();
}

std::unexpected<Error> corrupt(std::string what) {
  return fail(Kind::corrupt, "A row of the database cannot be read: " + std::move(what));
}

Result<arm::ResourceId> id_at(const Json& json, std::string_view member) {
  auto id = arm::ResourceId::parse(string_at(json, member));
  if (!id) return corrupt(id.error().message);
  return id;
}

}  // namespace

std::string_view to_string(OperationState state) {
  switch (state) {
    case OperationState::in_progress:
      return "InProgress";
    case OperationState::succeeded:
      return "Succeeded";
    case OperationState::failed:
      return "Failed";
  }
  return "InProgress";
}

Json to_json(const Resource& resource) {
  JsonObject row;
  row["id"] = resource.id.text();
  put_text(row, "location", resource.location);
  row["tags"] = resource.tags;
  put_json(row, "sku", resource.sku);
  put_json(row, "zones", resource.zones);
  row["properties"] = resource.properties;
  row["internal"] = resource.internal;
  put_text(row, "provisioning", resource.provisioning);
  put_text(row, "operation", resource.operation);
  put_time(row, "created", resource.created);
  return row;
}

Result<Resource> resource_from(const Json& json) {
  if (!json.is_object()) return corrupt("a resource is not an object.");
  Resource resource;
  resource.id = TRY(id_at(json, "id"));
  resource.location = text_at(json, "location");
  resource.tags = object_at(json, "tags");
  resource.sku = json_at(json, "sku");
  resource.zones = json_at(json, "zones");
  resource.properties = object_at(json, "properties");
  resource.internal = object_at(json, "internal");
  resource.provisioning = text_at(json, "provisioning");
  resource.operation = text_at(json, "operation");
  resource.created = time_at(json, "created");
  return resource;
}

Json to_json(const Operation& operation) {
  JsonObject row;
  row["id"] = operation.id;
  row["resource"] = operation.resource.text();
  put_text(row, "task", operation.task);
  put_text(row, "surface", operation.surface);
  put_text(row, "location", operation.location);
  row["state"] = to_string(operation.state);
  put_time(row, "start", operation.start);
  put_time(row, "end", operation.end);
  put_text(row, "errorCode", operation.error_code);
  put_text(row, "errorMessage", operation.error_message);
  put_text(row, "errorTarget", operation.error_target);
  row["input"] = operation.input;
  put_json(row, "output", operation.output);
  if (operation.attempts != 0) row["attempts"] = operation.attempts;
  return row;
}

Result<Operation> operation_from(const Json& json) {
  if (!json.is_object()) return corrupt("an operation is not an object.");
  Operation operation;
  operation.id = text_at(json, "id");
  operation.resource = TRY(id_at(json, "resource"));
  operation.task = text_at(json, "task");
  operation.surface = text_at(json, "surface");
  operation.location = text_at(json, "location");
  const auto state = string_at(json, "state");
  if (state == to_string(OperationState::succeeded)) {
    operation.state = OperationState::succeeded;
  } else if (state == to_string(OperationState::failed)) {
    operation.state = OperationState::failed;
  } else if (state != to_string(OperationState::in_progress)) {
    return corrupt("an operation has no known state.");
  }
  operation.start = time_at(json, "start");
  operation.end = time_at(json, "end");
  operation.error_code = text_at(json, "errorCode");
  operation.error_message = text_at(json, "errorMessage");
  operation.error_target = text_at(json, "errorTarget");
  operation.input = json_at(json, "input");
  operation.output = json_at(json, "output");
  operation.attempts = static_cast<int>(int_at(json, "attempts"));
  return operation;
}

}  // namespace pinaco::model
