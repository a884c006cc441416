// A number as .NET's numeric formats write it, with the invariant culture: the standard ones (D4,
// N2, X, F, E, P, C, G, R) and custom ones (00.0, #,##0, 0.00;(0.00)).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace pinaco::templates {

// nullopt: no such format, or one with more than 99 digits.
std::optional<std::string> net_number(const Json& number, std::string_view format);

}  // namespace pinaco::templates
