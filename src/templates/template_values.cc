// JSON with expressions in it becomes JSON without.
#include <fmt/format.h>

#include "base/text.h"
#include "templates/evaluation.h"
#include "templates/template_scope.h"
#include "templates/words.h"

namespace pinaco::templates {

Result<const Expression*> Template::parsed(std::string_view text) {
  const std::string key(text);
  if (const auto known = expressions_.find(key); known != expressions_.end()) {
    return known->second.get();
  }
  const auto inside = trim(text);
  auto expression = TRY(Expression::parse(inside.substr(1, inside.size() - 2)));
  auto kept = std::make_unique<Expression>(std::move(expression));
  const auto* made = kept.get();
  expressions_.emplace(key, std::move(kept));
  return made;
}

namespace {

void escape(Json& json) {
  if (json.is_array()) {
    for (auto& each : json.get_array()) escape(each);
  } else if (json.is_object()) {
    for (auto& each : json.get_object()) escape(each.value());
  } else if (json.is_string()) {
    const std::string_view text = json.get_string();
    if (is_expression(text) || text.starts_with("[[")) json = fmt::format("[{}", text);
  }
}

}  // namespace

Result<Json> Template::text_in(std::string_view text, Scope& scope, const std::string& path) {
  // What is for a template inside is read once more there, and must mean itself then.
  if (!is_expression(text)) return Json(for_inside_ ? text : unescape(text));
  const auto expression = parsed(text);
  if (!expression) return fail(in_place(expression.error(), path));
  auto value = (*expression)->evaluate(scope, budget_);
  if (!value) return fail(in_place(std::move(value.error()), path));
  if (for_inside_) escape(*value);
  return value;
}

// `loops` is the scope itself where loops may stand: everywhere but in functions of the template.
Result<Json> Template::value_in(const Json& json, Scope& scope, TemplateScope* loops,
                                const std::string& path) {
  if (json.is_string()) return text_in(json.get_string(), scope, path);
  if (json.is_object()) return object_in(json.get_object(), scope, loops, path);
  if (!json.is_array()) return json;
  JsonArray made;
  for (std::size_t i = 0; i < json.get_array().size(); ++i) {
    made.push_back(
        TRY(value_in(json.get_array()[i], scope, loops, fmt::format("{}[{}]", path, i))));
  }
  return Json(std::move(made));
}

Result<Json> Template::object_in(const JsonObject& object, Scope& scope, TemplateScope* loops,
                                 const std::string& path) {
  JsonObject made;
  for (const auto& member : object) {
    const std::string_view key = member.key();
    const auto here = fmt::format("{}.{}", path, key);
    if (loops != nullptr && iequals(key, "copy") && member.value().is_array()) {
      TRY(unroll(member.value().get_array(), *loops, here, made));
      continue;
    }
    std::string name(unescape(key));
    if (is_expression(key)) {
      const auto named = TRY(text_in(key, scope, here));
      if (!named.is_string()) {
        return fail(in_place(Error{.kind = Kind::invalid,
                                   .message = "The name of a member is not a text.",
                                   .code = "InvalidTemplate"},
                             here));
      }
      name = named.get_string();
    }
    made[name] = TRY(value_in(member.value(), scope, loops, here));
  }
  return Json(std::move(made));
}

// "copy": [{"name": "dataDisks", "count": 3, "input": {…}}] inside an object.
Result<> Template::unroll(const JsonArray& copies, TemplateScope& scope, const std::string& path,
                          JsonObject& into) {
  for (const auto& copy : copies) {
    const auto name = string_at(copy, "name");
    if (name.empty()) return fail(lacks_member("name", path));
    into[name] = TRY(unrolled(copy.get_object(), name, scope, path));
  }
  return {};
}

Result<Json> Template::unrolled(const JsonObject& copy, std::string_view name, TemplateScope& scope,
                                const std::string& path) {
  const Json* input = find_member(copy, "input");
  if (input == nullptr) return fail(lacks_member("input", path));
  const int count = TRY(count_of(copy, scope, path));
  JsonArray made;
  for (int i = 0; i < count; ++i) {
    scope.enter({.name = std::string(name), .index = i});
    auto value = value_in(*input, scope, &scope, fmt::format("{}[{}]", path, i));
    scope.leave();
    if (!value) return value;
    // Its literals are copied at each turn, and expressions have paid for the rest only.
    TRY(spend_on(budget_, *value));
    made.push_back(std::move(*value));
  }
  return Json(std::move(made));
}

Result<Json> Template::value_of(const Json& json, const Loops& loops, Runtime* runtime,
                                const std::string& path) {
  TemplateScope scope(*this, loops, runtime);
  return value_in(json, scope, &scope, path);
}

Result<int> Template::count_of(const JsonObject& copy, TemplateScope& scope,
                               const std::string& path) {
  const Json* count = find_member(copy, "count");
  if (count == nullptr) return fail(lacks_member("count", path));
  const auto value = TRY(value_in(*count, scope, nullptr, path + ".count"));
  if (value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= copies_max) {
    return static_cast<int>(value.get_int64());
  }
  return fail(bad_template(fmt::format("The copy count '{}' at '{}' is not a whole number of 0 to "
                                       "{}. Please see https://aka.ms/arm-resource-loops for usage "
                                       "details.",
                                       cut_text(to_text(value), 100), path, copies_max),
                           path));
}

Result<std::string> Template::string_of(const JsonObject& object, std::string_view member,
                                        const Loops& loops, const std::string& path) {
  const Json* json = find_member(object, member);
  if (json == nullptr || json->is_null()) return std::string();
  const auto here = fmt::format("{}.{}", path, member);
  const auto value = TRY(value_of(*json, loops, nullptr, here));
  if (value.is_string()) return std::string(value.get_string());
  return fail(bad_template(fmt::format("'{}' is not a text", here), here));
}

}  // namespace pinaco::templates
