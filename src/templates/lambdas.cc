// Functions that take functions: lambda('x', expression), whose expression reads
// lambdaVariables('x').
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/values.h"

namespace pinaco::templates {
namespace {

std::unexpected<Error> not_fitting(const Node& call, std::string_view why) {
  return refuse(
      fmt::format("Unable to evaluate template language function '{}': {}. Please see "
                  "https://aka.ms/arm-resource-functions/#{} for usage details.",
                  call.function->name, why, call.function->name));
}

// A lambda that is ready to be evaluated, with the names of its variables.
class Lambda {
 public:
  // The argument `index` of `call`, which may have `least` to `most` variables.
  static Result<Lambda> of(const Node& call, std::size_t index, std::size_t least,
                           std::size_t most) {
    const Node& node = *call.arguments[index];
    if (node.kind != Node::Kind::call || node.name != "lambda" || node.arguments.empty()) {
      return not_fitting(call, fmt::format("argument {} must be a lambda", index + 1));
    }
    Lambda lambda(*node.arguments.back());
    const std::size_t count = node.arguments.size() - 1;
    if (count < least || count > most) {
      return not_fitting(call, fmt::format("its lambda must have between {} and {} variables while "
                                           "{} were provided",
                                           least, most, count));
    }
    for (std::size_t i = 0; i < count; i++) {
      const auto& name = *node.arguments[i];
      if (name.kind != Node::Kind::literal || !name.value.is_string()) {
        return not_fitting(call, "the variables of a lambda must be string literals");
      }
      lambda.names_.emplace_back(name.value.get_string());
    }
    return lambda;
  }

  std::size_t size() const { return names_.size(); }

  // As many values as it has variables; more are left out.
  Result<Json> operator()(Evaluation& evaluation, std::initializer_list<const Json*> values) const {
    std::size_t count = 0;
    for (const auto* value : values) {
      if (count == names_.size()) break;
      evaluation.push_variable(names_[count++], *value);
    }
    auto result = evaluation.evaluate(*body_);
    evaluation.pop_variables(count);
    return result;
  }

 private:
  explicit Lambda(const Node& body) : body_(&body) {}
  std::vector<std::string_view> names_;
  const Node* body_;
};

// A result as evaluate() hands it out: paid for.
Result<Json> paid(Evaluation& evaluation, Json value) {
  TRY(spend_on(evaluation.budget(), value));
  return Result<Json>(std::move(value));
}

Result<JsonArray> array_of(Evaluation& evaluation, const Node& call) {
  Json value = TRY(evaluation.evaluate(*call.arguments[0]));
  if (value.is_array()) return std::move(value.get_array());
  return not_fitting(call,
                     fmt::format("the first argument must be an array, while '{}' was provided",
                                 type_name(value)));
}

Result<bool> truth_of(const Node& call, const Json& value) {
  if (value.is_bool()) return value.get_bool();
  return not_fitting(call, fmt::format("its lambda must return a boolean, while '{}' was returned",
                                       type_name(value)));
}

Result<std::string> key_from(const Node& call, const Json& value) {
  if (value.is_string()) return std::string(value.get_string());
  return not_fitting(call, fmt::format("its lambda must return a string, while '{}' was returned",
                                       type_name(value)));
}

Result<Json> lambda(Evaluation&, const Node&) {
  return refuse(
      "The template function 'lambda' is not expected at this location: it is an argument of "
      "functions such as map and filter. Please see https://aka.ms/arm-template-expressions for "
      "usage details.");
}

Result<Json> lambda_variables(Evaluation& evaluation, const Node& call) {
  const Json name = TRY(evaluation.evaluate(*call.arguments[0]));
  if (!name.is_string()) {
    return not_fitting(
        call, fmt::format("the name must be a string, while '{}' was provided", type_name(name)));
  }
  const Json* value = evaluation.find_variable(std::string_view(name.get_string()));
  if (value == nullptr) {
    return refuse(
        fmt::format("The template language function 'lambdaVariables' names '{}', which is no "
                    "variable of a lambda around it.",
                    shown(std::string_view(name.get_string()))));
  }
  TRY(spend_on(evaluation.budget(), *value));
  return Result<Json>(*value);
}

Result<Json> map(Evaluation& evaluation, const Node& call) {
  const auto each = TRY(Lambda::of(call, 1, 1, 2));
  const auto array = TRY(array_of(evaluation, call));
  JsonArray mapped;
  for (std::size_t i = 0; i < array.size(); i++) {
    const Json index(static_cast<std::int64_t>(i));
    mapped.push_back(TRY(each(evaluation, {&array[i], &index})));
  }
  return paid(evaluation, Json(std::move(mapped)));
}

Result<Json> filter(Evaluation& evaluation, const Node& call) {
  const auto each = TRY(Lambda::of(call, 1, 1, 2));
  auto array = TRY(array_of(evaluation, call));
  JsonArray kept;
  for (std::size_t i = 0; i < array.size(); i++) {
    const Json index(static_cast<std::int64_t>(i));
    const Json answer = TRY(each(evaluation, {&array[i], &index}));
    if (TRY(truth_of(call, answer))) kept.push_back(std::move(array[i]));
  }
  return paid(evaluation, Json(std::move(kept)));
}

Result<Json> reduce(Evaluation& evaluation, const Node& call) {
  const auto each = TRY(Lambda::of(call, 2, 2, 3));
  const auto array = TRY(array_of(evaluation, call));
  Json current = TRY(evaluation.evaluate(*call.arguments[1]));
  for (std::size_t i = 0; i < array.size(); i++) {
    const Json index(static_cast<std::int64_t>(i));
    Json next = TRY(each(evaluation, {&current, &array[i], &index}));
    current = std::move(next);
  }
  return Result<Json>(std::move(current));
}

// Merges sorted runs that double in length. std::sort would leave its bounds when a lambda does not
// order its values.
Result<Json> sort(Evaluation& evaluation, const Node& call) {
  const auto before = TRY(Lambda::of(call, 1, 2, 2));
  auto array = TRY(array_of(evaluation, call));
  std::vector<std::size_t> order(array.size()), merged(array.size());
  for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
  for (std::size_t run = 1; run < order.size(); run *= 2) {
    for (std::size_t first = 0; first < order.size(); first += 2 * run) {
      const std::size_t middle = std::min(first + run, order.size());
      const std::size_t end = std::min(first + 2 * run, order.size());
      std::size_t left = first, right = middle;
      for (std::size_t at = first; at < end; at++) {
        bool take_right = left == middle;
        if (!take_right && right < end) {
          const Json answer = TRY(before(evaluation, {&array[order[right]], &array[order[left]]}));
          take_right = TRY(truth_of(call, answer));
        }
        merged[at] = order[take_right ? right++ : left++];
      }
    }
    std::swap(order, merged);
  }
  JsonArray sorted;
  sorted.reserve(array.size());
  for (const auto index : order) sorted.push_back(std::move(array[index]));
  return paid(evaluation, Json(std::move(sorted)));
}

Result<Json> to_object(Evaluation& evaluation, const Node& call) {
  const auto name = TRY(Lambda::of(call, 1, 1, 1));
  auto array = TRY(array_of(evaluation, call));
  JsonObject object;
  for (auto& element : array) {
    const Json named = TRY(name(evaluation, {&element}));
    const std::string key = TRY(key_from(call, named));
    if (call.arguments.size() == 2) {
      object.insert_or_assign(key, std::move(element));
    } else {
      const auto value = TRY(Lambda::of(call, 2, 1, 1));
      object.insert_or_assign(key, TRY(value(evaluation, {&element})));
    }
  }
  return paid(evaluation, Json(std::move(object)));
}

Result<Json> group_by(Evaluation& evaluation, const Node& call) {
  const auto name = TRY(Lambda::of(call, 1, 1, 1));
  auto array = TRY(array_of(evaluation, call));
  JsonObject groups;
  for (auto& element : array) {
    const Json named = TRY(name(evaluation, {&element}));
    const std::string key = TRY(key_from(call, named));
    Json* group = groups.if_contains(key);
    if (group == nullptr) group = &groups.emplace(key, JsonArray()).first->value();
    group->get_array().push_back(std::move(element));
  }
  return paid(evaluation, Json(std::move(groups)));
}

Result<Json> map_values(Evaluation& evaluation, const Node& call) {
  const auto each = TRY(Lambda::of(call, 1, 1, 1));
  const Json value = TRY(evaluation.evaluate(*call.arguments[0]));
  if (!value.is_object()) {
    return not_fitting(call, fmt::format("the first argument must be an object, while '{}' was "
                                         "provided",
                                         type_name(value)));
  }
  JsonObject mapped;
  for (const auto& member : value.get_object()) {
    mapped.emplace(member.key(), TRY(each(evaluation, {&member.value()})));
  }
  return paid(evaluation, Json(std::move(mapped)));
}

constexpr std::array functions = {
    Function{.name = "lambda", .parameters = "x+", .lazy = lambda},
    Function{.name = "lambdaVariables", .parameters = "s", .lazy = lambda_variables},
    Function{.name = "map", .parameters = "ax", .lazy = map},
    Function{.name = "filter", .parameters = "ax", .lazy = filter},
    Function{.name = "reduce", .parameters = "axx", .lazy = reduce},
    Function{.name = "sort", .parameters = "ax", .lazy = sort},
    Function{.name = "toObject", .parameters = "ax?x", .lazy = to_object},
    Function{.name = "groupBy", .parameters = "ax", .lazy = group_by},
    Function{.name = "mapValues", .parameters = "ox", .lazy = map_values},
};

}  // namespace

std::span<const Function> lambda_functions() {
  return functions;
}

}  // namespace pinaco::templates
