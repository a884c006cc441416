// Header fields: few, so a scan is faster than a map and keeps their order.
#include "base/text.h"
#include "http/http.h"

namespace pinaco::http {

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const auto& field) { return iequals(field.first, name); });
  fields_.emplace_back(name, std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (iequals(field, name)) return value;
  }
  return {};
}

bool Headers::has(std::string_view name) const {
  for (const auto& field : fields_) {
    if (iequals(field.first, name)) return true;
  }
  return false;
}

}  // namespace pinaco::http
