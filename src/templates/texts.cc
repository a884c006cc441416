// Functions that make texts of texts. Positions and lengths count as UTF-16 has them.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/names.h"
#include "templates/net_format.h"
#include "templates/units.h"
#include "templates/values.h"

namespace pinaco::templates {
namespace {

Result<Json> text(std::string_view value) {
  return Result<Json>(Json(value));
}

Result<Json> concat_arrays(Call& call) {
  std::uint64_t elements = 0;
  for (const auto& argument : call.arguments) elements += argument.get_array().size();
  TRY(check_room(call.budget, elements, elements * sizeof(Json)));
  JsonArray all = std::move(call[0].get_array());
  for (std::size_t i = 1; i < call.size(); i++) {
    for (auto& element : call[i].get_array()) all.push_back(std::move(element));
  }
  return Result<Json>(Json(std::move(all)));
}

Result<Json> concat(Call& call) {
  std::size_t arrays = 0;
  std::uint64_t size = 0;
  for (const auto& argument : call.arguments) {
    if (argument.is_array()) arrays++;
    if (argument.is_object()) {
      return wrong_types(call, "s to be texts, numbers or booleans, or all of them arrays");
    }
    size += argument.is_string() ? argument.get_string().size() : 32;
  }
  if (arrays == call.size()) return concat_arrays(call);
  if (arrays > 0) {
    return refuse(
        "The provided parameters for language function 'concat' are invalid. Either all or none "
        "of the parameters must be an array. Please see "
        "https://aka.ms/arm-resource-functions/#concat for usage details.");
  }
  TRY(check_room(call.budget, 1, size));
  std::string all;
  all.reserve(size);
  for (const auto& argument : call.arguments) {
    if (const auto* part = argument.if_string()) {
      all.append(part->data(), part->size());
    } else {
      all += text_of(argument);
    }
  }
  return text(all);
}

Result<Json> join(Call& call) {
  const auto& parts = call[0].get_array();
  const std::string separator = text_of(call[1]);
  std::uint64_t size = 0;
  for (const auto& part : parts) size += separator.size() + text_size_max(part);
  TRY(check_room(call.budget, parts.size(), size));
  std::string all;
  for (std::size_t i = 0; i < parts.size(); i++) {
    if (i > 0) all += separator;
    all += text_of(parts[i]);
  }
  return text(all);
}

Result<Json> string_(Call& call) {
  TRY(check_room(call.budget, 1, text_size_max(call[0])));
  if (call[0].is_string()) return Result<Json>(std::move(call[0]));
  return text(text_of(call[0]));
}

Result<Json> to_lower_(Call& call) {
  return text(lower(call.text(0)));
}
Result<Json> to_upper_(Call& call) {
  return text(upper(call.text(0)));
}

Result<Json> trim_(Call& call) {
  std::string_view rest = call.text(0);
  // Besides ASCII's spaces: no-break space, and those of U+2000 to U+200A, U+2028, U+3000, ….
  constexpr std::array<std::string_view, 20> spaces = {" ",
                                                       "\t",
                                                       "\n",
                                                       "\r",
                                                       "\v",
                                                       "\f",
                                                       "\xc2\xa0",
                                                       "\xc2\x85",
                                                       "\xe2\x80\x80",
                                                       "\xe2\x80\x81",
                                                       "\xe2\x80\x82",
                                                       "\xe2\x80\x83",
                                                       "\xe2\x80\x84",
                                                       "\xe2\x80\x85",
                                                       "\xe2\x80\x88",
                                                       "\xe2\x80\x89",
                                                       "\xe2\x80\x8a",
                                                       "\xe2\x80\xa8",
                                                       "\xe2\x80\xa9",
                                                       "\xe3\x80\x80"};
  for (bool again = true; again;) {
    again = false;
    for (const auto space : spaces) {
      if (rest.starts_with(space)) {
        rest.remove_prefix(space.size());
        again = true;
      }
      if (rest.ends_with(space)) {
        rest.remove_suffix(space.size());
        again = true;
      }
    }
  }
  return text(std::string(rest));
}

Result<Json> pad_left(Call& call) {
  constexpr std::int64_t width_max = 16;
  constexpr std::string_view syntax = "The syntax is padLeft(string, totalWidth [, paddingChar])";
  if (!call[0].is_string() && !integer_of(call[0])) {
    return unable(call, fmt::format("the first parameter is invalid. The source string must be a "
                                    "String or integer type, while '{}' was provided. {}",
                                    type_name(call[0]), syntax));
  }
  const auto width = integer_of(call[1]);
  if (!width || *width < 0 || *width > width_max) {
    return unable(call,
                  fmt::format("the second parameter is invalid. Total width must be a positive "
                              "integer value and not greater than '{}', while '{}' was provided. "
                              "{}",
                              width_max, shown(text_of(call[1])), syntax));
  }
  std::string padding = " ";
  if (call.size() > 2) {
    if (!call[2].is_string()) {
      return unable(call, fmt::format("the third parameter is invalid. The padding character must "
                                      "be a string type, while '{}' was provided. {}",
                                      type_name(call[2]), syntax));
    }
    padding = call.text(2);
    if (count_units(padding) != 1) {
      return unable(call, fmt::format("the third parameter is invalid. The padding character must "
                                      "be a single character, while '{}' was provided. {}",
                                      shown(padding), syntax));
    }
  }
  std::string padded;
  const std::string source = text_of(call[0]);
  for (std::int64_t units = count_units(source); units < *width; units++) padded += padding;
  return text(padded + source);
}

std::unexpected<Error> out_of_text(std::string_view why) {
  return refuse(
      fmt::format("Unable to evaluate the template language function 'substring'. {} Please see "
                  "https://aka.ms/arm-resource-functions/#substring for usage details.",
                  why));
}

Result<Json> substring(Call& call) {
  const std::string_view whole = call.text(0);
  const std::int64_t units = count_units(whole);
  const std::int64_t first = call.integer(1);
  if (first < 0) {
    return out_of_text(
        fmt::format("The index parameter cannot be less than zero. The index: '{}'.", first));
  }
  if (first > units) {
    return out_of_text(
        fmt::format("The index parameter cannot be larger than the length of the string. The index "
                    "parameter: '{}', the length of the string parameter: '{}'.",
                    first, units));
  }
  const std::int64_t count = call.size() > 2 ? call.integer(2) : units - first;
  if (count < 0) {
    return out_of_text(fmt::format(
        "The length parameter cannot be less than zero. The length parameter: '{}'.", count));
  }
  if (count > units - first) {
    return out_of_text(
        fmt::format("The index and length parameters must refer to a location within the string. "
                    "The index parameter: '{}', the length parameter: '{}', the length of the "
                    "string parameter: '{}'.",
                    first, count, units));
  }
  return text(cut_units(whole, first, count));
}

Result<Json> format(Call& call) {
  return text(TRY(net_format(call.text(0), call.arguments.subspan(1), call.budget)));
}

// The arguments of guid and uniqueString: texts, joined with hyphens.
Result<std::string> joined(const Call& call) {
  std::uint64_t size = 0;
  for (const auto& argument : call.arguments) size += argument.get_string().size() + 1;
  TRY(check_room(call.budget, 1, size));
  std::string all;
  for (std::size_t i = 0; i < call.size(); i++) {
    if (i > 0) all += '-';
    all += call.text(i);
  }
  return all;
}

Result<Json> guid(Call& call) {
  return text(name_guid(TRY(joined(call))));
}
Result<Json> unique_string(Call& call) {
  return text(unique_name(TRY(joined(call))));
}

constexpr std::array functions = {
    Function{.name = "concat", .parameters = "x+", .pure = concat},
    Function{.name = "join", .parameters = "ax", .pure = join},
    Function{.name = "string", .parameters = "x", .pure = string_},
    Function{.name = "toLower", .parameters = "s", .pure = to_lower_},
    Function{.name = "toUpper", .parameters = "s", .pure = to_upper_},
    Function{.name = "trim", .parameters = "s", .pure = trim_},
    Function{.name = "padLeft",
             .parameters = "xx?x",
             .pure = pad_left,
             .wrong_count = "Unable to evaluate template language function 'padLeft': function "
                            "requires minimum two and maximum three arguments. The syntax is "
                            "padLeft(string, totalWidth [, paddingChar]). Please see "
                            "https://aka.ms/arm-resource-functions/#padLeft for usage details."},
    Function{.name = "substring",
             .parameters = "si?i",
             .pure = substring,
             .wrong_count = "The template language function 'substring' expects at least two "
                            "parameters and up to three parameters: a string, a start index and "
                            "optionally a length. Please see "
                            "https://aka.ms/arm-resource-functions/#substring for usage details."},
    Function{.name = "format", .parameters = "sx*", .pure = format},
    Function{.name = "guid", .parameters = "s+", .pure = guid},
    Function{.name = "uniqueString", .parameters = "s+", .pure = unique_string},
};

}  // namespace

std::span<const Function> text_functions() {
  return functions;
}

}  // namespace pinaco::templates
