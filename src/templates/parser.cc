#include "templates/parser.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/text.h"
#include "templates/errors.h"
#include "templates/expression.h"
#include "templates/function.h"
#include "templates/lexer.h"

namespace pinaco::templates {
namespace {

using Kind = Token::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), lexer_(text) {}

  Result<Node::Pointer> parse() {
    TRY(advance());
    auto root = TRY(expression(0));
    if (token_.kind != Kind::end) return expected(Kind::end);
    return root;
  }

 private:
  Result<> advance() {
    token_ = TRY(lexer_.next());
    return {};
  }

  std::unexpected<Error> expected(Kind kind) const {
    return refuse(
        fmt::format("Unable to parse language expression '{}': expected token '{}' and actual "
                    "'{}'.",
                    shown(text_), token_name(kind), token_name(token_.kind)));
  }

  Result<> skip(Kind kind) {
    if (token_.kind != kind) return expected(kind);
    return advance();
  }

  Result<std::string> name() {
    if (token_.kind != Kind::identifier) return expected(Kind::identifier);
    std::string text(token_.text);
    TRY(advance());
    return text;
  }

  Result<Node::Pointer> expression(int depth) {
    if (depth > depth_max) {
      return refuse(
          fmt::format("The language expression '{}' is nested deeper than the limit of {}.",
                      shown(text_), depth_max));
    }
    if (token_.kind == Kind::string_literal || token_.kind == Kind::integer ||
        token_.kind == Kind::floating) {
      return literal();
    }
    auto base = TRY(call(depth));
    if (token_.kind != Kind::dot && token_.kind != Kind::left_bracket) return base;
    auto node = std::make_shared<Node>();
    node->kind = Node::Kind::access;
    node->base = std::move(base);
    while (token_.kind == Kind::dot || token_.kind == Kind::left_bracket) {
      node->steps.push_back(TRY(step(depth)));
    }
    return Node::Pointer(std::move(node));
  }

  Result<Node::Pointer> literal() {
    auto node = std::make_shared<Node>();
    node->value = TRY(value());
    TRY(advance());
    return Node::Pointer(std::move(node));
  }

  Result<Json> value() {
    std::string_view text = token_.text;
    if (token_.kind == Kind::string_literal) {
      text = text.substr(1, text.size() - 2);
      std::string unquoted;
      unquoted.reserve(text.size());
      for (std::size_t i = 0; i < text.size(); i++) {
        unquoted += text[i];
        if (text[i] == '\'') i++;  // two stand for one
      }
      return Result<Json>(Json(unquoted));
    }
    if (text.starts_with('+')) text.remove_prefix(1);
    if (token_.kind == Kind::integer) {
      if (const auto number = parse_int(text, INT64_MIN, INT64_MAX)) {
        return Result<Json>(Json(*number));
      }
    } else {
      double number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc() && end == text.data() + text.size() && std::isfinite(number)) {
        return Result<Json>(Json(number));
      }
    }
    return refuse(
        fmt::format("Unable to parse language expression '{}': '{}' is not a number, or is "
                    "outside of the limits of 64 bits.",
                    shown(text_), shown(token_.text)));
  }

  Result<Node::Pointer> call(int depth) {
    auto node = std::make_shared<Node>();
    node->kind = Node::Kind::call;
    node->spelled = TRY(name());
    if (token_.kind == Kind::dot) {
      TRY(advance());
      node->spelled += "." + TRY(name());
    }
    node->name = to_lower(node->spelled);
    node->function = find_function(node->name);
    TRY(skip(Kind::left_parenthesis));
    if (token_.kind != Kind::right_parenthesis) {
      node->arguments.push_back(TRY(expression(depth + 1)));
      while (token_.kind == Kind::comma) {
        TRY(advance());
        node->arguments.push_back(TRY(expression(depth + 1)));
      }
    }
    TRY(skip(Kind::right_parenthesis));
    return Node::Pointer(std::move(node));
  }

  Result<Node::Step> step(int depth) {
    Node::Step step;
    const bool named = token_.kind == Kind::dot;
    TRY(advance());
    if (token_.kind == Kind::question) {
      step.safe = true;
      TRY(advance());
    }
    if (named) {
      step.name = TRY(name());
    } else {
      step.index = TRY(expression(depth + 1));
      TRY(skip(Kind::right_bracket));
    }
    return step;
  }

  std::string_view text_;
  Lexer lexer_;
  Token token_;
};

}  // namespace

Result<Node::Pointer> parse_tree(std::string_view text) {
  if (text.size() > text_bytes_max) {
    return refuse(
        fmt::format("The language expression '{}' exceeds the limit of {} characters; it has {}.",
                    shown(text), text_bytes_max, text.size()));
  }
  if (!is_utf8(text)) return refuse("A language expression is not valid: it is not UTF-8.");
  return Parser(text).parse();
}

}  // namespace pinaco::templates
