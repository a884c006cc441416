// $filter on lists of resources and groups.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/platform.h"

namespace pinaco::provider {

// "resourceType eq 'x' and resourceGroup eq 'y'": what clients send. Anything else is refused, for
// a filter that is passed over gives a wrong answer.
Result<Filter> parse_filter(std::string_view text) {
  Filter conditions;
  while (!trim(text).empty()) {
    const auto end = to_lower(text).find(" and ");
    const auto part = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 5);
    const auto at = to_lower(part).find(" eq '");
    const auto name = to_lower(trim(part.substr(0, at)));
    bool known = at != std::string_view::npos && part.ends_with('\'') && part.size() >= at + 6;
    known = known && (name == "resourcetype" || name == "resourcegroup" || name == "name" ||
                      name == "location" || name == "tagname" || name == "tagvalue");
    if (!known) {
      return fail(
          arm::error(Kind::invalid, "InvalidFilterInQueryString",
                     fmt::format("The filter '{}' is not understood here: use resourceType, "
                                 "resourceGroup, name, location, tagName or tagValue with eq, "
                                 "joined by and.",
                                 part.substr(0, 200))));
    }
    conditions.emplace_back(name, part.substr(at + 5, part.size() - at - 6));
  }
  return conditions;
}

bool fits(const model::Resource& row, const Filter& conditions) {
  std::string tag;
  for (const auto& [name, value] : conditions) {
    if (name == "resourcetype" && !iequals(row.id.full_type(), value)) return false;
    if (name == "resourcegroup" && !iequals(row.id.group, value)) return false;
    if (name == "name" && !iequals(row.id.name(), value)) return false;
    if (name == "location" && row.location != arm::normalize_location(value)) return false;
    if (name == "tagname") {
      tag = value;
      if (find_member(row.tags.get_object(), value) == nullptr) return false;
    }
    if (name == "tagvalue") {
      const Json* found = find_member(row.tags.get_object(), tag);
      if (found == nullptr || *found != Json(value)) return false;
    }
  }
  return true;
}

}  // namespace pinaco::provider
