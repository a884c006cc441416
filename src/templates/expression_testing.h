// For tests of expressions: tables of an expression and what it is to be, and a scope as a small
// deployment has one.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "templates/templates.h"

namespace pinaco::templates {

// parameters('name') of the members of `values`; resourceGroup(); a function contoso.twice of its
// own; what it was asked.
class TestScope final : public Scope {
 public:
  std::optional<Result<Json>> call(std::string_view name,
                                   std::span<const Json> arguments) override {
    asked.emplace_back(name);
    if (name == "parameters" && arguments.size() == 1 && arguments[0].is_string()) {
      const auto* found = values.if_contains(std::string_view(arguments[0].get_string()));
      if (found != nullptr) return Result<Json>(*found);
      return Result<Json>(fail(Kind::invalid, "no such parameter"));
    }
    if (name == "resourcegroup") {
      return Result<Json>(Json(JsonObject{{"id", "/subscriptions/s/resourceGroups/rg"},
                                          {"name", "rg"},
                                          {"tags", JsonObject{{"Env", "test"}}}}));
    }
    if (name == "contoso.twice" && arguments.size() == 1) {
      return Result<Json>(Json(JsonArray{arguments[0], arguments[0]}));
    }
    return std::nullopt;
  }

  JsonObject values = {
      {"a", "alpha"},
      {"n", 7},
      {"yes", true},
      {"nothing", nullptr},
      {"list", JsonArray{3, 1, 2}},
      {"words", JsonArray{"pear", "Apple", "fig"}},
      {"o", JsonObject{{"one", 1}, {"Two", JsonObject{{"deep", JsonArray{"x", "y"}}}}}},
  };
  std::vector<std::string> asked;
};

// The value as JSON, or "! " and the error's message.
inline std::string answer_of(std::string_view text, Scope& scope, Budget& budget) {
  const auto expression = Expression::parse(text);
  if (!expression) return "! " + expression.error().message;
  const auto value = expression->evaluate(scope, budget);
  if (!value) return "! " + value.error().message;
  return to_text(*value);
}

inline std::string answer_of(std::string_view text) {
  TestScope scope;
  Budget budget;
  return answer_of(text, scope, budget);
}

struct Case {
  const char* expression;
  // JSON; or "! " and a part of the error's message.
  const char* expected;
};

inline void check_cases(const std::vector<Case>& cases) {
  for (const auto& [expression, expected] : cases) {
    const std::string answer = answer_of(expression);
    const std::string_view wanted = expected;
    if (wanted.starts_with("! ")) {
      EXPECT_TRUE(answer.starts_with("! ") && answer.find(wanted.substr(2)) != std::string::npos)
          << expression << "\n  is       " << answer << "\n  and not  " << expected;
    } else {
      EXPECT_EQ(answer, wanted) << expression;
    }
  }
}

}  // namespace pinaco::templates
