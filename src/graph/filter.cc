#include "graph/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"

namespace pinaco::graph {
namespace {

constexpr int depth_max = 16;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

bool same(const Json& found, const Json& wanted) {
  if (found.is_string() && wanted.is_string()) {
    return iequals(std::string_view(found.get_string()), std::string_view(wanted.get_string()));
  }
  return found == wanted;
}

class Parser {
 public:
  Parser(std::string_view text, const JsonObject& known) : text_(text), known_(known) {}

  Result<Filter> parse() {
    auto filter = TRY(parse_or(0));
    skip_spaces();
    if (at_ != text_.size()) return fail(wrong());
    return filter;
  }

 private:
  Error wrong() const {
    return {.kind = Kind::invalid,
            .message = fmt::format("Invalid filter clause: '{}' is not understood from character "
                                   "{} on.",
                                   text_.substr(0, 200), at_ + 1),
            .code = "Request_BadRequest"};
  }
  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') at_++;
  }
  bool take(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }
  std::string_view take_word() {
    skip_spaces();
    const auto begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) at_++;
    return text_.substr(begin, at_ - begin);
  }
  bool take_word(std::string_view word) {
    const auto begin = at_;
    if (iequals(take_word(), word)) return true;
    at_ = begin;
    return false;
  }

  Result<Json> parse_value() {
    if (!take('\'')) {
      const auto word = take_word();
      if (word.empty()) return fail(wrong());
      if (word == "true") return Json(true);
      if (word == "false") return Json(false);
      if (word == "null") return Json(nullptr);
      return Json(word);  // a GUID may come without quotes
    }
    std::string value;
    for (; at_ < text_.size(); at_++) {
      if (text_[at_] == '\'') {
        at_++;
        if (at_ == text_.size() || text_[at_] != '\'') return Json(value);
      }
      value += text_[at_];
    }
    return fail(wrong());
  }

  Result<std::string> parse_property() {
    const auto name = take_word();
    if (name.empty()) return fail(wrong());
    if (find_member(known_, name) == nullptr) {
      return fail(Error{.kind = Kind::invalid,
                        .message = fmt::format("Unsupported or invalid query filter clause "
                                               "specified for property '{}'.",
                                               name.substr(0, 100)),
                        .code = "Request_UnsupportedQuery"});
    }
    return std::string(name);
  }

  Result<Filter> parse_or(int depth) {
    auto left = TRY(parse_and(depth));
    while (take_word("or")) {
      auto right = TRY(parse_and(depth));
      left = [left = std::move(left), right = std::move(right)](const Json& object) {
        return left(object) || right(object);
      };
    }
    return left;
  }

  Result<Filter> parse_and(int depth) {
    auto left = TRY(parse_term(depth));
    while (take_word("and")) {
      auto right = TRY(parse_term(depth));
      left = [left = std::move(left), right = std::move(right)](const Json& object) {
        return left(object) && right(object);
      };
    }
    return left;
  }

  Result<Filter> parse_term(int depth) {
    if (depth > depth_max) return fail(wrong());
    if (take('(')) {
      auto inner = TRY(parse_or(depth + 1));
      if (!take(')')) return fail(wrong());
      return inner;
    }
    if (take_word("startswith")) return parse_start();
    const auto property = TRY(parse_property());
    if (take('/')) return parse_any(property);
    if (take_word("in")) return parse_in(property);
    const bool equal = take_word("eq");
    if (!equal && !take_word("ne")) return fail(wrong());
    auto wanted = TRY(parse_value());
    return Filter([property, wanted, equal](const Json& object) {
      const Json* found = find_member(object.get_object(), property);
      return same(found == nullptr ? Json(nullptr) : *found, wanted) == equal;
    });
  }

  Result<Filter> parse_start() {
    if (!take('(')) return fail(wrong());
    const auto property = TRY(parse_property());
    if (!take(',')) return fail(wrong());
    const auto start = TRY(parse_value());
    if (!take(')') || !start.is_string()) return fail(wrong());
    return Filter([property, text = std::string(start.get_string())](const Json& object) {
      const Json* found = find_member(object.get_object(), property);
      return found != nullptr && found->is_string() &&
             istarts_with(std::string_view(found->get_string()), text);
    });
  }

  // servicePrincipalNames/any(c:c eq 'x'), from "any" on.
  Result<Filter> parse_any(const std::string& property) {
    if (!take_word("any") || !take('(')) return fail(wrong());
    const auto variable = take_word();
    if (variable.empty() || !take(':') || take_word() != variable || !take_word("eq")) {
      return fail(wrong());
    }
    auto wanted = TRY(parse_value());
    if (!take(')')) return fail(wrong());
    return Filter([property, wanted](const Json& object) {
      const Json* found = find_member(object.get_object(), property);
      return found != nullptr && found->is_array() &&
             std::ranges::any_of(found->get_array(),
                                 [&](const Json& each) { return same(each, wanted); });
    });
  }

  Result<Filter> parse_in(const std::string& property) {
    if (!take('(')) return fail(wrong());
    std::vector<Json> wanted;
    do {
      wanted.push_back(TRY(parse_value()));
    } while (take(','));
    if (!take(')')) return fail(wrong());
    return Filter([property, wanted](const Json& object) {
      const Json* found = find_member(object.get_object(), property);
      return found != nullptr &&
             std::ranges::any_of(wanted, [&](const Json& each) { return same(*found, each); });
    });
  }

  std::string_view text_;
  const JsonObject& known_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Filter> parse_filter(std::string_view text, const JsonObject& known) {
  if (text.size() > filter_bytes_max) {
    return fail(
        Error{.kind = Kind::invalid,
              .message = fmt::format("The filter has more than {} bytes.", filter_bytes_max),
              .code = "Request_BadRequest"});
  }
  return Parser(text, known).parse();
}

}  // namespace pinaco::graph
