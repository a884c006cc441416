#include "templates/lexer.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "templates/errors.h"

namespace pinaco::templates {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

}  // namespace

std::string_view token_name(Token::Kind kind) {
  constexpr std::array<std::string_view, 12> names = {"Identifier",
                                                      "StringLiteral",
                                                      "Integer",
                                                      "Float",
                                                      "LeftParenthesis",
                                                      "RightParenthesis",
                                                      "LeftSquareBracket",
                                                      "RightSquareBracket",
                                                      "Dot",
                                                      "QuestionMark",
                                                      "Comma",
                                                      "EndOfData"};
  return names[static_cast<std::size_t>(kind)];
}

Token Lexer::take(Token::Kind kind, std::size_t end) {
  const Token token{.kind = kind, .text = text_.substr(at_, end - at_)};
  at_ = end;
  return token;
}

Result<Token> Lexer::next() {
  while (at_ < text_.size() && is_space(text_[at_])) at_++;
  if (at_ == text_.size()) return take(Token::Kind::end, at_);
  const char c = text_[at_];
  switch (c) {
    case '(':
      return take(Token::Kind::left_parenthesis, at_ + 1);
    case ')':
      return take(Token::Kind::right_parenthesis, at_ + 1);
    case '[':
      return take(Token::Kind::left_bracket, at_ + 1);
    case ']':
      return take(Token::Kind::right_bracket, at_ + 1);
    case '.':
      return take(Token::Kind::dot, at_ + 1);
    case '?':
      return take(Token::Kind::question, at_ + 1);
    case ',':
      return take(Token::Kind::comma, at_ + 1);
    case '\'':
      return string_literal();
    default:
      break;
  }
  if (is_digit(c) || c == '-' || c == '+') return number();
  if (!begins_name(c)) return unexpected();
  std::size_t end = at_ + 1;
  while (end < text_.size() && (begins_name(text_[end]) || is_digit(text_[end]))) end++;
  return take(Token::Kind::identifier, end);
}

Result<Token> Lexer::string_literal() {
  for (std::size_t end = at_ + 1; end < text_.size(); end++) {
    if (text_[end] != '\'') continue;
    if (end + 1 < text_.size() && text_[end + 1] == '\'') {
      end++;
    } else {
      return take(Token::Kind::string_literal, end + 1);
    }
  }
  return refuse(
      fmt::format("The language expression '{}' is not valid: the string constant at position "
                  "'{}' is not terminated. String constants must be enclosed within a pair of "
                  "single quotes. Please see https://aka.ms/arm-functions for usage details.",
                  shown(text_), at_));
}

Result<Token> Lexer::number() {
  bool floating = false;
  std::size_t end = at_ + 1;
  for (; end < text_.size(); end++) {
    const char c = text_[end];
    const bool exponent = c == 'e' || c == 'E';
    const bool sign = (c == '+' || c == '-') && (text_[end - 1] == 'e' || text_[end - 1] == 'E');
    if (!is_digit(c) && c != '.' && !exponent && !sign) break;
    floating = floating || c == '.' || exponent;
  }
  if (end < text_.size() && begins_name(text_[end])) {
    at_ = end;
    return unexpected();
  }
  return take(floating ? Token::Kind::floating : Token::Kind::integer, end);
}

std::unexpected<Error> Lexer::unexpected() const {
  // A whole character, should it have several bytes.
  std::size_t end = at_ + 1;
  while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xc0) == 0x80) end++;
  return refuse(
      fmt::format("The language expression '{}' is not valid: the string character '{}' at "
                  "position '{}' is not expected.",
                  shown(text_), text_.substr(at_, end - at_), at_));
}

}  // namespace pinaco::templates
