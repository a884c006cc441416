// Parameters: what was given against what the template declares.
#include <fmt/format.h>

#include "base/text.h"
#include "templates/declared.h"
#include "templates/errors.h"
#include "templates/words.h"

namespace pinaco::templates {
namespace {

constexpr std::string_view see_parameters =
    "Please see https://aka.ms/arm-create-parameter-file for usage details.";

struct TypeName {
  std::string_view lower, shown;
  bool secure;
};
constexpr TypeName type_names[] = {
    {"string", "String", false}, {"securestring", "SecureString", true},
    {"int", "Int", false},       {"bool", "Bool", false},
    {"object", "Object", false}, {"secureobject", "SecureObject", true},
    {"array", "Array", false},
};

const TypeName* find_type(std::string_view type) {
  for (const auto& each : type_names) {
    if (iequals(each.lower, type)) return &each;
  }
  return nullptr;
}

std::size_t length_of(const Json& value) {
  if (value.is_string()) {
    std::size_t characters = 0;
    for (const char c : value.get_string()) characters += (c & 0xC0) != 0x80 ? 1 : 0;
    return characters;
  }
  if (value.is_array()) return value.get_array().size();
  return value.is_object() ? value.get_object().size() : 0;
}

std::string as_word(const Json& value) {
  return value.is_string() ? std::string(value.get_string()) : to_text(value);
}

}  // namespace

std::string type_shown(std::string_view type) {
  const auto* known = find_type(type);
  return std::string(known != nullptr ? known->shown : type);
}
bool is_type(std::string_view type) {
  return find_type(type) != nullptr;
}
bool is_secure(std::string_view type) {
  const auto* known = find_type(type);
  return known != nullptr && known->secure;
}

bool is_of_type(const Json& value, std::string_view type) {
  if (iequals(type, "string") || iequals(type, "securestring")) return value.is_string();
  if (iequals(type, "int")) return value.is_int64() || value.is_uint64();
  if (iequals(type, "bool")) return value.is_bool();
  if (iequals(type, "array")) return value.is_array();
  return value.is_object();
}

Result<> Template::take_parameters(const Json& given) {
  const Json* declared = find_member(*root_, "parameters");
  const JsonObject none;
  const auto& wanted = declared != nullptr && declared->is_object() ? declared->get_object() : none;
  if (!given.is_null() && !given.is_object()) {
    return fail(bad_template("The parameters are not an object", "parameters"));
  }
  const auto& values = given.is_object() ? given.get_object() : none;
  std::vector<std::string> known, strange;
  for (const auto& each : wanted) known.emplace_back(each.key());
  for (const auto& each : values) {
    bool is_known = false;
    for (const auto& name : known) is_known = is_known || iequals(name, each.key());
    if (!is_known) strange.emplace_back(each.key());
  }
  if (!strange.empty()) {
    return fail(bad_template(
        fmt::format("The template parameters '{}' in the parameters file are not valid; they are "
                    "not present in the original template and can therefore not be provided at "
                    "deployment time. The only supported parameters for this template are '{}'. "
                    "Please see https://aka.ms/arm-pass-parameter-values for usage details.",
                    cut_text(join(strange, ", "), 300), cut_text(join(known, ", "), 600)),
        "parameters"));
  }
  loading_parameters_ = true;
  for (const auto& each : wanted) {
    const std::string name(each.key());
    TRY(take_parameter(name, each.value(), find_member(values, name)));
  }
  loading_parameters_ = false;
  return {};
}

Result<> Template::take_parameter(const std::string& name, const Json& declared,
                                  const Json* given) {
  const auto path = fmt::format("parameters.{}", name);
  if (!declared.is_object()) {
    return fail(bad_template(fmt::format("The parameter '{}' is not an object", name), path));
  }
  const auto& about = declared.get_object();
  const Json* type = find_member(about, "type");
  if (type == nullptr || !type->is_string()) return fail(lacks_member("type", path));
  if (!is_type(type->get_string())) {
    return fail(bad_template(fmt::format("The template parameter '{}' has the type '{}', which is "
                                         "none of string, securestring, int, bool, object, "
                                         "secureObject, array",
                                         name, cut_text(type->get_string(), 40)),
                             path));
  }
  Parameter parameter{.type = type_shown(type->get_string()),
                      .value = nullptr,
                      .secure = is_secure(type->get_string())};
  const Json* value = nullptr;
  if (given != nullptr) {
    if (!given->is_object()) {
      return fail(
          bad_template(fmt::format("The value of the template parameter '{}' is not given as "
                                   "{{\"value\": …}}. {}",
                                   name, see_parameters),
                       path));
    }
    value = find_member(given->get_object(), "value");
    if (value == nullptr && find_member(given->get_object(), "reference") != nullptr) {
      return fail(bad_template(fmt::format("The parameter '{}' refers to a key vault, which this "
                                           "server does not have; give its value",
                                           name),
                               path));
    }
  }
  const Json* fallback = find_member(about, "defaultValue");
  if (value != nullptr && !(value->is_null() && fallback != nullptr)) {
    parameter.value = *value;
  } else if (fallback != nullptr) {
    parameter.value = TRY(value_of(*fallback, {}, nullptr, path + ".defaultValue"));
  } else if (!(find_member(about, "nullable") != nullptr && bool_at(declared, "nullable"))) {
    return fail(
        bad_template(fmt::format("The value for the template parameter '{}' is not provided. {}",
                                 name, see_parameters),
                     path));
  }
  if (!(parameter.value.is_null() && bool_at(declared, "nullable"))) {
    TRY(check_value(name, about, parameter.value));
  }
  const auto lower = to_lower(name);
  names_.emplace_back(name, lower);
  parameters_[lower] = std::move(parameter);
  return {};
}

Result<> Template::check_value(std::string_view name, const JsonObject& declared,
                               const Json& value) {
  const auto path = fmt::format("parameters.{}", name);
  const auto type = find_member(declared, "type")->get_string();
  if (!is_of_type(value, type)) {
    return fail(bad_template(
        fmt::format("Template parameter '{}' JToken type is not valid. Expected '{}'. Actual '{}'. "
                    "Please see https://aka.ms/resource-manager-parameter-files for usage details.",
                    name, type_shown(type), type_name(value)),
        path));
  }
  const auto refuse = [&](std::string_view what) -> Result<> {
    return fail(bad_template(
        fmt::format("The provided value for the template parameter '{}' is not valid. {}", name,
                    what),
        path));
  };
  if (const Json* allowed = find_member(declared, "allowedValues");
      allowed != nullptr && allowed->is_array()) {
    const auto& list = allowed->get_array();
    const auto is_allowed = [&](const Json& one) {
      for (const auto& each : list) {
        if (each == one) return true;
        if (each.is_string() && one.is_string() && iequals(each.get_string(), one.get_string())) {
          return true;
        }
      }
      return false;
    };
    // An array may be one of the allowed ones, or made of them.
    bool good = is_allowed(value);
    if (!good && value.is_array()) {
      good = true;
      for (const auto& each : value.get_array()) good = good && is_allowed(each);
    }
    if (!good) {
      std::vector<std::string> words;
      for (const auto& each : list) words.push_back(as_word(each));
      return refuse(fmt::format("The value '{}' is not part of the allowed value(s): '{}'",
                                is_secure(type) ? "" : cut_text(as_word(value), 200),
                                cut_text(join(words, ","), 1000)));
    }
  }
  const auto bound = [&](const char* member) -> std::optional<std::int64_t> {
    const Json* json = find_member(declared, member);
    if (json == nullptr || !json->is_int64()) return std::nullopt;
    return json->get_int64();
  };
  if (iequals(type, "int")) {
    const auto number = value.is_int64() ? value.get_int64() : INT64_MAX;
    if (const auto low = bound("minValue"); low && number < *low) {
      return refuse(
          fmt::format("The value '{}' is less than the minimum value '{}'", number, *low));
    }
    if (const auto high = bound("maxValue"); high && number > *high) {
      return refuse(
          fmt::format("The value '{}' is greater than the maximum value '{}'", number, *high));
    }
    return {};
  }
  const auto length = static_cast<std::int64_t>(length_of(value));
  if (const auto low = bound("minLength"); low && length < *low) {
    return refuse(fmt::format("Length of the value should be greater than or equal to '{}'", *low));
  }
  if (const auto high = bound("maxLength"); high && length > *high) {
    return refuse(fmt::format("Length of the value should be less than or equal to '{}'", *high));
  }
  return {};
}

}  // namespace pinaco::templates
