// The OData filters that clients of the directory send, as a question to one object.
//
//   appId eq 'x' and (startswith(displayName,'y') or accountEnabled eq true)
//   servicePrincipalNames/any(c:c eq 'x')      id in ('a','b')      mail ne null
//
// Pure. Texts compare without case, as in Graph. Limits: 2 KiB, parentheses 16 deep. Errors: what
// is not of this form, and properties that are not among `known`.
#pragma once

#include <functional>
#include <string_view>

#include "base/json.h"

namespace pinaco::graph {

using Filter = std::function<bool(const Json& object)>;
inline constexpr std::size_t filter_bytes_max = 2048;

// `known`: an object whose members are the properties that may be asked for.
Result<Filter> parse_filter(std::string_view text, const JsonObject& known);

}  // namespace pinaco::graph
