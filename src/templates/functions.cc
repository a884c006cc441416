// The table of all functions that need nothing but their arguments, and the checks of arguments.
#include <fmt/format.h>

#include <string>
#include <unordered_map>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"

namespace pinaco::templates {
namespace {

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
using Table = std::unordered_map<std::string, const Function*, NameHash, std::equal_to<>>;

Table make_table() {
  Table table;
  for (const auto functions :
       {logic_functions(), number_functions(), text_functions(), text_search_functions(),
        encoding_functions(), collection_functions(), array_functions(), object_functions(),
        lambda_functions(), date_functions(), network_functions(), id_functions()}) {
    for (const auto& function : functions) {
      CHECK(table.emplace(to_lower(function.name), &function).second);
    }
  }
  return table;
}

struct Counts {
  std::size_t least = 0;
  std::size_t most = 0;  // npos: any number
};

Counts counts_of(std::string_view parameters) {
  Counts counts;
  bool optional = false;
  for (const char c : parameters) {
    if (c == '?') {
      optional = true;
    } else if (c == '+' || c == '*') {
      if (c == '*') counts.least--;
      counts.most = std::string_view::npos;
    } else {
      counts.most++;
      if (!optional) counts.least++;
    }
  }
  return counts;
}

// The letter of the index-th parameter.
char kind_of(std::string_view parameters, std::size_t index) {
  char kind = 'x';
  for (const char c : parameters) {
    if (c == '?' || c == '+' || c == '*') continue;
    kind = c;
    if (index-- == 0) break;
  }
  return kind;
}

bool is_of(const Json& value, char kind) {
  switch (kind) {
    case 's':
      return value.is_string();
    case 'i':
      return value.is_int64() || value.is_uint64();
    case 'b':
      return value.is_bool();
    case 'a':
      return value.is_array();
    case 'o':
      return value.is_object();
    default:
      return true;
  }
}

std::string_view kind_name(char kind) {
  switch (kind) {
    case 's':
      return "string";
    case 'i':
      return "integer";
    case 'b':
      return "boolean";
    case 'a':
      return "array";
    case 'o':
      return "object";
    default:
      return "any";
  }
}

// "'String'", "'String' and 'Integer'", "'A', 'B' and 'C'"
std::string types_of(std::span<const Json> arguments) {
  constexpr std::size_t named_max = 8;
  std::string text;
  for (std::size_t i = 0; i < arguments.size() && i < named_max; i++) {
    if (i > 0) text += i + 1 == arguments.size() ? " and " : ", ";
    text += fmt::format("'{}'", type_name(arguments[i]));
  }
  return text;
}

}  // namespace

const Function* find_function(std::string_view lower_name) {
  static const Table table = make_table();
  const auto found = table.find(lower_name);
  return found == table.end() ? nullptr : found->second;
}

Result<> check_count(const Function& function, std::size_t count) {
  const auto [least, most] = counts_of(function.parameters);
  if (count >= least && count <= most) return {};
  if (!function.wrong_count.empty()) return refuse(std::string(function.wrong_count));
  const std::string where = fmt::format(
      "Please see https://aka.ms/arm-resource-functions/#{} for usage details.", function.name);
  if (most == std::string_view::npos && least == 1) {
    return refuse(
        fmt::format("Unable to evaluate template language function '{}'. At least one parameter "
                    "should be provided. {}",
                    function.name, where));
  }
  const std::string wanted = least == most ? fmt::format("{}", least)
                             : most == std::string_view::npos
                                 ? fmt::format("at least {}", least)
                                 : fmt::format("between {} and {}", least, most);
  return refuse(
      fmt::format("Unable to evaluate template language function '{}': function requires {} "
                  "argument(s) while {} were provided. {}",
                  function.name, wanted, count, where));
}

Result<> check_types(const Function& function, std::span<const Json> arguments) {
  bool good = true;
  for (std::size_t i = 0; i < arguments.size() && good; i++) {
    good = is_of(arguments[i], kind_of(function.parameters, i));
    if (arguments[i].is_uint64() && !integer_of(arguments[i]) &&
        kind_of(function.parameters, i) == 'i') {
      return refuse(
          fmt::format("The template language function '{}' takes integers of 64 bits; '{}' is "
                      "outside of their limits.",
                      function.name, to_text(arguments[i])));
    }
  }
  if (good) return {};
  if (arguments.size() == 1) {
    std::string wanted(kind_name(kind_of(function.parameters, 0)));
    wanted[0] = static_cast<char>(wanted[0] - 'a' + 'A');
    return refuse(
        fmt::format("The template language function '{}' expects its parameter to be of type "
                    "'{}'. The provided value is of type {}. Please see "
                    "https://aka.ms/arm-resource-functions/#{} for usage details.",
                    function.name, wanted, types_of(arguments), function.name));
  }
  std::string wanted;
  for (std::size_t i = 0; i < arguments.size() && i < 8; i++) {
    if (i > 0) wanted += i + 1 == arguments.size() ? " and " : ", ";
    wanted += kind_name(kind_of(function.parameters, i));
  }
  return refuse(
      fmt::format("The template language function '{}' expects its parameters to be of type {}. "
                  "The provided value is of type {}. Please see "
                  "https://aka.ms/arm-resource-functions/#{} for usage details.",
                  function.name, wanted, types_of(arguments), function.name));
}

std::optional<std::int64_t> integer_of(const Json& json) {
  if (json.is_int64()) return json.get_int64();
  if (json.is_uint64() && json.get_uint64() <= INT64_MAX) {
    return static_cast<std::int64_t>(json.get_uint64());
  }
  return std::nullopt;
}

std::int64_t Call::integer(std::size_t index) const {
  return *integer_of(arguments[index]);  // check_types saw to it
}

std::unexpected<Error> wrong_types(const Call& call, std::string_view what) {
  return refuse(
      fmt::format("The template language function '{}' expects its parameter{}. The provided "
                  "value is of type {}. Please see https://aka.ms/arm-resource-functions/#{} for "
                  "usage details.",
                  call.name(), what, types_of(call.arguments), call.name()));
}

std::unexpected<Error> unable(const Call& call, std::string_view why) {
  return refuse(
      fmt::format("Unable to evaluate template language function '{}': {}. Please see "
                  "https://aka.ms/arm-resource-functions/#{} for usage details.",
                  call.name(), why, call.name()));
}

}  // namespace pinaco::templates
