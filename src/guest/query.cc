#include "guest/query.h"

#include "base/text.h"

namespace pinaco::guest {

Query::Query(std::string_view target) {
  const auto mark = target.find('?');
  path_ = percent_decode(target.substr(0, mark)).value_or("");
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  if (mark == target.npos) return;
  for (const auto part : split(target.substr(mark + 1), '&')) {
    const auto equals = part.find('=');
    const auto value = equals == part.npos ? std::string_view() : part.substr(equals + 1);
    values_.emplace_back(percent_decode(part.substr(0, equals), true).value_or(""),
                         percent_decode(value, true).value_or(""));
  }
}

std::string_view Query::get(std::string_view name) const {
  for (const auto& [one, value] : values_) {
    if (iequals(one, name)) return value;
  }
  return "";
}

}  // namespace pinaco::guest
