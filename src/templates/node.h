// The tree of a parsed expression. Immutable once parsed, shared freely.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace pinaco::templates {

struct Function;

struct Node {
  enum class Kind { literal, call, access };
  using Pointer = std::shared_ptr<const Node>;

  // One .name or [index] after a call.
  struct Step {
    bool safe = false;  // .?name and [?index]: nothing there is null, and ends the whole chain
    std::string name;   // empty when there is an index
    Pointer index;
  };

  Kind kind = Kind::literal;
  Json value;                          // of a literal
  std::string name;                    // of a call, lower case, with its namespace
  std::string spelled;                 // the same as the template has it
  const Function* function = nullptr;  // of a call that needs no scope
  std::vector<Pointer> arguments;      // of a call
  Pointer base;                        // of an access
  std::vector<Step> steps;             // of an access
};

}  // namespace pinaco::templates
