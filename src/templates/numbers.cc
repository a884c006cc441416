// Functions of numbers. Integers have 64 bits; what does not fit is refused.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"

namespace pinaco::templates {
namespace {

Result<Json> too_large(const Call& call) {
  return refuse(
      fmt::format("The template language function '{}' overflowed with the operants '{}' and '{}'. "
                  "Please see https://aka.ms/arm-functions for usage details.",
                  call.name(), call.integer(0), call.integer(1)));
}

Result<Json> add(Call& call) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(call.integer(0), call.integer(1), &result)) return too_large(call);
  return Result<Json>(Json(result));
}
Result<Json> sub(Call& call) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(call.integer(0), call.integer(1), &result)) return too_large(call);
  return Result<Json>(Json(result));
}
Result<Json> mul(Call& call) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(call.integer(0), call.integer(1), &result)) return too_large(call);
  return Result<Json>(Json(result));
}

Result<Json> by_zero(const Call& call) {
  return refuse(
      fmt::format("The template language function '{}' was invoked with a parameter that is not "
                  "valid. Attempted to divide by zero.",
                  call.name()));
}

Result<Json> div(Call& call) {
  const auto a = call.integer(0), b = call.integer(1);
  if (b == 0) return by_zero(call);
  if (b == -1 && a == INT64_MIN) return too_large(call);
  return Result<Json>(Json(a / b));
}
Result<Json> mod(Call& call) {
  const auto a = call.integer(0), b = call.integer(1);
  if (b == 0) return by_zero(call);
  return Result<Json>(Json(b == -1 ? 0 : a % b));
}

Result<Json> int_(Call& call) {
  if (const auto number = integer_of(call[0])) return Result<Json>(Json(*number));
  if (call[0].is_string()) {
    auto text = trim(call.text(0));
    if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
    if (const auto number = parse_int(text, INT64_MIN, INT64_MAX)) {
      return Result<Json>(Json(*number));
    }
  }
  if (call[0].is_double() && std::abs(call[0].get_double()) < 9.2e18) {
    return Result<Json>(Json(static_cast<std::int64_t>(std::nearbyint(call[0].get_double()))));
  }
  return refuse(
      fmt::format("The template language function 'int' cannot convert provided value '{}' to "
                  "integer value. Please see https://aka.ms/arm-function-int for usage details.",
                  call[0].is_string() ? shown(call.text(0)) : shown(to_text(call[0]))));
}

Result<Json> float_(Call& call) {
  if (call[0].is_number()) return Result<Json>(Json(call[0].to_number<double>()));
  if (call[0].is_string()) {
    const auto text = trim(call.text(0));
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() && std::isfinite(number)) {
      return Result<Json>(Json(number));
    }
  }
  return refuse(
      fmt::format("The template language function 'float' cannot convert provided value '{}' to "
                  "a floating-point number.",
                  call[0].is_string() ? shown(call.text(0)) : shown(to_text(call[0]))));
}

// Of integers, given one by one or as one array.
Result<std::vector<std::int64_t>> integers(const Call& call) {
  const bool listed = call.size() == 1 && call[0].is_array();
  std::vector<std::int64_t> numbers;
  const auto add_one = [&](const Json& value) -> Result<> {
    const auto number = integer_of(value);
    if (!number) {
      return refuse(
          fmt::format("The template language function '{}' expects integers, or an array of "
                      "integers. The provided value is of type '{}'. Please see "
                      "https://aka.ms/arm-resource-functions/#{} for usage details.",
                      call.name(), type_name(value), call.name()));
    }
    numbers.push_back(*number);
    return {};
  };
  if (listed) {
    for (const auto& element : call[0].get_array()) TRY(add_one(element));
  } else {
    for (const auto& argument : call.arguments) TRY(add_one(argument));
  }
  if (numbers.empty()) return unable(call, "the array must have at least one element");
  return numbers;
}

Result<Json> min_(Call& call) {
  return Result<Json>(Json(std::ranges::min(TRY(integers(call)))));
}
Result<Json> max_(Call& call) {
  return Result<Json>(Json(std::ranges::max(TRY(integers(call)))));
}

constexpr std::array functions = {
    Function{.name = "add", .parameters = "ii", .pure = add},
    Function{.name = "sub", .parameters = "ii", .pure = sub},
    Function{.name = "mul", .parameters = "ii", .pure = mul},
    Function{.name = "div", .parameters = "ii", .pure = div},
    Function{.name = "mod", .parameters = "ii", .pure = mod},
    Function{.name = "int", .parameters = "x", .pure = int_},
    Function{.name = "float", .parameters = "x", .pure = float_},
    Function{.name = "min", .parameters = "x+", .pure = min_},
    Function{.name = "max", .parameters = "x+", .pure = max_},
};

}  // namespace

std::span<const Function> number_functions() {
  return functions;
}

}  // namespace pinaco::templates
