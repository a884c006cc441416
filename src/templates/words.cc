#include "templates/words.h"

#include <fmt/format.h>

namespace pinaco::templates {

Error bad_template(std::string_view message, std::string_view path) {
  return Error{.kind = Kind::invalid,
               .message = fmt::format("Deployment template validation failed: '{}'.", message),
               .code = "InvalidTemplate",
               .target = std::string(path)};
}

Error lacks_member(std::string_view member, std::string_view path) {
  return Error{.kind = Kind::invalid,
               .message = fmt::format("Deployment template parse failed: 'Required property '{}' "
                                      "not found in JSON. Path '{}'.'.",
                                      member, path),
               .code = "InvalidTemplate",
               .target = std::string(path)};
}

Error in_place(Error error, std::string_view path) {
  if (error.code.empty()) error.code = "InvalidTemplate";
  if (!error.target.empty() || path.empty()) return error;  // the innermost place says most
  error.message = fmt::format("Unable to process template language expressions at '{}': '{}'", path,
                              error.message);
  error.target = path;
  return error;
}

}  // namespace pinaco::templates
