// Composite formats as .NET has them: "{0}-{1,8:D4}". Source: .NET's published reference of
// composite formatting and of standard and custom numeric formats, with the invariant culture.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "templates/expression.h"

namespace pinaco::templates {

Result<std::string> net_format(std::string_view format, std::span<const Json> arguments,
                               Budget& budget);

}  // namespace pinaco::templates
