// Functions that take a text, an array or an object alike.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/search.h"
#include "templates/units.h"
#include "templates/values.h"

namespace pinaco::templates {
namespace {

Result<Json> contains(Call& call) {
  if (call[0].is_string() && call[1].is_string()) {
    const bool found = find_text(call.text(0), call.text(1), 0) != std::string_view::npos;
    return Result<Json>(Json(found));
  }
  if (const auto* array = call[0].if_array()) {
    const bool found =
        std::ranges::any_of(*array, [&](const Json& each) { return same(each, call[1]); });
    return Result<Json>(Json(found));
  }
  if (call[0].is_object() && call[1].is_string()) {
    return Result<Json>(Json(find_member(call[0].get_object(), call.text(1)) != nullptr));
  }
  return wrong_types(call, "s to be an array and any value, or a string or an object and a string");
}

Result<Json> empty(Call& call) {
  if (call[0].is_null()) return Result<Json>(Json(true));
  if (const auto* text = call[0].if_string()) return Result<Json>(Json(text->empty()));
  if (const auto* array = call[0].if_array()) return Result<Json>(Json(array->empty()));
  if (const auto* object = call[0].if_object()) return Result<Json>(Json(object->empty()));
  return wrong_types(call, " to be an object, an array, or a string");
}

Result<Json> length(Call& call) {
  std::int64_t count = 0;
  if (const auto* array = call[0].if_array()) {
    count = static_cast<std::int64_t>(array->size());
  } else if (const auto* object = call[0].if_object()) {
    count = static_cast<std::int64_t>(object->size());
  } else if (call[0].is_string()) {
    count = count_units(call.text(0));
  } else {
    return wrong_types(call, " to be an object, an array, or a string");
  }
  return Result<Json>(Json(count));
}

// `count` elements or units of text from `first` on, cut to what is there.
Result<Json> part_of(Json& whole, std::int64_t first, std::int64_t count) {
  if (auto* array = whole.if_array()) {
    const auto size = static_cast<std::int64_t>(array->size());
    first = std::clamp<std::int64_t>(first, 0, size);
    const std::int64_t end = first + std::clamp<std::int64_t>(count, 0, size - first);
    JsonArray part;
    for (; first < end; first++) {
      part.push_back(std::move((*array)[static_cast<std::size_t>(first)]));
    }
    return Result<Json>(Json(std::move(part)));
  }
  const std::string_view text = whole.get_string();
  const std::int64_t size = count_units(text);
  first = std::clamp<std::int64_t>(first, 0, size);
  return Result<Json>(
      Json(cut_units(text, first, std::clamp<std::int64_t>(count, 0, size - first))));
}

bool is_sequence(const Json& value) {
  return value.is_array() || value.is_string();
}

Result<Json> end_of(Call& call, bool last) {
  if (auto* array = call[0].if_array()) {
    if (array->empty()) return Result<Json>(Json());
    Json element = std::move(last ? array->back() : array->front());
    return Result<Json>(std::move(element));
  }
  if (!call[0].is_string()) return wrong_types(call, " be an array or a string");
  return part_of(call[0], last ? count_units(call.text(0)) - 1 : 0, 1);
}

Result<Json> first(Call& call) {
  return end_of(call, false);
}
Result<Json> last(Call& call) {
  if (call[0].is_string() && call.text(0).empty()) return Result<Json>(Json(""));
  return end_of(call, true);
}

Result<> check_counted(const Call& call) {
  if (is_sequence(call[0]) && integer_of(call[1])) return {};
  return wrong_types(call, "s to be an array or a string, and an integer");
}

Result<Json> skip(Call& call) {
  TRY(check_counted(call));
  return part_of(call[0], call.integer(1), INT64_MAX);
}
Result<Json> take(Call& call) {
  TRY(check_counted(call));
  return part_of(call[0], 0, call.integer(1));
}

// What is at a key or an index of an object or an array; nullptr: nothing.
Json* find_in(Json& value, const Json& key) {
  if (auto* array = value.if_array()) {
    const auto index = integer_of(key);
    if (!index || *index < 0 || static_cast<std::uint64_t>(*index) >= array->size()) return nullptr;
    return &(*array)[static_cast<std::size_t>(*index)];
  }
  if (value.is_object() && key.is_string()) {
    return const_cast<Json*>(find_member(value.get_object(), std::string_view(key.get_string())));
  }
  return nullptr;
}

Result<Json> try_get(Call& call) {
  Json* at = &call[0];
  for (std::size_t i = 1; i < call.size() && at != nullptr; i++) {
    if (!call[i].is_string() && !integer_of(call[i])) {
      return wrong_types(call, "s to be any value, and then strings or integers");
    }
    at = find_in(*at, call[i]);
  }
  if (at == nullptr) return Result<Json>(Json());
  Json found = std::move(*at);
  return Result<Json>(std::move(found));
}

constexpr std::array functions = {
    Function{.name = "contains", .parameters = "xx", .pure = contains},
    Function{.name = "empty", .parameters = "x", .pure = empty},
    Function{.name = "length", .parameters = "x", .pure = length},
    Function{.name = "first", .parameters = "x", .pure = first},
    Function{.name = "last", .parameters = "x", .pure = last},
    Function{.name = "skip", .parameters = "xx", .pure = skip},
    Function{.name = "take", .parameters = "xx", .pure = take},
    Function{.name = "tryGet", .parameters = "xx+", .pure = try_get},
};

}  // namespace

std::span<const Function> collection_functions() {
  return functions;
}

}  // namespace pinaco::templates
