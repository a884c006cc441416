// What expressions answer when they are wrong: ARM's code and, as far as they are known, its texts.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace pinaco::templates {

// InvalidTemplate.
std::unexpected<Error> refuse(std::string message);
// A text as it stands in an error: at most 200 bytes of it.
std::string shown(std::string_view text);
// "String", "Integer", …: the names of JSON's types in ARM's texts.
std::string_view type_name(const Json& json);

}  // namespace pinaco::templates
