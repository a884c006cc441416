// Errors of templates, as ARM words them. Inside this room only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace pinaco::templates {

// "Deployment template validation failed: '…'."
Error bad_template(std::string_view message, std::string_view path = {});
// "Required property 'x' not found in JSON. Path 'resources[0]'."
Error lacks_member(std::string_view member, std::string_view path);
// An expression's error, with where the expression stands.
Error in_place(Error error, std::string_view path);

}  // namespace pinaco::templates
