#include "templates/errors.h"

#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::templates {

std::unexpected<Error> refuse(std::string message) {
  return fail(arm::error(Kind::invalid, "InvalidTemplate", std::move(message)));
}

std::string shown(std::string_view text) {
  constexpr std::size_t shown_max = 200;
  if (text.size() <= shown_max) return std::string(text);
  return std::string(cut_text(text, shown_max)) + "…";
}

std::string_view type_name(const Json& json) {
  switch (json.kind()) {
    case boost::json::kind::null:
      return "Null";
    case boost::json::kind::bool_:
      return "Boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
      return "Integer";
    case boost::json::kind::double_:
      return "Float";
    case boost::json::kind::string:
      return "String";
    case boost::json::kind::array:
      return "Array";
    case boost::json::kind::object:
      return "Object";
  }
  return "Undefined";
}

}  // namespace pinaco::templates
