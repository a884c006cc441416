// docs/compatibility.md as text.
#pragma once

#include <string>

namespace pinaco::app {

std::string compatibility_page();

}  // namespace pinaco::app
