#include "provider/resource_graph_query.h"

#include <fmt/format.h>

#include <algorithm>

#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t query_bytes_max = 8 << 10;
constexpr std::size_t clauses_max = 64;
constexpr std::size_t levels_max = 32;

struct Token {
  enum class Kind { end, word, text, number, sign };
  Kind kind = Kind::end;
  std::string text = {};
  std::size_t at = 0;
};

Error invalid(std::size_t at, std::string_view what) {
  auto error = arm::error(Kind::invalid, "BadRequest",
                          "The query is not valid: see the details. Understood are the tables "
                          "resources, resourcecontainers and communitygalleryresources with where, "
                          "project, order by, take, count and summarize count() by.");
  error.details.push_back(
      arm::error(Kind::invalid, "InvalidQuery",
                 fmt::format("Query is invalid at position {}: {}.", at, what)));
  return error;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

Result<std::vector<Token>> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    const std::size_t start = at;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      at++;
    } else if (text.substr(at).starts_with("//")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '\'' || c == '"') {
      std::string value;
      for (at++; at < text.size() && text[at] != c; at++) {
        if (text[at] == '\\' && at + 1 < text.size()) at++;
        value += text[at];
      }
      if (at++ >= text.size()) return fail(invalid(start, "the text does not end"));
      tokens.push_back({Token::Kind::text, value, start});
    } else if (is_word(c)) {
      while (at < text.size() && is_word(text[at])) at++;
      const auto word = text.substr(start, at - start);
      const bool number = c >= '0' && c <= '9';
      tokens.push_back(
          {number ? Token::Kind::number : Token::Kind::word, std::string(word), start});
    } else {
      for (const std::string_view sign : {"==", "!=", "=~", "!~", "<=", ">=", "|", "(", ")", "[",
                                          "]", ",", ".", "=", "<", ">", "!", "~", "-"}) {
        if (!text.substr(at).starts_with(sign)) continue;
        at += sign.size();
        tokens.push_back({Token::Kind::sign, std::string(sign), start});
        break;
      }
      if (at == start) return fail(invalid(start, "this character means nothing here"));
    }
  }
  tokens.push_back({Token::Kind::end, "", text.size()});
  return tokens;
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<GraphQuery> query() {
    GraphQuery query;
    query.table = to_lower(TRY(word("the name of a table")));
    if (query.table != "resources" && query.table != "resourcecontainers" &&
        query.table != "communitygalleryresources") {
      return fail(
          invalid(tokens_[0].at, fmt::format("there is no table '{}'", query.table.substr(0, 60))));
    }
    while (take("|")) {
      if (query.clauses.size() == clauses_max) return fail(wrong("there are too many clauses"));
      query.clauses.push_back(TRY(clause()));
    }
    if (now().kind != Token::Kind::end) return fail(wrong("a | is expected"));
    return query;
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  const Token& next() { return tokens_[std::min(at_++, tokens_.size() - 1)]; }
  bool is(std::string_view text) const {
    return now().kind == Token::Kind::sign
               ? now().text == text
               : now().kind == Token::Kind::word && iequals(now().text, text);
  }
  bool take(std::string_view text) {
    if (!is(text)) return false;
    at_++;
    return true;
  }
  Error wrong(std::string_view what) const { return invalid(now().at, what); }
  Result<> need(std::string_view text) {
    if (take(text)) return {};
    return fail(wrong(fmt::format("'{}' is expected", text)));
  }
  Result<std::string> word(std::string_view what) {
    if (now().kind != Token::Kind::word) return fail(wrong(fmt::format("{} is expected", what)));
    return next().text;
  }

  Result<GraphClause> clause() {
    using Kind = GraphClause::Kind;
    GraphClause clause;
    if (take("where")) {
      clause.condition = TRY(any_of());
    } else if (take("project")) {
      clause.kind = Kind::project;
      clause.columns = TRY(columns());
    } else if (take("order") || take("sort")) {
      clause.kind = Kind::order;
      TRY(need("by"));
      clause.columns = TRY(columns());
    } else if (take("take") || take("limit")) {
      clause.kind = Kind::take;
      const auto rows = parse_int(now().text, 0, 1'000'000);
      if (now().kind != Token::Kind::number || !rows) return fail(wrong("a number is expected"));
      clause.rows = static_cast<std::size_t>(*rows);
      at_++;
    } else if (take("count")) {
      clause.kind = Kind::count;
    } else if (take("summarize")) {
      clause.kind = Kind::summarize;
      clause.name = "count_";
      if (!is("count") || tokens_[at_ + 1].text != "(") {
        clause.name = TRY(word("count()"));
        TRY(need("="));
      }
      for (const char* each : {"count", "(", ")"}) TRY(need(each));
      if (take("by")) clause.columns = TRY(columns());
    } else {
      return fail(wrong("where, project, order by, take, count or summarize is expected"));
    }
    return clause;
  }

  Result<std::vector<GraphColumn>> columns() {
    std::vector<GraphColumn> columns;
    do {
      if (columns.size() == clauses_max) return fail(wrong("there are too many columns"));
      GraphColumn column;
      if (now().kind == Token::Kind::word && tokens_[at_ + 1].text == "=" &&
          tokens_[at_ + 1].kind == Token::Kind::sign) {
        column.name = next().text;
        at_++;
      }
      column.path = TRY(path());
      if (column.name.empty()) column.name = join(column.path.members, "_");
      column.ascending = take("asc");
      if (!column.ascending) take("desc");
      columns.push_back(std::move(column));
    } while (take(","));
    return columns;
  }

  Result<GraphPath> path() {
    GraphPath path;
    if (is("tolower") && tokens_[at_ + 1].text == "(") {
      at_ += 2;
      path = TRY(this->path_of_members());
      path.lower = true;
      TRY(need(")"));
      return path;
    }
    return path_of_members();
  }

  Result<GraphPath> path_of_members() {
    GraphPath path;
    path.members.push_back(TRY(word("a column")));
    for (;;) {
      if (path.members.size() > levels_max) return fail(wrong("the column is too deep"));
      if (take(".")) {
        path.members.push_back(TRY(word("a member")));
      } else if (take("[")) {
        if (now().kind != Token::Kind::text) return fail(wrong("a text is expected"));
        path.members.push_back(next().text);
        TRY(need("]"));
      } else {
        return path;
      }
    }
  }

  Result<GraphCondition> any_of() {
    GraphCondition any{.kind = GraphCondition::Kind::any};
    do any.parts.push_back(TRY(all_of()));
    while (take("or"));
    return any;
  }

  Result<GraphCondition> all_of() {
    GraphCondition all{.kind = GraphCondition::Kind::all};
    do all.parts.push_back(TRY(one()));
    while (take("and"));
    return all;
  }

  Result<GraphCondition> one() {
    if (++level_ > levels_max) return fail(wrong("there are too many parentheses"));
    auto condition = TRY(one_inside());
    level_--;
    return condition;
  }

  Result<GraphCondition> one_inside() {
    if (take("not")) {
      TRY(need("("));
      GraphCondition no{.kind = GraphCondition::Kind::no};
      no.parts.push_back(TRY(any_of()));
      TRY(need(")"));
      return no;
    }
    if (take("(")) {
      auto inside = TRY(any_of());
      TRY(need(")"));
      return inside;
    }
    GraphCondition condition{.kind = GraphCondition::Kind::compare};
    for (const char* function : {"isempty", "isnotempty", "isnull", "isnotnull"}) {
      if (!is(function) || tokens_[at_ + 1].text != "(") continue;
      at_ += 2;
      condition.comparison = std::string_view(function).contains("not") ? "isnotempty" : "isempty";
      condition.path = TRY(path());
      TRY(need(")"));
      return condition;
    }
    condition.path = TRY(path());
    return compared(std::move(condition));
  }

  Result<GraphCondition> compared(GraphCondition condition) {
    for (const char* sign : {"==", "!=", "=~", "!~", "<=", ">=", "<", ">"}) {
      if (!take(sign)) continue;
      condition.comparison = sign;
      condition.values.push_back(TRY(value()));
      return condition;
    }
    const std::string negation = take("!") ? "!" : "";
    for (const char* name : {"contains", "startswith", "endswith", "has"}) {
      if (!take(name)) continue;
      condition.comparison = negation + name;
      condition.values.push_back(TRY(value()));
      return condition;
    }
    if (!take("in")) return fail(wrong("a comparison is expected"));
    condition.comparison = negation + "in";
    if (take("~")) condition.comparison += "~";
    TRY(need("("));
    do {
      if (condition.values.size() == 1000) return fail(wrong("there are too many values"));
      condition.values.push_back(TRY(value()));
    } while (take(","));
    TRY(need(")"));
    return condition;
  }

  Result<Json> value() {
    if (now().kind == Token::Kind::text) return Json(next().text);
    if (take("true")) return Json(true);
    if (take("false")) return Json(false);
    const bool negative = take("-");
    if (now().kind == Token::Kind::number) {
      if (const auto number = parse_int(now().text, 0, INT64_MAX)) {
        at_++;
        return Json(negative ? -*number : *number);
      }
    }
    return fail(wrong("a text, a whole number, true or false is expected"));
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t level_ = 0;
};

}  // namespace

Result<GraphQuery> parse_graph_query(std::string_view text) {
  if (text.size() > query_bytes_max) {
    return fail(
        invalid(query_bytes_max, fmt::format("it has more than {} bytes", query_bytes_max)));
  }
  return Parser(TRY(tokens_of(text))).query();
}

}  // namespace pinaco::provider
