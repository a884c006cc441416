// URIs: a base and what is relative to it (RFC 3986, section 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pinaco::templates {

// nullopt: the base has no scheme.
std::optional<std::string> join_uri(std::string_view base, std::string_view relative);

}  // namespace pinaco::templates
