// What functions do with any value: compare it, write it as text.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"

namespace pinaco::templates {

// Equal in type and contents; texts with their case, members of objects in any order.
bool same(const Json& a, const Json& b);
// As string() has it: texts as they are, "True" and "False", nothing for null, others as JSON.
std::string text_of(const Json& value);
// How many bytes text_of would have at most; without making it.
std::uint64_t text_size_max(const Json& value);
// Equal texts for equal values, for sets of them.
std::string key_of(const Json& value);

}  // namespace pinaco::templates
