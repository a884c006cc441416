// An expression's text as a tree.
//
//   expression = text | integer | float | call
//   call       = name [ "." name ] "(" [ expression { "," expression } ] ")" { step }
//   step       = "." [ "?" ] name | "[" [ "?" ] expression "]"
#pragma once

#include "base/result.h"
#include "templates/node.h"

namespace pinaco::templates {

Result<Node::Pointer> parse_tree(std::string_view text);

}  // namespace pinaco::templates
