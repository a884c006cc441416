// What comes with a PUT, validate or whatIf.
#include <fmt/format.h>

#include "base/text.h"
#include "deploy/links.h"
#include "deploy/paths.h"
#include "deploy/shapes.h"

namespace pinaco::deploy {
namespace {

constexpr std::size_t name_characters_max = 64;
constexpr std::string_view marker = "/providers/microsoft.resources/deployments";

Error bad_content(std::string message) {
  return arm::error(Kind::invalid, "InvalidRequestContent", std::move(message));
}

Result<> check_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= name_characters_max && !name.ends_with('.');
  for (const char c : name) {
    good = good && (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ||
                    c == '.' || c == '(' || c == ')');
  }
  if (good) return {};
  return fail(arm::error(Kind::invalid, "InvalidDeploymentName",
                         fmt::format("The provided deployment name '{}' is not valid: it has 1 to "
                                     "{} letters, digits and -_.(), and no dot at its end.",
                                     cut_text(name, 100), name_characters_max)));
}

// What a template is deployed on: it must be there and not on its way out.
Result<std::string> check_scope(const Engine& engine, const provider::Call& call,
                                std::string_view text) {
  auto scope = TRY(provider::normal_scope(call, text));
  if (scope == "/") return scope;
  if (const auto group = access::management_group_of(scope); !group.empty()) {
    const auto rules = TRY(engine.access().rules());
    if (iequals(group, call.caller.tenant) ||
        rules->find_management_group(call.caller.tenant, group) != nullptr) {
      return scope;
    }
    return fail(arm::error(Kind::not_found, "NotFound",
                           fmt::format("The management group '{}' was not found.", group)));
  }
  const auto id = TRY(arm::ResourceId::parse(scope));
  if (id.is_resource()) {
    return fail(arm::error(Kind::invalid, "InvalidDeploymentScope",
                           "Templates are deployed on resource groups, subscriptions, management "
                           "groups and tenants."));
  }
  if (id.group.empty()) return scope;
  const auto group = TRY(engine.model().find(id.group_id()));
  if (!group) return fail(arm::group_not_found(id.group));
  if (group->provisioning == "Deleting") {
    return fail(arm::error(Kind::conflict, "ResourceGroupBeingDeleted",
                           fmt::format("The resource group '{}' is in deprovisioning state and "
                                       "cannot perform this operation.",
                                       group->id.group)));
  }
  return group->id.text();
}

Result<> read_location(const provider::Call& call, Record& record) {
  const auto given = string_at(call.body, "location");
  const auto id = arm::ResourceId::parse(record.scope == "/" ? "" : record.scope);
  const bool in_group = id && id->is_group();
  if (in_group) {
    if (given.empty()) return {};
    return fail(
        arm::error(Kind::invalid, "InvalidDeployment",
                   fmt::format("The 'location' property is not allowed for '{}' at resource "
                               "group scope. Please see "
                               "https://aka.ms/arm-deployment-resource-group for usage "
                               "details.",
                               record.name)));
  }
  if (given.empty()) {
    return fail(arm::error(Kind::invalid, "LocationRequired",
                           fmt::format("The 'location' property must be specified for '{}'. Please "
                                       "see https://aka.ms/arm-deployment-subscription for usage "
                                       "details.",
                                       record.name)));
  }
  // Above subscriptions there is none that could be allowed in a restricted region.
  TRY(call.model.read(id ? id->subscription : std::string(), [&](const model::View& view) {
    return provider::check_region(call.world, view, given, "LocationNotAvailableForDeployment",
                                  "deployment");
  }));
  record.location = call.world.find_location(given)->name;
  return {};
}

// The clients' older form for the operations of a deployment leaves the provider out.
std::optional<Asked> parse_short_path(std::string_view path) {
  const auto words = split(path, '/');
  if (words.size() < 8 || words.size() > 9 || !iequals(words[3], "resourceGroups") ||
      !iequals(words[5], "deployments") || !iequals(words[7], "operations")) {
    return std::nullopt;
  }
  return Asked{.scope = join({words.begin(), words.begin() + 5}, "/"),
               .name = std::string(words[6]),
               .action = std::string(words[7]),
               .item = std::string(words.size() > 8 ? words[8] : "")};
}

// The template and its parameters, which came along or are behind links.
Result<> read_content(const Engine& engine, const provider::Call& call, const Json& properties,
                      Wanted& wanted) {
  const Json* text = find_path(properties, "template");
  if (auto linked = TRY(follow_link(engine, call, properties, "templateLink"))) {
    wanted.text = std::move(linked->content);
    wanted.link = std::move(linked->whole);
    wanted.record.link = std::move(linked->shown);
  } else if (text != nullptr && text->is_object()) {
    wanted.text = *text;
  } else {
    return fail(arm::error(Kind::invalid, "InvalidTemplate",
                           "Deployment template validation failed: 'The request has no "
                           "'template'.'."));
  }
  const Json* parameters = find_path(properties, "parameters");
  wanted.parameters = parameters != nullptr ? *parameters : Json(JsonObject());
  if (auto linked = TRY(follow_link(engine, call, properties, "parametersLink"))) {
    wanted.parameters = std::move(linked->content);
    wanted.record.parameters_link = std::move(linked->shown);
  }
  return {};
}

}  // namespace

std::optional<Asked> parse_path(std::string_view path) {
  const auto at = to_lower(path).rfind(marker);
  if (at == std::string::npos) return parse_short_path(path);
  const auto rest = path.substr(at + marker.size());
  if (!rest.empty() && !rest.starts_with('/')) return std::nullopt;
  Asked asked{.scope = std::string(path.substr(0, at))};
  if (rest.empty()) return asked;
  const auto words = split(rest.substr(1), '/');
  if (words.size() > 3) return std::nullopt;
  asked.name = words[0];
  if (words.size() > 1) asked.action = words[1];
  if (words.size() > 2) asked.item = words[2];
  return asked;
}

Result<Wanted> read_body(const Engine& engine, const provider::Call& call, const Asked& asked) {
  Wanted wanted;
  Record& record = wanted.record;
  TRY(check_name(asked.name));
  record.name = asked.name;
  record.scope = TRY(check_scope(engine, call, asked.scope));
  record.tenant = call.caller.tenant;
  record.api_version = call.api_version;
  record.base_url = call.base_url;
  record.caller = call.caller;
  record.caller.token_id.clear();
  record.depth = call.deployments;
  record.parent = call.deployed_by;
  if (record.depth > nesting_max) {
    return fail(arm::error(Kind::invalid, "InvalidTemplate",
                           fmt::format("Deployments are nested more than {} deep.", nesting_max)));
  }
  record.start = call.model.clock().now();
  record.run = call.model.random().uuid();
  record.correlation = call.model.random().uuid();
  record.chance = call.model.random().below(INT64_MAX);
  TRY(read_location(call, record));
  const Json* properties = find_path(call.body, "properties");
  if (properties == nullptr || !properties->is_object()) {
    return fail(bad_content("The request content has no 'properties'."));
  }
  if (const Json* tags = find_path(call.body, "tags"); tags != nullptr && !tags->is_null()) {
    TRY(arm::check_tags(*tags));
    record.tags = *tags;
  }
  const auto mode = string_at(*properties, "mode");
  record.complete = iequals(mode, "Complete");
  if (!record.complete && !iequals(mode, "Incremental")) {
    return fail(bad_content(fmt::format("The deployment mode '{}' is not Incremental or Complete.",
                                        cut_text(mode, 40))));
  }
  if (record.complete && (!record.scope.contains("/resourceGroups/") || record.depth > 0)) {
    return fail(arm::error(Kind::invalid, "InvalidDeploymentMode",
                           "The mode Complete is for resource groups, and not for deployments "
                           "inside others."));
  }
  if (find_path(*properties, "onErrorDeployment") != nullptr &&
      !find_path(*properties, "onErrorDeployment")->is_null()) {
    return fail(arm::error(Kind::invalid, "InvalidRequestContent",
                           "This server does not deploy an older template when one fails "
                           "(onErrorDeployment)."));
  }
  TRY(read_content(engine, call, *properties, wanted));
  // The content of a whole parameter file is fine as well.
  if (const Json* inner = find_path(wanted.parameters, "parameters");
      inner != nullptr && find_path(wanted.parameters, "$schema") != nullptr) {
    wanted.parameters = Json(*inner);
  }
  record.hash = hash_of(wanted.text);
  wanted.plan = TRY(engine.load(record, wanted.text, wanted.parameters));
  record.parameters = wanted.plan->shown_parameters();
  wanted.given = wanted.plan->kept_parameters();
  record.providers = providers_of(*wanted.plan);
  record.dependencies = dependencies_of(*wanted.plan);
  TRY(preflight(wanted));
  return wanted;
}

namespace {

bool has(std::span<const std::string_view> versions, std::string_view version) {
  for (const auto each : versions) {
    if (each == version || each == "*") return true;
  }
  return false;
}

std::optional<Error> trouble_with(const templates::Planned& planned) {
  const auto unknown_version =
      [&](std::string_view type,
          std::span<const std::string_view> versions) -> std::optional<Error> {
    if (has(versions, planned.api_version)) return std::nullopt;
    std::vector<std::string> known(versions.begin(), versions.end());
    return arm::error(Kind::invalid, "NoRegisteredProviderFound",
                      fmt::format("No registered resource provider found for API version '{}' for "
                                  "type '{}'. The supported api-versions are '{}'.",
                                  cut_text(planned.api_version, 40), type, join(known, ", ")),
                      planned.id);
  };
  const auto at = to_lower(planned.id).rfind("/providers/");
  if (at == std::string::npos || planned.is_deployment() ||
      iequals(planned.type, "Microsoft.Management/managementGroups")) {
    return std::nullopt;
  }
  const auto id = arm::ResourceId::parse(planned.id);
  if (id && iequals(id->provider, "Microsoft.Resources") && iequals(id->type(), "resourceGroups")) {
    return std::nullopt;
  }
  const auto words = split(std::string_view(planned.id).substr(at + 11), '/');
  for (const auto& row : provider::extensions()) {
    if (words.size() == 3 && iequals(row.provider, words[0]) && iequals(row.type, words[1])) {
      return unknown_version(row.type, row.api_versions);
    }
  }
  if (!id) return id.error();
  if (const auto* type = provider::find_type(id->provider, id->type())) {
    return unknown_version(id->full_type(), type->api_versions);
  }
  for (const auto name : provider::namespaces()) {
    if (!iequals(name, id->provider)) continue;
    return arm::error(Kind::not_found, "InvalidResourceType",
                      fmt::format("The resource type '{}' could not be found in the namespace '{}' "
                                  "for api version '{}'.",
                                  id->type(), name, cut_text(planned.api_version, 40)),
                      planned.id);
  }
  return arm::error(Kind::not_found, "InvalidResourceNamespace",
                    fmt::format("The resource namespace '{}' is invalid.", id->provider),
                    planned.id);
}

}  // namespace

Result<> preflight(const Wanted& wanted) {
  std::vector<Error> troubles;
  for (const auto& planned : wanted.plan->plan()) {
    if (!planned.wanted || planned.existing) continue;
    if (auto trouble = trouble_with(planned)) troubles.push_back(std::move(*trouble));
  }
  if (troubles.empty()) return {};
  auto error = arm::error(
      Kind::invalid, "InvalidTemplateDeployment",
      fmt::format("The template deployment '{}' is not valid according to the validation "
                  "procedure. The tracking id is '{}'. See inner errors for details.",
                  wanted.record.name, wanted.record.correlation));
  error.details = std::move(troubles);
  return fail(std::move(error));
}

}  // namespace pinaco::deploy
