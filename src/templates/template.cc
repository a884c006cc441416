// From a template's text to a plan, and from the plan to bodies and outputs.
#include "templates/template.h"

#include <fmt/format.h>

#include "base/text.h"
#include "templates/declared.h"
#include "templates/errors.h"
#include "templates/template_scope.h"
#include "templates/words.h"

namespace pinaco::templates {
namespace {

constexpr Budget for_one = {.steps = 4'000'000, .bytes = 32ull << 20};
constexpr std::size_t secret_bytes_min = 4;  // shorter texts are everywhere
constexpr std::size_t secrets_max = 200;

// Members of a resource that are not sent.
bool stays_here(std::string_view member, bool is_deployment) {
  for (const char* each : {"type", "name", "apiVersion", "dependsOn", "condition", "copy",
                           "comments", "metadata", "resources", "scope", "existing", "import"}) {
    if (iequals(member, each)) return true;
  }
  return is_deployment && (iequals(member, "resourceGroup") || iequals(member, "subscriptionId"));
}

void collect_texts(const Json& json, std::vector<std::string>& texts) {
  if (texts.size() >= secrets_max) return;
  if (json.is_string() && json.get_string().size() >= secret_bytes_min) {
    texts.emplace_back(json.get_string());
  }
  if (json.is_array()) {
    for (const auto& each : json.get_array()) collect_texts(each, texts);
  } else if (json.is_object()) {
    for (const auto& each : json.get_object()) collect_texts(each.value(), texts);
  }
}

void replace_texts(Json& json, const std::vector<std::string>& secrets) {
  if (json.is_array()) {
    for (auto& each : json.get_array()) replace_texts(each, secrets);
  } else if (json.is_object()) {
    for (auto& each : json.get_object()) replace_texts(each.value(), secrets);
  }
  if (!json.is_string()) return;
  for (const auto& secret : secrets) {
    const std::string_view text = json.get_string();
    if (!text.contains(secret)) continue;
    json = "*******";
    return;
  }
}

}  // namespace

bool Planned::is_deployment() const {
  return iequals(type, "Microsoft.Resources/deployments");
}

Template::Template(Json text, Surroundings surroundings)
    : text_(std::move(text)), surroundings_(std::move(surroundings)) {}
Template::~Template() = default;

Result<std::unique_ptr<Template>> Template::load(Json text, const Json& parameters,
                                                 Surroundings surroundings) {
  std::unique_ptr<Template> loaded(new Template(std::move(text), std::move(surroundings)));
  TRY(loaded->check_shape());
  TRY(loaded->take_functions());
  TRY(loaded->take_parameters(parameters));
  TRY(loaded->take_variables());
  TRY(loaded->lay_out());
  TRY(loaded->find_order());
  return loaded;
}

Result<> Template::check_shape() {
  if (!text_.is_object()) {
    return fail(bad_template("The template is not a JSON object", ""));
  }
  root_ = &text_.get_object();
  for (const char* member : {"$schema", "contentVersion", "resources"}) {
    if (find_member(*root_, member) == nullptr) return fail(lacks_member(member, ""));
  }
  const auto limit = [&](const char* member, std::size_t most) -> Result<> {
    const Json* json = find_member(*root_, member);
    if (json == nullptr || json->is_null()) return {};
    if (!json->is_object()) {
      return fail(bad_template(fmt::format("'{}' is not an object", member), member));
    }
    if (json->get_object().size() <= most) return {};
    return fail(
        bad_template(fmt::format("The number of template {} limit exceeded. Limit: '{}' and "
                                 "actual: '{}'",
                                 member, most, json->get_object().size()),
                     member));
  };
  TRY(limit("parameters", parameters_max));
  TRY(limit("variables", variables_max));
  return limit("outputs", outputs_max);
}

Result<Json> Template::body(std::size_t index, Runtime* runtime) {
  budget_ = for_one;  // what is tried again costs no other its share
  const Planned& planned = plan_.at(index);
  const bool deploys = planned.is_deployment();
  JsonObject made;
  for (const auto& member : *planned.source) {
    if (stays_here(member.key(), deploys)) continue;
    const auto path = fmt::format("{}.{}", planned.path, std::string_view(member.key()));
    if (deploys && iequals(member.key(), "properties") && member.value().is_object()) {
      made[member.key()] =
          TRY(nested_of(member.value().get_object(), planned.loops, runtime, path));
      continue;
    }
    auto value = TRY(value_of(member.value(), planned.loops, runtime, path));
    // What an expression makes null counts as not written.
    if (!value.is_null()) made[member.key()] = std::move(value);
  }
  return Json(std::move(made));
}

// A nested template with scope "inner" has expressions, parameters and variables of its own; with
// "outer", the default, its expressions are ours.
Result<Json> Template::nested_of(const JsonObject& properties, const Loops& loops, Runtime* runtime,
                                 const std::string& path) {
  const Json whole = properties;
  const bool inner = iequals(string_at(whole, "expressionEvaluationOptions.scope"), "inner");
  JsonObject made;
  for (const auto& member : properties) {
    const auto here = fmt::format("{}.{}", path, std::string_view(member.key()));
    if (inner && iequals(member.key(), "template")) {
      made[member.key()] = member.value();
    } else {
      for_inside_ = iequals(member.key(), "template");
      auto value = value_of(member.value(), loops, runtime, here);
      for_inside_ = false;
      made[member.key()] = TRY(value);
    }
  }
  return Json(std::move(made));
}

Result<Json> Template::outputs(Runtime* runtime) {
  budget_ = for_one;
  JsonObject made;
  const Json* outputs = find_member(*root_, "outputs");
  if (outputs == nullptr || outputs->is_null()) return Json(std::move(made));
  for (const auto& member : outputs->get_object()) {
    const std::string name(member.key());
    const auto path = fmt::format("outputs.{}", name);
    if (!member.value().is_object()) {
      return fail(bad_template(fmt::format("The output '{}' is not an object", name), path));
    }
    const auto& output = member.value().get_object();
    if (const Json* condition = find_member(output, "condition")) {
      const auto wanted = TRY(value_of(*condition, {}, runtime, path + ".condition"));
      if (!wanted.is_bool() || !wanted.get_bool()) continue;
    }
    const Json* type = find_member(output, "type");
    if (type == nullptr || !type->is_string()) return fail(lacks_member("type", path));
    JsonObject shown{{"type", type_shown(type->get_string())}};
    if (iequals(type->get_string(), "securestring") ||
        iequals(type->get_string(), "secureobject")) {
      made[name] = std::move(shown);
      continue;
    }
    if (const Json* copy = find_member(output, "copy"); copy != nullptr && copy->is_object()) {
      TemplateScope scope(*this, {}, runtime);
      shown["value"] = TRY(unrolled(copy->get_object(), name, scope, path + ".copy"));
    } else {
      const Json* value = find_member(output, "value");
      if (value == nullptr) return fail(lacks_member("value", path));
      shown["value"] = TRY(value_of(*value, {}, runtime, path + ".value"));
    }
    if (!is_of_type(shown["value"], type->get_string())) {
      return fail(Error{.kind = Kind::invalid,
                        .message = fmt::format(
                            "The template output '{}' is not valid: Template output JToken type is "
                            "not valid. Expected '{}'. Actual '{}'. Please see "
                            "https://aka.ms/arm-template/#outputs for usage details.",
                            name, type_shown(type->get_string()), type_name(shown["value"])),
                        .code = "InvalidTemplateOutput",
                        .target = path});
    }
    made[name] = std::move(shown);
  }
  return Json(std::move(made));
}

Json Template::shown_parameters() const {
  JsonObject shown;
  for (const auto& [name, lower] : names_) {
    const auto& parameter = parameters_.at(lower);
    JsonObject one{{"type", parameter.type}};
    if (!parameter.secure) one["value"] = parameter.value;
    shown[name] = std::move(one);
  }
  return shown;
}

Json Template::kept_parameters() const {
  JsonObject kept;
  for (const auto& [name, lower] : names_) {
    kept[name] = JsonObject{{"value", parameters_.at(lower).value}};
  }
  return kept;
}

void Template::hide_secrets(Json& json) const {
  std::vector<std::string> secrets;
  for (const auto& [name, parameter] : parameters_) {
    if (parameter.secure) collect_texts(parameter.value, secrets);
  }
  if (!secrets.empty()) replace_texts(json, secrets);
}

}  // namespace pinaco::templates
