// Functions that look into texts and take them apart. Searches ignore the case of ASCII, as ARM's
// do, where it says so; each is linear in the text.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/search.h"
#include "templates/units.h"
#include "templates/values.h"

namespace pinaco::templates {
namespace {

Result<Json> starts_with(Call& call) {
  const std::string text = lower(call.text(0)), prefix = lower(call.text(1));
  return Result<Json>(Json(text.starts_with(prefix)));
}

Result<Json> ends_with(Call& call) {
  const std::string text = lower(call.text(0)), suffix = lower(call.text(1));
  return Result<Json>(Json(text.ends_with(suffix)));
}

Result<Json> replace(Call& call) {
  const std::string_view text = call.text(0), old = call.text(1), with = call.text(2);
  if (old.empty()) return unable(call, "the text to replace must not be empty");
  std::string result;
  for (std::size_t at = 0;;) {
    const std::size_t found = find_text(text, old, at);
    const std::size_t end = std::min(found, text.size());
    TRY(check_room(call.budget, 1, result.size() + (end - at) + with.size()));
    result += text.substr(at, end - at);
    if (found == std::string_view::npos) break;
    result += with;
    at = found + old.size();
  }
  return Result<Json>(Json(result));
}

Result<std::vector<std::string_view>> separators_of(const Call& call) {
  constexpr std::size_t separators_max = 100;
  std::vector<std::string_view> separators;
  if (call[1].is_string()) return std::vector<std::string_view>{call.text(1)};
  if (call[1].is_array() && call[1].get_array().size() > separators_max) {
    return unable(call,
                  fmt::format("the number of delimiters is over the limit of {}", separators_max));
  }
  if (call[1].is_array()) {
    for (const auto& each : call[1].get_array()) {
      if (!each.is_string()) break;
      separators.push_back(each.get_string());
    }
    if (separators.size() == call[1].get_array().size()) return separators;
  }
  return wrong_types(call, "s to be of type string, and string or an array of strings");
}

Result<Json> split(Call& call) {
  auto separators = TRY(separators_of(call));
  std::erase(separators, "");  // nothing is never found
  const std::string_view text = call.text(0);
  // Where each separator is next.
  std::vector<std::size_t> next;
  for (const auto separator : separators) next.push_back(find_text(text, separator, 0));
  JsonArray parts;
  for (std::size_t at = 0;;) {
    std::size_t chosen = separators.size();
    for (std::size_t i = 0; i < separators.size(); i++) {
      if (next[i] < at) {
        TRY(call.budget.spend(separators[i].size(), 0));
        next[i] = find_text(text, separators[i], at);
      }
      if (next[i] != std::string_view::npos &&
          (chosen == separators.size() || next[i] < next[chosen])) {
        chosen = i;
      }
    }
    TRY(call.budget.spend(separators.size(), 0));
    TRY(check_room(call.budget, parts.size() + 1, (parts.size() + 1) * sizeof(Json)));
    const bool last = chosen == separators.size();
    const std::size_t end = last ? text.size() : next[chosen];
    parts.emplace_back(text.substr(at, end - at));
    if (last) break;
    at = end + separators[chosen].size();
  }
  return Result<Json>(Json(std::move(parts)));
}

// The first or last place of an element or of a part of a text; -1 when there is none.
Result<Json> index_of(Call& call, bool from_end) {
  if (call[0].is_array()) {
    const auto& array = call[0].get_array();
    for (std::size_t i = 0; i < array.size(); i++) {
      const std::size_t at = from_end ? array.size() - 1 - i : i;
      if (same(array[at], call[1])) return Result<Json>(Json(static_cast<std::int64_t>(at)));
    }
    return Result<Json>(Json(std::int64_t{-1}));
  }
  if (!call[0].is_string() || !call[1].is_string()) {
    return wrong_types(call, "s to be of type string and string, or array and any");
  }
  const std::string text = lower(call.text(0)), part = lower(call.text(1));
  const std::size_t found = from_end ? find_last_text(text, part) : find_text(text, part, 0);
  const std::int64_t at = found == std::string::npos ? -1 : units_before(text, found);
  return Result<Json>(Json(at));
}

Result<Json> first_index_of(Call& call) {
  return index_of(call, false);
}
Result<Json> last_index_of(Call& call) {
  return index_of(call, true);
}

constexpr std::array functions = {
    Function{.name = "startsWith", .parameters = "ss", .pure = starts_with},
    Function{.name = "endsWith", .parameters = "ss", .pure = ends_with},
    Function{.name = "replace", .parameters = "sss", .pure = replace},
    Function{.name = "split",
             .parameters = "sx",
             .pure = split,
             .wrong_count = "The template language function 'split' expects exactly '2' "
                            "parameters. Please see https://aka.ms/arm-functions for usage "
                            "details."},
    Function{.name = "indexOf", .parameters = "xx", .pure = first_index_of},
    Function{.name = "lastIndexOf", .parameters = "xx", .pure = last_index_of},
};

}  // namespace

std::span<const Function> text_search_functions() {
  return functions;
}

}  // namespace pinaco::templates
