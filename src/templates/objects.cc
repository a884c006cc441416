// Functions of objects.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/units.h"

namespace pinaco::templates {
namespace {

Result<Json> create_object(Call& call) {
  if (call.size() % 2 != 0) {
    return unable(call, fmt::format("function requires an even number of arguments, a key before "
                                    "each value, while {} were provided",
                                    call.size()));
  }
  TRY(call.budget.spend(call.size() * (1 + call.size() / 64), 0));
  JsonObject object;
  for (std::size_t i = 0; i < call.size(); i += 2) {
    if (!call[i].is_string()) {
      return unable(call, fmt::format("the key at position '{}' must be a string, while '{}' was "
                                      "provided",
                                      i, type_name(call[i])));
    }
    if (find_member(object, call.text(i)) != nullptr) {
      return unable(call, fmt::format("the key '{}' is provided twice", shown(call.text(i))));
    }
    object.emplace(call.text(i), std::move(call[i + 1]));
  }
  return Result<Json>(Json(std::move(object)));
}

std::vector<std::string> sorted_keys(const JsonObject& object) {
  std::vector<std::string> keys;
  keys.reserve(object.size());
  for (const auto& member : object) keys.emplace_back(member.key());
  std::ranges::sort(keys, [](const auto& a, const auto& b) {
    const std::string left = to_lower(a), right = to_lower(b);
    return left == right ? a < b : left < right;
  });
  return keys;
}

// In the order of the alphabet, as ARM says of it.
Result<Json> items(Call& call) {
  auto& object = call[0].get_object();
  JsonArray all;
  for (const auto& key : sorted_keys(object)) {
    JsonObject item;
    item.emplace("key", key);
    item.emplace("value", std::move(*object.if_contains(key)));
    all.push_back(std::move(item));
  }
  return Result<Json>(Json(std::move(all)));
}

Result<Json> object_keys(Call& call) {
  JsonArray keys;
  for (const auto& member : call[0].get_object()) keys.emplace_back(member.key());
  return Result<Json>(Json(std::move(keys)));
}

constexpr std::array functions = {
    Function{.name = "createObject", .parameters = "x*", .pure = create_object},
    Function{.name = "items", .parameters = "o", .pure = items},
    Function{.name = "objectKeys", .parameters = "o", .pure = object_keys},
};

}  // namespace

std::span<const Function> object_functions() {
  return functions;
}

}  // namespace pinaco::templates
