#include "templates/expression.h"

#include "base/text.h"
#include "templates/evaluation.h"
#include "templates/node.h"
#include "templates/parser.h"

namespace pinaco::templates {
namespace {

// Every node, outermost first and in the order of the text.
void walk(const Node::Pointer& node, const std::function<void(const Node&)>& visit) {
  visit(*node);
  if (node->base != nullptr) walk(node->base, visit);
  for (const auto& argument : node->arguments) walk(argument, visit);
  for (const auto& step : node->steps) {
    if (step.index != nullptr) walk(step.index, visit);
  }
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text) {
  return Expression(TRY(parse_tree(text)));
}

Result<Json> Expression::evaluate(Scope& scope, Budget& budget) const {
  return Evaluation(scope, budget).evaluate(*root_);
}

std::vector<Expression::Call> Expression::calls(
    const std::function<bool(std::string_view lower_name)>& wanted) const {
  std::vector<Call> found;
  walk(root_, [&](const Node& node) {
    if (node.kind != Node::Kind::call || !wanted(node.name)) return;
    Call call{.name = node.name, .arguments = {}};
    for (const auto& argument : node.arguments) call.arguments.push_back(Expression(argument));
    found.push_back(std::move(call));
  });
  return found;
}

std::optional<std::string> Expression::literal() const {
  if (root_->kind != Node::Kind::literal) return std::nullopt;
  if (root_->value.is_string()) return std::string(root_->value.get_string());
  return to_text(root_->value);
}

bool is_expression(std::string_view text) {
  return text.size() >= 2 && text.starts_with('[') && text.ends_with(']') && text[1] != '[';
}

std::string_view unescape(std::string_view text) {
  if (text.size() >= 3 && text.starts_with("[[") && text.ends_with(']')) text.remove_prefix(1);
  return text;
}

}  // namespace pinaco::templates
