// Variables, which are evaluated when first asked for, and the template's own functions.
#include <fmt/format.h>

#include "base/text.h"
#include "templates/declared.h"
#include "templates/template_scope.h"
#include "templates/words.h"

namespace pinaco::templates {

Result<> Template::take_functions() {
  const Json* spaces = find_member(*root_, "functions");
  if (spaces == nullptr || spaces->is_null()) return {};
  if (!spaces->is_array()) {
    return fail(bad_template("'functions' is not an array", "functions"));
  }
  for (std::size_t i = 0; i < spaces->get_array().size(); ++i) {
    const auto& space = spaces->get_array()[i];
    const auto path = fmt::format("functions[{}]", i);
    const auto name = to_lower(string_at(space, "namespace"));
    if (name.empty()) return fail(lacks_member("namespace", path));
    const Json* members = find_path(space, "members");
    if (members == nullptr || !members->is_object()) return fail(lacks_member("members", path));
    for (const auto& member : members->get_object()) {
      const auto here = fmt::format("{}.members.{}", path, std::string_view(member.key()));
      Function function{.parameters = {}, .value = find_path(member.value(), "output.value")};
      if (function.value == nullptr) return fail(lacks_member("output.value", here));
      if (const Json* parameters = find_path(member.value(), "parameters");
          parameters != nullptr && parameters->is_array()) {
        for (const auto& each : parameters->get_array()) {
          function.parameters.push_back(to_lower(string_at(each, "name")));
        }
      }
      functions_[fmt::format("{}.{}", name, to_lower(member.key()))] = std::move(function);
    }
  }
  return {};
}

Result<> Template::take_variables() {
  const Json* variables = find_member(*root_, "variables");
  if (variables == nullptr || !variables->is_object()) return {};
  for (const auto& each : variables->get_object()) {
    if (!iequals(each.key(), "copy")) {
      declared_variables_[to_lower(each.key())] = &each.value();
      continue;
    }
    if (!each.value().is_array()) {
      return fail(bad_template("'variables.copy' is not an array", "variables.copy"));
    }
    for (const auto& copy : each.value().get_array()) {
      const auto name = string_at(copy, "name");
      if (name.empty()) return fail(lacks_member("name", "variables.copy"));
      copied_variables_[to_lower(name)] = &copy.get_object();
    }
  }
  return {};
}

Result<Json> Template::variable(std::string_view asked) {
  const auto name = to_lower(asked);
  if (const auto known = variables_.find(name); known != variables_.end()) return known->second;
  const auto declared = declared_variables_.find(name);
  const auto copied = copied_variables_.find(name);
  if (declared == declared_variables_.end() && copied == copied_variables_.end()) {
    return fail(Kind::invalid, fmt::format("The template variable '{}' is not found. Please see "
                                           "https://aka.ms/arm-syntax-variables for usage details.",
                                           cut_text(asked, 100)));
  }
  if (!evaluating_.insert(name).second || evaluating_.size() > nesting_max) {
    return fail(Kind::invalid,
                fmt::format("The template variable '{}' refers to itself, or through more than {} "
                            "others.",
                            cut_text(asked, 100), nesting_max));
  }
  const auto path = fmt::format("variables.{}", asked);
  TemplateScope scope(*this, {}, nullptr);
  auto value = declared != declared_variables_.end()
                   ? value_in(*declared->second, scope, &scope, path)
                   : unrolled(*copied->second, asked, scope, path);
  evaluating_.erase(name);
  if (value) variables_[name] = *value;
  return value;
}

namespace {

// Inside a function of the template there are its parameters and nothing else of the template.
class FunctionScope final : public Scope {
 public:
  FunctionScope(const std::vector<std::string>& names, std::span<const Json> values, Scope& outside)
      : names_(names), values_(values), outside_(outside) {}

  std::optional<Result<Json>> call(std::string_view name,
                                   std::span<const Json> arguments) override {
    if (name == "parameters" && arguments.size() == 1 && arguments[0].is_string()) {
      const auto wanted = to_lower(arguments[0].get_string());
      for (std::size_t i = 0; i < names_.size(); ++i) {
        if (names_[i] == wanted) return values_[i];
      }
      return fail(Kind::invalid, fmt::format("The function has no parameter '{}'.",
                                             cut_text(arguments[0].get_string(), 100)));
    }
    if (name == "variables" || name == "reference" || name.starts_with("list")) {
      return fail(Kind::invalid,
                  fmt::format("The template function '{}' is not expected inside a function of the "
                              "template.",
                              name));
    }
    return outside_.call(name, arguments);
  }

 private:
  const std::vector<std::string>& names_;
  const std::span<const Json> values_;
  Scope& outside_;
};

}  // namespace

Result<Json> Template::call_function(std::string_view name, std::span<const Json> arguments) {
  const auto& function = functions_.find(name)->second;
  if (arguments.size() != function.parameters.size()) {
    return fail(Kind::invalid, fmt::format("The template function '{}' takes {} arguments, not {}.",
                                           name, function.parameters.size(), arguments.size()));
  }
  if (nesting_ >= nesting_max) {
    return fail(Kind::invalid,
                fmt::format("Functions call each other more than {} deep.", nesting_max));
  }
  ++nesting_;
  TemplateScope outside(*this, {}, nullptr);
  FunctionScope scope(function.parameters, arguments, outside);
  auto value = value_in(*function.value, scope, nullptr, std::string(name));
  --nesting_;
  return value;
}

}  // namespace pinaco::templates
