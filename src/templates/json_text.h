// JSON as templates write it inside of expressions: texts may stand in single quotes.
#pragma once

#include <string_view>

#include "base/json.h"

namespace pinaco::templates {

Result<Json> parse_loose_json(std::string_view text);

}  // namespace pinaco::templates
