// Where a long operation is asked for: the status document, and the result behind Location.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/platform.h"

namespace pinaco::provider {
namespace {

// Who may do anything to the resource may see how it goes on.
Result<bool> may_follow(const Call& call, const model::Operation& operation) {
  const auto type = operation.resource.is_group()
                        ? std::string("Microsoft.Resources/subscriptions/resourceGroups")
                        : operation.resource.full_type();
  for (const char* verb : {"read", "write", "delete", "beginGetAccess/action"}) {
    if (TRY(call.access.allows(call.caller, fmt::format("{}/{}", type, verb),
                               operation.resource.text()))) {
      return true;
    }
  }
  return false;
}

Result<model::Operation> find_operation(const Call& call) {
  std::optional<model::Operation> operation;
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    operation = TRY(view.find_operation(call.parts.at("operation")));
    return {};
  }));
  if (operation && TRY(may_follow(call, *operation))) return std::move(*operation);
  return fail(
      arm::error(Kind::not_found, "NotFound",
                 fmt::format("The operation '{}' was not found. Operations are kept for a day.",
                             call.parts.at("operation").substr(0, 100))));
}

Error error_of(const model::Operation& operation) {
  return arm::error(Kind::conflict, operation.error_code, operation.error_message,
                    operation.error_target);
}

// What the operation gives back: a signed link, or the resource as it is now.
Result<Json> output_of(const Call& call, const model::Operation& operation) {
  const auto grant = string_at(operation.output, "grant");
  if (!grant.empty()) {
    TRY(call.access.may(call.caller, operation.resource.full_type() + "/beginGetAccess/action",
                        operation.resource.text()));
    return Json(JsonObject{{"accessSAS", call.sign(operation.resource.subscription, grant)}});
  }
  if (!bool_at(operation.output, "resource")) return Json(nullptr);
  const ResourceType* type = find_type(operation.resource.provider, operation.resource.type());
  const auto row = TRY(call.model.find(operation.resource));
  if (type == nullptr || !row) return Json(nullptr);
  return show(*type, call, *row);
}

}  // namespace

Result<Outcome> get_operation(const Call& call) {
  const auto operation = TRY(find_operation(call));
  const auto monitor = call.query.find("monitor");
  if (monitor != call.query.end() && iequals(monitor->second, "true")) {
    if (operation.state == model::OperationState::in_progress) {
      return Outcome{.status = 202, .operation = operation, .location_header = true};
    }
    if (operation.state == model::OperationState::failed) return fail(error_of(operation));
    return Outcome {
      .body = TRY(output_of(call, operation))
    };
  }
  JsonObject body{{"startTime", to_iso8601(operation.start)}};
  const bool running = operation.state == model::OperationState::in_progress;
  if (!running) body["endTime"] = to_iso8601(operation.end);
  body["status"] = to_string(operation.state);
  if (operation.state == model::OperationState::failed) {
    body["error"] = arm::envelope(error_of(operation)).get_object().at("error");
  }
  if (operation.state == model::OperationState::succeeded) {
    const Json output = TRY(output_of(call, operation));
    if (!output.is_null()) body["properties"] = JsonObject{{"output", output}};
  }
  if (running) body["percentComplete"] = int_at(operation.input, "percent");
  body["name"] = operation.id;
  return Outcome{.body = std::move(body), .retry_after_s = running ? 1 : 0};
}

Result<Outcome> get_operation_result(const Call& call) {
  const auto operation = TRY(find_operation(call));
  if (operation.state == model::OperationState::in_progress) {
    return Outcome{.status = 202, .operation = operation, .location_header = true};
  }
  if (operation.state == model::OperationState::failed) return fail(error_of(operation));
  return Outcome{};
}

}  // namespace pinaco::provider
