// The words of an expression.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace pinaco::templates {

struct Token {
  // In the order of token_name.
  enum class Kind {
    identifier,
    string_literal,
    integer,
    floating,
    left_parenthesis,
    right_parenthesis,
    left_bracket,
    right_bracket,
    dot,
    question,
    comma,
    end,
  };
  Kind kind = Kind::end;
  std::string_view text;  // as written
};

// What ARM calls it: "RightParenthesis".
std::string_view token_name(Token::Kind kind);

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  // "The language expression '…' is not valid: the string character '{' at position '4' is not
  // expected."
  Result<Token> next();

 private:
  Result<Token> string_literal();
  Result<Token> number();
  std::unexpected<Error> unexpected() const;
  Token take(Token::Kind kind, std::size_t end);

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace pinaco::templates
