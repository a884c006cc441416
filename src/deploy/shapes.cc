#include "deploy/shapes.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"

namespace pinaco::deploy {
namespace {

Json resource_ref(const templates::Planned& planned) {
  return JsonObject{
      {"id", planned.id}, {"resourceType", planned.type}, {"resourceName", planned.name}};
}

constexpr std::size_t message_bytes_max = 2000;
constexpr std::size_t details_max = 50;
constexpr int details_levels_max = 6;
constexpr std::size_t dependencies_max = 10'000;

// Enough to see what went wrong, and what the server's own trouble is stays in its log.
Error shortened(Error error, int levels) {
  if (error.code.empty() && (error.kind == Kind::busy || error.kind == Kind::unavailable ||
                             error.kind == Kind::corrupt)) {
    LOG(error, "deploy", "a deployment meets trouble: {}", error.message);
    error.message = "The server could not do it. Its log says why; deploy again later.";
  }
  error.message = cut_text(error.message, message_bytes_max);
  if (levels == 0) error.details.clear();
  if (error.details.size() > details_max) error.details.resize(details_max);
  for (auto& each : error.details) each = shortened(std::move(each), levels - 1);
  return error;
}

}  // namespace

std::string duration_text(WallTime start, WallTime end) {
  const auto took = std::chrono::duration_cast<Milliseconds>(end - start).count();
  const auto ms = std::max<std::int64_t>(took, 0);
  std::string text = "PT";
  if (ms >= 3'600'000) text += fmt::format("{}H", ms / 3'600'000);
  if (ms >= 60'000) text += fmt::format("{}M", ms / 60'000 % 60);
  return text + fmt::format("{}.{:03}S", ms / 1000 % 60, ms % 1000);
}

std::string hash_of(const Json& text) {
  // A number, as clients know it; they only compare it.
  return std::to_string(Digest::of(as_bytes(to_text(text))).prefix());
}

Json show(const Record& record) {
  JsonObject properties{
      {"templateHash", record.hash},
      {"parameters", record.parameters},
      {"mode", record.complete ? "Complete" : "Incremental"},
      {"provisioningState", to_string(record.state)},
      {"timestamp", to_iso8601(has_ended(record.state) ? record.end : record.start)},
      {"duration",
       has_ended(record.state) ? duration_text(record.start, record.end) : std::string("PT0S")},
      {"correlationId", record.correlation},
      {"providers", record.providers},
      {"dependencies", record.dependencies}};
  if (!record.link.is_null()) properties["templateLink"] = record.link;
  if (!record.parameters_link.is_null()) properties["parametersLink"] = record.parameters_link;
  if (!record.outputs.is_null()) properties["outputs"] = record.outputs;
  if (record.state == State::succeeded) properties["outputResources"] = record.output_resources;
  if (!record.error.is_null()) properties["error"] = record.error;
  JsonObject body{
      {"id", record.id()}, {"name", record.name}, {"type", "Microsoft.Resources/deployments"}};
  if (!record.location.empty()) body["location"] = record.location;
  if (!record.tags.get_object().empty()) body["tags"] = record.tags;
  body["properties"] = std::move(properties);
  return body;
}

std::string operation_id(const Record& record, std::string_view resource) {
  const auto digest = Digest::of(as_bytes(record.run + to_lower(resource)));
  return to_upper(digest.hex().substr(0, 16));
}

Json show_operation(const Record& record, const Step& step, std::string_view operation) {
  const bool failed = step.progress == Progress::failed;
  const bool done = step.progress == Progress::done;
  JsonObject properties{
      {"provisioningOperation", step.id.empty() ? "EvaluateDeploymentOutput"
                                : step.existing ? "Read"
                                                : "Create"},
      {"provisioningState", failed ? "Failed"
                            : done ? "Succeeded"
                                   : "Running"},
      {"timestamp", to_iso8601(failed || done ? step.end : step.start)},
      {"duration", duration_text(step.start, failed || done ? step.end : step.start)},
      {"trackingId", record.correlation}};
  if (step.status != 0) {
    constexpr std::pair<int, std::string_view> words[] = {
        {200, "OK"},         {201, "Created"},   {202, "Accepted"}, {204, "NoContent"},
        {400, "BadRequest"}, {403, "Forbidden"}, {404, "NotFound"}, {409, "Conflict"}};
    std::string text = std::to_string(step.status);
    for (const auto& [status, word] : words) {
      if (status == step.status) text = word;
    }
    properties["statusCode"] = text;
  }
  if (failed) {
    properties["statusMessage"] = JsonObject{{"status", "Failed"}, {"error", step.error}};
  }
  if (!step.id.empty()) {
    properties["targetResource"] =
        JsonObject{{"id", step.id}, {"resourceType", step.type}, {"resourceName", step.name}};
  }
  return JsonObject{{"id", fmt::format("{}/operations/{}", record.id(), operation)},
                    {"operationId", operation},
                    {"properties", std::move(properties)}};
}

Json error_json(const Error& error) {
  return arm::envelope(shortened(error, details_levels_max)).get_object().at("error");
}

Error error_from(const Json& json) {
  Error error{.kind = Kind::invalid,
              .message = std::string(string_at(json, "message")),
              .code = std::string(string_at(json, "code")),
              .target = std::string(string_at(json, "target"))};
  if (const Json* details = find_path(json, "details"); details != nullptr && details->is_array()) {
    for (const auto& each : details->get_array()) error.details.push_back(error_from(each));
  }
  return error;
}

Json providers_of(const templates::Template& plan) {
  std::map<std::string, std::set<std::string>> found;
  for (const auto& each : plan.plan()) {
    const auto slash = each.type.find('/');
    if (each.wanted && slash != std::string::npos) {
      found[each.type.substr(0, slash)].insert(each.type.substr(slash + 1));
    }
  }
  JsonArray providers;
  for (const auto& [name, types] : found) {
    JsonArray rows;
    for (const auto& type : types) {
      rows.push_back(JsonObject{{"resourceType", type}, {"locations", JsonArray{Json(nullptr)}}});
    }
    providers.push_back(JsonObject{{"namespace", name}, {"resourceTypes", std::move(rows)}});
  }
  return providers;
}

Json dependencies_of(const templates::Template& plan) {
  JsonArray rows;
  std::size_t shown = 0;
  for (const auto& each : plan.plan()) {
    if (each.after.empty() || !each.wanted) continue;
    JsonArray on;
    for (const auto index : each.after) on.push_back(resource_ref(plan.plan()[index]));
    shown += on.size();
    if (shown > dependencies_max) break;
    auto row = resource_ref(each);
    row.get_object()["dependsOn"] = std::move(on);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace pinaco::deploy
