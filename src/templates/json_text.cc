#include "templates/json_text.h"

namespace pinaco::templates {
namespace {

// With double quotes instead of single ones, outside of texts that have double quotes already.
std::string with_double_quotes(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  char quote = 0;  // of the text that we are in
  for (std::size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    if (quote == 0) {
      if (c == '\'' || c == '"') quote = c;
      result += c == '\'' ? '"' : c;
    } else if (c == quote) {
      quote = 0;
      result += '"';
    } else if (c == '"') {
      result += "\\\"";
    } else if (c == '\\' && i + 1 < text.size()) {
      i++;
      if (text[i] != '\'') result += c;  // \' needs no escape in double quotes
      result += text[i];
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

Result<Json> parse_loose_json(std::string_view text) {
  auto strict = parse_json(text);
  if (strict || text.find('\'') == std::string_view::npos) return strict;
  auto loose = parse_json(with_double_quotes(text));
  return loose ? std::move(loose) : std::move(strict);
}

}  // namespace pinaco::templates
