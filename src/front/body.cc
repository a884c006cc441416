#include "front/body.h"

#include <fmt/format.h>

#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::front {
namespace {

bool begins_name(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
}

// Where the text that begins here ends: behind its closing quote.
std::size_t end_of_text(std::string_view json, std::size_t at) {
  for (at++; at < json.size() && json[at] != '"'; at++) {
    if (json[at] == '\\') at++;
  }
  return std::min(at + 1, json.size());
}

std::size_t end_of_name(std::string_view json, std::size_t at) {
  while (at < json.size() &&
         (begins_name(json[at]) || std::isdigit(static_cast<unsigned char>(json[at])) != 0)) {
    at++;
  }
  return at;
}

// Behind the comment that begins here, or where it was when none does.
std::size_t end_of_comment(std::string_view json, std::size_t at) {
  const auto rest = json.substr(at);
  if (rest.starts_with("//")) return std::min(json.find('\n', at), json.size());
  if (!rest.starts_with("/*")) return at;
  const auto end = json.find("*/", at + 2);
  return end == std::string_view::npos ? at : end + 2;
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\r') {
      line += "\\r";
    } else if (c == '\t') {
      line += "\\t";
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace

std::string strict_json(std::string_view loose) {
  std::string strict;
  strict.reserve(loose.size());
  std::size_t at = 0;
  while (at < loose.size()) {
    auto end = end_of_comment(loose, at);
    if (end > at) {
      strict += ' ';
    } else if (loose[at] == '"') {
      end = end_of_text(loose, at);
      strict += one_line(loose.substr(at, end - at));
    } else if (begins_name(loose[at])) {
      // true, false, null and the e of a number are names that no colon follows.
      end = end_of_name(loose, at);
      const auto next = loose.find_first_not_of(" \t\r\n", end);
      const bool named = next != std::string_view::npos && loose[next] == ':';
      strict += fmt::format("{1}{0}{1}", loose.substr(at, end - at), named ? "\"" : "");
    } else {
      end = at + 1;
      strict += loose[at];
    }
    at = end;
  }
  return strict;
}

Result<Json> parse_body(std::string_view text, bool loose) {
  if (trim(text).empty()) return Json(nullptr);
  auto body = parse_json(text);
  if (!body && loose) body = parse_json(strict_json(text));
  if (body) return std::move(*body);
  return fail(arm::error(Kind::invalid, "InvalidRequestContent",
                         fmt::format("The request content was invalid and could not be "
                                     "deserialized: '{}'.",
                                     body.error().message)));
}

Result<Json> parse_body(const http::Request& request, bool loose) {
  const auto encoding = trim(request.headers.get("Content-Encoding"));
  if (!request.body.empty() && !encoding.empty() && !iequals(encoding, "identity")) {
    return fail(arm::error(Kind::invalid, "UnsupportedMediaType",
                           fmt::format("The content encoding '{}' is not supported. Send the body "
                                       "without Content-Encoding.",
                                       encoding.substr(0, 40))));
  }
  return parse_body(request.body, loose);
}

}  // namespace pinaco::front
