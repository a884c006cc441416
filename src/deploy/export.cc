// POST resourcegroups/{group}/exportTemplate: what is in a group, as a template.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "deploy/paths.h"
#include "deploy/runtime.h"

namespace pinaco::deploy {
namespace {

// "galleries_g_name", as exported templates name their parameters.
std::string parameter_of(const arm::ResourceId& id) {
  std::string name = id.types.back() + "_";
  for (const char c : id.name()) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name + "_name";
}

// What a GET shows and a PUT refuses or ignores.
void drop_answers(Json& json) {
  if (json.is_array()) {
    for (auto& each : json.get_array()) drop_answers(each);
  }
  if (!json.is_object()) return;
  auto& object = json.get_object();
  for (const char* member : {"provisioningState", "uniqueId", "vmId", "timeCreated", "etag",
                             "resourceGuid", "instanceView", "replicationStatus", "diskState"}) {
    object.erase(member);
  }
  for (auto& member : object) drop_answers(member.value());
}

}  // namespace

Result<provider::Outcome> export_group(const Engine& engine, const provider::Call& call,
                                       std::string_view text) {
  const auto group = TRY(arm::ResourceId::parse(TRY(provider::normal_scope(call, text))));
  if (!group.is_group()) {
    return fail(arm::error(Kind::invalid, "InvalidRequestUri",
                           "Templates are exported from resource groups and deployments."));
  }
  TRY(call.access.may(call.caller,
                      "Microsoft.Resources/subscriptions/resourceGroups/exportTemplate/action",
                      group.text()));
  if (!TRY(engine.model().find(group))) return fail(arm::group_not_found(group.group));
  std::vector<model::Resource> rows;
  TRY(engine.model().read(group.subscription, [&](const model::View& view) -> Result<> {
    rows = TRY(view.list_group(group.group));
    return {};
  }));
  std::vector<std::string> wanted;
  if (const Json* list = find_path(call.body, "resources"); list != nullptr && list->is_array()) {
    for (const auto& each : list->get_array()) {
      if (each.is_string()) wanted.push_back(to_lower(each.get_string()));
    }
  }
  const auto options = string_at(call.body, "options");
  const bool with_parameters = !options.contains("SkipAllParameterization") &&
                               !options.contains("SkipResourceNameParameterization");
  Reader reader(engine.dispatch(), call.caller, call.base_url, group.subscription);
  JsonObject parameters;
  JsonArray resources;
  for (const auto& row : rows) {
    const bool all = wanted.empty() || (wanted.size() == 1 && wanted[0] == "*");
    if (!all && std::ranges::find(wanted, row.id.key()) == wanted.end()) continue;
    const auto* type = provider::find_type(row.id.provider, row.id.type());
    if (type == nullptr || !TRY(call.may_read(row.id))) continue;
    const std::string version(type->api_versions.back());
    auto shown = reader.get(row.id.text(), version);
    if (!shown || !shown->is_object()) continue;  // it has gone meanwhile
    auto& resource = shown->get_object();
    for (const char* answer : {"id", "name", "type", "systemData", "etag"}) resource.erase(answer);
    if (auto* properties = resource.if_contains("properties")) drop_answers(*properties);
    JsonObject made{{"type", row.id.full_type()}, {"apiVersion", version}};
    std::string name = fmt::format("'{}'", row.id.nested_name());
    if (with_parameters) {
      std::vector<std::string> parts;
      for (auto id = row.id; id.is_resource(); id = id.parent()) {
        const auto parameter = parameter_of(id);
        parameters[parameter] = JsonObject{{"defaultValue", id.name()}, {"type", "String"}};
        parts.insert(parts.begin(), fmt::format("parameters('{}')", parameter));
      }
      name = parts.size() == 1 ? parts[0] : fmt::format("concat({})", join(parts, ", '/', "));
      made["name"] = fmt::format("[{}]", name);
    } else {
      made["name"] = row.id.nested_name();
    }
    JsonArray after;
    if (row.id.types.size() > 1) {
      std::vector<std::string> names;
      for (auto id = row.id.parent(); id.is_resource(); id = id.parent()) {
        names.insert(names.begin(), with_parameters
                                        ? fmt::format("parameters('{}')", parameter_of(id))
                                        : fmt::format("'{}'", id.name()));
      }
      after.push_back(Json(
          fmt::format("[resourceId('{}', {})]", row.id.parent().full_type(), join(names, ", "))));
    }
    for (auto& member : resource) made[member.key()] = std::move(member.value());
    if (!after.empty()) made["dependsOn"] = std::move(after);
    resources.push_back(std::move(made));
  }
  return provider::Outcome{
      .body = JsonObject{
          {"template", JsonObject{{"$schema",
                                   "https://schema.management.azure.com/schemas/2019-04-01/"
                                   "deploymentTemplate.json#"},
                                  {"contentVersion", "1.0.0.0"},
                                  {"parameters", std::move(parameters)},
                                  {"variables", JsonObject()},
                                  {"resources", std::move(resources)}}}}};
}

}  // namespace pinaco::deploy
