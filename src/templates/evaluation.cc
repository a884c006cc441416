#include "templates/evaluation.h"

#include <fmt/format.h>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"

namespace pinaco::templates {
namespace {

struct Cost {
  std::uint64_t values = 0;
  std::uint64_t bytes = 0;
};

// false: deeper than `depth_left`.
bool add_cost(const Json& value, int depth_left, Cost& cost) {
  cost.values++;
  cost.bytes += sizeof(Json);
  if (const auto* text = value.if_string()) {
    cost.bytes += text->size();
  } else if (const auto* array = value.if_array()) {
    if (depth_left == 0) return false;
    for (const auto& element : *array) {
      if (!add_cost(element, depth_left - 1, cost)) return false;
    }
  } else if (const auto* object = value.if_object()) {
    if (depth_left == 0) return false;
    for (const auto& member : *object) {
      cost.bytes += member.key().size() + sizeof(Json);
      if (!add_cost(member.value(), depth_left - 1, cost)) return false;
    }
  }
  return true;
}

std::string names_of(const JsonObject& object) {
  std::string names;
  for (const auto& member : object) {
    if (!names.empty()) names += ", ";
    if (names.size() > 1000) return names + "…";
    names += member.key();
  }
  return names;
}

// What is at a key or an index. nullptr: nothing, and `safe`.
Result<Json*> find_at(Json& base, const Json& key, bool safe) {
  if (base.is_null() && safe) return nullptr;
  if (auto* array = base.if_array()) {
    const auto index = integer_of(key);
    const std::string text = key.is_string() ? std::string(key.get_string()) : to_text(key);
    if (!index) {
      return refuse(
          fmt::format("The language expression property '{}' can't be evaluated, property index "
                      "must be an integer.",
                      shown(text)));
    }
    if (*index >= 0 && static_cast<std::uint64_t>(*index) < array->size()) {
      return &(*array)[static_cast<std::size_t>(*index)];
    }
    if (safe) return nullptr;
    return refuse(
        fmt::format("The language expression property array index '{}' is out of bounds.", *index));
  }
  if (auto* object = base.if_object()) {
    if (!key.is_string()) {
      return refuse(
          fmt::format("The language expression property '{}' can't be evaluated, property name "
                      "must be a string.",
                      shown(to_text(key))));
    }
    const std::string_view name = key.get_string();
    const Json* found = find_member(*object, name);
    if (found != nullptr) return const_cast<Json*>(found);  // of a base that is not const
    if (safe) return nullptr;
    return refuse(
        fmt::format("The language expression property '{}' doesn't exist, available properties "
                    "are '{}'.",
                    shown(name), names_of(*object)));
  }
  const std::string text = key.is_string() ? std::string(key.get_string()) : to_text(key);
  return refuse(
      fmt::format("The language expression property '{}' can't be evaluated.", shown(text)));
}

}  // namespace

Result<> Budget::spend(std::uint64_t steps_now, std::uint64_t bytes_now) {
  if (steps_now <= steps && bytes_now <= bytes) {
    steps -= steps_now;
    bytes -= bytes_now;
    return {};
  }
  const bool of_steps = steps_now > steps;
  steps = 0;
  bytes = 0;
  return refuse(of_steps
                    ? "The expressions of the template exceed the limit on the work of one "
                      "template. Make its ranges, arrays and loops smaller."
                    : "The expressions of the template exceed the limit on the size of what they "
                      "make, all together. Make its texts, ranges and arrays smaller.");
}

Result<> check_room(const Budget& budget, std::uint64_t steps, std::uint64_t bytes) {
  Budget rest = budget;
  return rest.spend(steps, bytes);
}

Result<> spend_on(Budget& budget, const Json& value) {
  Cost cost;
  if (!add_cost(value, value_depth_max, cost)) {
    return refuse(fmt::format(
        "A value that an expression made is nested deeper than the limit of {}.", value_depth_max));
  }
  return budget.spend(cost.values, cost.bytes);
}

const Json* Evaluation::find_variable(std::string_view name) const {
  for (auto each = variables_.rbegin(); each != variables_.rend(); ++each) {
    if (iequals(each->first, name)) return each->second;
  }
  return nullptr;
}

Result<Json> Evaluation::evaluate(const Node& node) {
  switch (node.kind) {
    case Node::Kind::literal:
      TRY(spend_on(budget_, node.value));
      return Result<Json>(node.value);
    case Node::Kind::call:
      return call(node);
    case Node::Kind::access:
      return access(node);
  }
  return Result<Json>(Json());
}

Result<Json> Evaluation::call(const Node& node) {
  TRY(budget_.spend(1, 0));
  if (node.function != nullptr && node.function->lazy != nullptr) {
    TRY(check_count(*node.function, node.arguments.size()));
    return node.function->lazy(*this, node);
  }
  std::vector<Json> arguments;
  arguments.reserve(node.arguments.size());
  for (const auto& argument : node.arguments) arguments.push_back(TRY(evaluate(*argument)));
  Result<Json> result;
  if (node.function != nullptr) {
    TRY(check_count(*node.function, arguments.size()));
    TRY(check_types(*node.function, arguments));
    Call now{.function = *node.function, .arguments = arguments, .budget = budget_};
    result = node.function->pure(now);
  } else {
    auto answer = scope_.call(node.name, arguments);
    if (!answer) {
      return refuse(
          fmt::format("The template function '{}' is not valid. Please see "
                      "https://aka.ms/arm-functions for usage details.",
                      shown(node.spelled)));
    }
    result = std::move(*answer);
  }
  if (result) TRY(spend_on(budget_, *result));
  return result;
}

Result<Json> Evaluation::access(const Node& node) {
  Json base = TRY(evaluate(*node.base));
  Json* at = &base;
  for (const auto& step : node.steps) {
    TRY(budget_.spend(1, 0));
    const Json key = step.index != nullptr ? TRY(evaluate(*step.index)) : Json(step.name);
    at = TRY(find_at(*at, key, step.safe));
    if (at == nullptr) return Result<Json>(Json());
  }
  Json found = std::move(*at);
  return Result<Json>(std::move(found));
}

}  // namespace pinaco::templates
