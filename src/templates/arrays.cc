// Functions of arrays, and those that join or compare whole arrays or whole objects.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/values.h"

namespace pinaco::templates {
namespace {

constexpr std::int64_t range_count_max = 10'000;

Result<Json> array(Call& call) {
  if (call[0].is_array()) return Result<Json>(std::move(call[0]));
  JsonArray one;
  one.push_back(std::move(call[0]));
  return Result<Json>(Json(std::move(one)));
}

Result<Json> create_array(Call& call) {
  JsonArray all;
  for (auto& argument : call.arguments) all.push_back(std::move(argument));
  return Result<Json>(Json(std::move(all)));
}

Result<Json> range(Call& call) {
  const std::int64_t first = call.integer(0), count = call.integer(1);
  if (count < 0 || count > range_count_max || first > INT32_MAX - count || first < INT32_MIN) {
    return unable(
        call, fmt::format("the count must be between 0 and the limit of {}, and the sum of both "
                          "parameters not over {}; '{}' and '{}' were provided",
                          range_count_max, INT32_MAX, first, count));
  }
  TRY(check_room(call.budget, static_cast<std::uint64_t>(count),
                 static_cast<std::uint64_t>(count) * sizeof(Json)));
  JsonArray numbers;
  numbers.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; i++) numbers.emplace_back(first + i);
  return Result<Json>(Json(std::move(numbers)));
}

Result<Json> flatten(Call& call) {
  JsonArray all;
  for (auto& element : call[0].get_array()) {
    auto* inner = element.if_array();
    if (inner == nullptr) {
      return refuse(
          fmt::format("The template language function 'flatten' expects its parameter to be an "
                      "array of arrays. One of its elements is of type '{}'. Please see "
                      "https://aka.ms/arm-resource-functions/#flatten for usage details.",
                      type_name(element)));
    }
    for (auto& each : *inner) all.push_back(std::move(each));
  }
  return Result<Json>(Json(std::move(all)));
}

Json* at_end(Call& call) {
  auto& elements = call[0].get_array();
  const std::int64_t index = call.integer(1);
  if (index < 1 || static_cast<std::uint64_t>(index) > elements.size()) return nullptr;
  return &elements[elements.size() - static_cast<std::size_t>(index)];
}

Result<Json> index_from_end(Call& call) {
  Json* element = at_end(call);
  if (element == nullptr) {
    return refuse(fmt::format(
        "The language expression property array index '^{}' is out of bounds.", call.integer(1)));
  }
  Json found = std::move(*element);
  return Result<Json>(std::move(found));
}

Result<Json> try_index_from_end(Call& call) {
  Json* element = call[0].is_array() ? at_end(call) : nullptr;
  if (element == nullptr) return Result<Json>(Json());
  Json found = std::move(*element);
  return Result<Json>(std::move(found));
}

// All arrays, or all objects.
Result<bool> are_arrays(const Call& call) {
  const auto all = [&](auto is) { return std::ranges::all_of(call.arguments, is); };
  if (all([](const Json& each) { return each.is_array(); })) return true;
  if (all([](const Json& each) { return each.is_object(); })) return false;
  return wrong_types(call, "s to be all arrays or all objects");
}

// The texts that stand for values are larger than the values.
Result<> check_keys_room(const Call& call) {
  std::uint64_t size = 0;
  for (const auto& argument : call.arguments) size += text_size_max(argument);
  return check_room(call.budget, 1, size);
}

Result<Json> union_arrays(Call& call) {
  TRY(check_keys_room(call));
  std::unordered_set<std::string> seen;
  JsonArray all;
  for (auto& argument : call.arguments) {
    for (auto& element : argument.get_array()) {
      if (seen.insert(key_of(element)).second) all.push_back(std::move(element));
    }
  }
  return Result<Json>(Json(std::move(all)));
}

// find_member looks at every member when there is none of this case.
Result<> spend_on_search(Budget& budget, const JsonObject& in, const JsonObject& names) {
  return budget.spend(names.size() * (1 + in.size() / 16), 0);
}

// Members of both; of equal names the later one's. Objects that meet are merged in turn.
Result<> merge(Budget& budget, JsonObject& into, JsonObject& from, bool deep) {
  TRY(spend_on_search(budget, into, from));
  for (auto& member : from) {
    auto* there = const_cast<Json*>(find_member(into, std::string_view(member.key())));
    if (there == nullptr) {
      into.emplace(member.key(), std::move(member.value()));
    } else if (deep && there->is_object() && member.value().is_object()) {
      TRY(merge(budget, there->get_object(), member.value().get_object(), deep));
    } else {
      *there = std::move(member.value());
    }
  }
  return {};
}

Result<Json> union_(Call& call) {
  if (TRY(are_arrays(call))) return union_arrays(call);
  JsonObject all = std::move(call[0].get_object());
  for (std::size_t i = 1; i < call.size(); i++) {
    TRY(merge(call.budget, all, call[i].get_object(), true));
  }
  return Result<Json>(Json(std::move(all)));
}

Result<Json> shallow_merge(Call& call) {
  JsonObject all;
  for (auto& element : call[0].get_array()) {
    if (!element.is_object()) {
      return refuse(
          fmt::format("The template language function 'shallowMerge' expects its parameter to be "
                      "an array of objects. One of its elements is of type '{}'. Please see "
                      "https://aka.ms/arm-resource-functions/#shallowMerge for usage details.",
                      type_name(element)));
    }
    TRY(merge(call.budget, all, element.get_object(), false));
  }
  return Result<Json>(Json(std::move(all)));
}

Result<Json> intersect_arrays(Call& call) {
  TRY(check_keys_room(call));
  std::vector<std::unordered_set<std::string>> others;
  for (std::size_t i = 1; i < call.size(); i++) {
    auto& keys = others.emplace_back();
    for (const auto& element : call[i].get_array()) keys.insert(key_of(element));
  }
  std::unordered_set<std::string> seen;
  JsonArray common;
  for (auto& element : call[0].get_array()) {
    const std::string key = key_of(element);
    const bool everywhere =
        std::ranges::all_of(others, [&](const auto& keys) { return keys.contains(key); });
    if (everywhere && seen.insert(key).second) common.push_back(std::move(element));
  }
  return Result<Json>(Json(std::move(common)));
}

// Members that both have with equal values; of objects that differ, what they have in common.
Result<JsonObject> intersect(Budget& budget, const JsonObject& a, const JsonObject& b) {
  TRY(spend_on_search(budget, b, a));
  JsonObject common;
  for (const auto& member : a) {
    const Json* other = find_member(b, std::string_view(member.key()));
    if (other == nullptr) continue;
    if (same(member.value(), *other)) {
      common.emplace(member.key(), member.value());
    } else if (member.value().is_object() && other->is_object()) {
      common.emplace(member.key(),
                     TRY(intersect(budget, member.value().get_object(), other->get_object())));
    }
  }
  return common;
}

Result<Json> intersection(Call& call) {
  if (TRY(are_arrays(call))) return intersect_arrays(call);
  JsonObject common = std::move(call[0].get_object());
  for (std::size_t i = 1; i < call.size(); i++) {
    auto both = TRY(intersect(call.budget, common, call[i].get_object()));
    common = std::move(both);
  }
  return Result<Json>(Json(std::move(common)));
}

constexpr std::array functions = {
    Function{.name = "array", .parameters = "x", .pure = array},
    Function{.name = "createArray", .parameters = "x*", .pure = create_array},
    Function{.name = "range", .parameters = "ii", .pure = range},
    Function{.name = "flatten", .parameters = "a", .pure = flatten},
    Function{.name = "indexFromEnd", .parameters = "ai", .pure = index_from_end},
    Function{.name = "tryIndexFromEnd", .parameters = "xi", .pure = try_index_from_end},
    Function{.name = "union", .parameters = "xx+", .pure = union_},
    Function{.name = "shallowMerge", .parameters = "a", .pure = shallow_merge},
    Function{.name = "intersection", .parameters = "xx+", .pure = intersection},
};

}  // namespace

std::span<const Function> array_functions() {
  return functions;
}

}  // namespace pinaco::templates
