// The small XML documents that agents send. Pure.
#pragma once

#include <string>
#include <string_view>

namespace pinaco::guest {

// The five named entities, and what markup_escape() writes; anything else stays as it is.
std::string xml_unescape(std::string_view text);
// What stands in the first "<name>…</name>"; "" when there is none. Enough
// for the small documents that agents send.
std::string_view xml_element(std::string_view document, std::string_view name);

}  // namespace pinaco::guest
