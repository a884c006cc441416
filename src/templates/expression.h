// Expressions: the language between [ and ] in a template. A text becomes an Expression once;
// evaluating it gives a JSON value.
//
// Source: ARM's published reference of template syntax and functions. Names of functions are
// compared without case. Pure functions are here; what depends on the deployment (parameters,
// variables, reference, resourceGroup, copyIndex, user functions, …) is asked of the Scope.
// Threads: an Expression is immutable and shared freely; a Budget and a Scope belong to one thread.
// Limits: a text of text_bytes_max; nesting of depth_max; what an evaluation may do and hold is the
// Budget's. Errors: invalid with InvalidTemplate and ARM's texts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace pinaco::templates {

inline constexpr std::size_t text_bytes_max = 24'576;  // ARM's limit on an expression
inline constexpr int depth_max = 64;

inline constexpr int value_depth_max = 48;  // of arrays and objects that functions make

// What is left to spend on a whole template, so that no small text becomes a large work.
struct Budget {
  std::uint64_t steps =
      20'000'000;  // a node of an expression, an element that is made or looked at
  std::uint64_t bytes = 64ull << 20;  // all texts and elements that functions make, together
  // Refused with "…limit…"; nothing is left then.
  Result<> spend(std::uint64_t steps_now, std::uint64_t bytes_now);
};

struct Node;  // of a parsed expression: node.h

// What an expression asks of what is around it.
class Scope {
 public:
  virtual ~Scope() = default;
  // `name` in lower case; "contoso.uniquename" for functions of the template's own namespaces.
  // nullopt: there is no such function.
  virtual std::optional<Result<Json>> call(std::string_view name,
                                           std::span<const Json> arguments) = 0;
};

class Expression {
 public:
  // The text between the brackets. "Unable to parse language expression '…': …"
  static Result<Expression> parse(std::string_view text);

  Result<Json> evaluate(Scope& scope, Budget& budget) const;

  // A call that is found anywhere in it, with its arguments as expressions of their own.
  struct Call {
    std::string name;  // lower case
    std::vector<Expression> arguments;
  };
  // The calls whose name `wanted` takes, outermost first.
  std::vector<Call> calls(const std::function<bool(std::string_view lower_name)>& wanted) const;
  // When it is nothing but one literal.
  std::optional<std::string> literal() const;

 private:
  explicit Expression(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
  std::shared_ptr<const Node> root_;
};

// "[…]" is an expression; "[[…" is the text "[…"; anything else is itself. Spaces around count as
// ARM counts them.
bool is_expression(std::string_view text);
// "[[x]" → "[x]"; other texts as they are.
std::string_view unescape(std::string_view text);

}  // namespace pinaco::templates
