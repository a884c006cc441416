// What commands say about contents: /pinaco/v1/contents as tables and lines.
#pragma once

#include "app/console.h"

namespace pinaco::app {

// Size, data, digest, blocks that were new, bytes stored.
std::string contents_text(const Json& contents);
// REGION  STATE  COPIES  ZONES  MOVED  STORED  DETAILS
Table regions_table(const Json& contents);
std::string size_text(const Json& json, std::string_view path);  // "1.5 GiB"

}  // namespace pinaco::app
