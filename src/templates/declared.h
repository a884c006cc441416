// What a template declares besides resources: user functions and types. Inside this room only.
#pragma once

#include "templates/template.h"

namespace pinaco::templates {

// A function of the template's own: "contoso.uniqueName".
struct Template::Function {
  std::vector<std::string> parameters;  // lower case
  const Json* value = nullptr;
};

// "securestring" → "SecureString": how ARM shows the types of parameters and outputs.
std::string type_shown(std::string_view type);
bool is_type(std::string_view type);
bool is_secure(std::string_view type);
bool is_of_type(const Json& value, std::string_view type);

}  // namespace pinaco::templates
