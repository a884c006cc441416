// Text inside XML, there and back. Pure.
#pragma once

#include <string>
#include <string_view>

namespace pinaco::guest {

std::string xml_escape(std::string_view text);
// The five named entities; anything else stays as it is.
std::string xml_unescape(std::string_view text);
// What stands in the first "<name>…</name>"; "" when there is none. Enough
// for the small documents that agents send.
std::string_view xml_element(std::string_view document, std::string_view name);

}  // namespace pinaco::guest
