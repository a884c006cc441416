// Functions that write texts in other forms and read them back: base64, data URIs, URIs, JSON.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/function.h"
#include "templates/json_text.h"
#include "templates/units.h"
#include "templates/uri.h"
#include "templates/values.h"

namespace pinaco::templates {
namespace {

Result<Json> text(std::string_view value) {
  return Result<Json>(Json(value));
}

std::unexpected<Error> not_valid(const Call& call, std::string_view why) {
  return refuse(
      fmt::format("The template language function '{}' was invoked with a parameter that is not "
                  "valid. {}",
                  call.name(), why));
}

Result<std::string> decoded(const Call& call, std::string_view base64) {
  const auto bytes = from_base64(base64);
  if (!bytes) return not_valid(call, "The value cannot be decoded from base64 representation.");
  return to_utf8(as_text(*bytes));
}

Result<Json> parsed(const Call& call, std::string_view json) {
  TRY(check_room(call.budget, json.size(), json.size() * 8));
  auto value = parse_loose_json(json);
  if (!value) {
    return refuse(
        fmt::format("The template language function '{}' parameter is not valid. The provided "
                    "value '{}' cannot be parsed as JSON: {} Please see "
                    "https://aka.ms/arm-resource-functions/#{} for usage details.",
                    call.name(), shown(json), value.error().message, call.name()));
  }
  return value;
}

Result<Json> base64(Call& call) {
  TRY(check_room(call.budget, 1, call.text(0).size() * 2));
  return text(to_base64(as_bytes(call.text(0))));
}
Result<Json> base64_to_string(Call& call) {
  return text(TRY(decoded(call, call.text(0))));
}
Result<Json> base64_to_json(Call& call) {
  return parsed(call, TRY(decoded(call, call.text(0))));
}
Result<Json> json(Call& call) {
  return parsed(call, call.text(0));
}

Result<Json> data_uri(Call& call) {
  TRY(check_room(call.budget, 1, 2 * text_size_max(call[0])));
  const std::string content = text_of(call[0]);
  const std::string_view type = call[0].is_string() ? "text/plain" : "application/json";
  return text(fmt::format("data:{};charset=utf8;base64,{}", type, to_base64(as_bytes(content))));
}

Result<Json> data_uri_to_string(Call& call) {
  const std::string_view uri = call.text(0);
  const std::size_t comma = uri.find(',');
  if (!istarts_with(uri, "data:") || comma == std::string_view::npos) {
    return refuse(
        fmt::format("The template language function 'dataUriToString' expects its parameter to be "
                    "formatted as a valid data URI. The provided value '{}' was not formatted "
                    "correctly. Please see https://aka.ms/arm-functions#dataUriToString for usage "
                    "details.",
                    shown(uri)));
  }
  const std::string_view content = uri.substr(comma + 1);
  if (to_lower(uri.substr(0, comma)).ends_with(";base64")) {
    const auto bytes = from_base64(content);
    if (!bytes) return not_valid(call, "The value cannot be converted to the target type.");
    return text(to_utf8(as_text(*bytes)));
  }
  const auto plain = percent_decode(content);
  if (!plain) return not_valid(call, "The value cannot be converted to the target type.");
  return text(to_utf8(*plain));
}

Result<Json> uri(Call& call) {
  TRY(check_room(call.budget, 1, call.text(0).size() + call.text(1).size()));
  auto joined = join_uri(call.text(0), call.text(1));
  if (!joined) {
    return refuse(
        fmt::format("The template language function 'uri' expects its first argument to be a uri "
                    "string. The provided value is '{}'. Please see "
                    "https://aka.ms/arm-function-datauri for usage details.",
                    shown(call.text(0))));
  }
  return text(*joined);
}

Result<Json> uri_component(Call& call) {
  TRY(check_room(call.budget, 1, call.text(0).size() * 3));
  return text(percent_encode(call.text(0)));
}

// What is no escape stays as it is.
Result<Json> uri_component_to_string(Call& call) {
  const std::string_view escaped = call.text(0);
  std::string plain;
  for (std::size_t i = 0; i < escaped.size(); i++) {
    const auto byte = escaped[i] == '%' ? percent_decode(escaped.substr(i, 3)) : std::nullopt;
    if (byte) {
      plain += *byte;
      i += 2;
    } else {
      plain += escaped[i];
    }
  }
  return text(to_utf8(plain));
}

constexpr std::array functions = {
    Function{.name = "base64", .parameters = "s", .pure = base64},
    Function{.name = "base64ToString", .parameters = "s", .pure = base64_to_string},
    Function{.name = "base64ToJson", .parameters = "s", .pure = base64_to_json},
    Function{.name = "json", .parameters = "s", .pure = json},
    Function{.name = "dataUri", .parameters = "x", .pure = data_uri},
    Function{.name = "dataUriToString", .parameters = "s", .pure = data_uri_to_string},
    Function{.name = "uri", .parameters = "ss", .pure = uri},
    Function{.name = "uriComponent", .parameters = "s", .pure = uri_component},
    Function{.name = "uriComponentToString", .parameters = "s", .pure = uri_component_to_string},
};

}  // namespace

std::span<const Function> encoding_functions() {
  return functions;
}

}  // namespace pinaco::templates
