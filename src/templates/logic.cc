// Logical and comparing functions, and the constants that are functions. What a condition does not
// choose is not evaluated.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/values.h"

namespace pinaco::templates {
namespace {

Result<bool> condition(Evaluation& evaluation, const Node& call, std::size_t index) {
  const Json value = TRY(evaluation.evaluate(*call.arguments[index]));
  if (!value.is_bool()) {
    return refuse(
        fmt::format("The template language function '{}' expects its parameter to be of type "
                    "'Boolean'. The provided value is of type '{}'. Please see "
                    "https://aka.ms/arm-resource-functions/#{} for usage details.",
                    call.function->name, type_name(value), call.function->name));
  }
  return value.get_bool();
}

Result<Json> if_(Evaluation& evaluation, const Node& call) {
  const bool chosen = TRY(condition(evaluation, call, 0));
  return evaluation.evaluate(*call.arguments[chosen ? 1 : 2]);
}

Result<Json> and_(Evaluation& evaluation, const Node& call) {
  for (std::size_t i = 0; i < call.arguments.size(); i++) {
    if (!TRY(condition(evaluation, call, i))) return Result<Json>(Json(false));
  }
  return Result<Json>(Json(true));
}

Result<Json> or_(Evaluation& evaluation, const Node& call) {
  for (std::size_t i = 0; i < call.arguments.size(); i++) {
    if (TRY(condition(evaluation, call, i))) return Result<Json>(Json(true));
  }
  return Result<Json>(Json(false));
}

Result<Json> coalesce(Evaluation& evaluation, const Node& call) {
  for (const auto& argument : call.arguments) {
    Json value = TRY(evaluation.evaluate(*argument));
    if (!value.is_null()) return Result<Json>(std::move(value));
  }
  return Result<Json>(Json());
}

Result<Json> not_(Call& call) {
  return Result<Json>(Json(!call[0].get_bool()));
}
Result<Json> true_(Call&) {
  return Result<Json>(Json(true));
}
Result<Json> false_(Call&) {
  return Result<Json>(Json(false));
}
Result<Json> null_(Call&) {
  return Result<Json>(Json());
}

Result<Json> bool_(Call& call) {
  if (call[0].is_bool()) return Result<Json>(Json(call[0].get_bool()));
  if (const auto number = integer_of(call[0])) return Result<Json>(Json(*number != 0));
  if (call[0].is_string()) {
    const auto text = trim(call.text(0));
    if (iequals(text, "true") || text == "1") return Result<Json>(Json(true));
    if (iequals(text, "false") || text == "0") return Result<Json>(Json(false));
  }
  return refuse(
      fmt::format("The template language function '{}' was invoked with a parameter that is not "
                  "valid. The value cannot be converted to the target type.",
                  call.name()));
}

Result<Json> equals(Call& call) {
  return Result<Json>(Json(same(call[0], call[1])));
}

// Less than zero, zero or more; of two integers, two floats or two texts.
Result<int> compare(const Call& call) {
  const auto left = integer_of(call[0]), right = integer_of(call[1]);
  if (left && right) return *left < *right ? -1 : *left > *right ? 1 : 0;
  if (call[0].is_string() && call[1].is_string()) {
    const int order = call.text(0).compare(call.text(1));
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  const bool numbers = call[0].is_number() && call[1].is_number();
  if (numbers && (call[0].is_double() || call[1].is_double())) {
    const double a = call[0].to_number<double>(), b = call[1].to_number<double>();
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return refuse(
      fmt::format("The template language function '{}' expects two parameters of matching types. "
                  "The function was invoked with values of type '{}' and '{}' that do not match.",
                  call.name(), type_name(call[0]), type_name(call[1])));
}

Result<Json> less(Call& call) {
  return Result<Json>(Json(TRY(compare(call)) < 0));
}
Result<Json> less_or_equals(Call& call) {
  return Result<Json>(Json(TRY(compare(call)) <= 0));
}
Result<Json> greater(Call& call) {
  return Result<Json>(Json(TRY(compare(call)) > 0));
}
Result<Json> greater_or_equals(Call& call) {
  return Result<Json>(Json(TRY(compare(call)) >= 0));
}

// Ends the deployment with a text of the template's own.
Result<Json> fail_(Call& call) {
  return refuse(std::string(call.text(0)));
}

constexpr std::array functions = {
    Function{.name = "if", .parameters = "bxx", .lazy = if_},
    Function{.name = "and", .parameters = "bb+", .lazy = and_},
    Function{.name = "or", .parameters = "bb+", .lazy = or_},
    Function{.name = "coalesce", .parameters = "x+", .lazy = coalesce},
    Function{.name = "not", .parameters = "b", .pure = not_},
    Function{.name = "true", .parameters = "", .pure = true_},
    Function{.name = "false", .parameters = "", .pure = false_},
    Function{.name = "null", .parameters = "", .pure = null_},
    Function{.name = "bool", .parameters = "x", .pure = bool_},
    Function{.name = "equals", .parameters = "xx", .pure = equals},
    Function{.name = "less", .parameters = "xx", .pure = less},
    Function{.name = "lessOrEquals", .parameters = "xx", .pure = less_or_equals},
    Function{.name = "greater", .parameters = "xx", .pure = greater},
    Function{.name = "greaterOrEquals", .parameters = "xx", .pure = greater_or_equals},
    Function{.name = "fail", .parameters = "s", .pure = fail_},
};

}  // namespace

std::span<const Function> logic_functions() {
  return functions;
}

}  // namespace pinaco::templates
