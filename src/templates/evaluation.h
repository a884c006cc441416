// One evaluation of an expression: what surrounds it, what is left to spend, and the variables of
// the lambdas that are under way.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "templates/expression.h"
#include "templates/node.h"

namespace pinaco::templates {

class Evaluation {
 public:
  Evaluation(Scope& scope, Budget& budget) : scope_(scope), budget_(budget) {}

  Result<Json> evaluate(const Node& node);
  Budget& budget() { return budget_; }

  // Variables of lambdas, innermost last. The values are the caller's and outlive their names.
  void push_variable(std::string_view name, const Json& value) {
    variables_.emplace_back(name, &value);
  }
  void pop_variables(std::size_t count) { variables_.resize(variables_.size() - count); }
  const Json* find_variable(std::string_view name) const;

 private:
  Result<Json> call(const Node& node);
  Result<Json> access(const Node& node);

  Scope& scope_;
  Budget& budget_;
  std::vector<std::pair<std::string_view, const Json*>> variables_;
};

// Spends what a value costs: a step for each value in it, its bytes. Refuses one that is too deep.
Result<> spend_on(Budget& budget, const Json& value);

}  // namespace pinaco::templates
