// docs/routes.md as text.
#pragma once

#include <string>

namespace pinaco::app {

std::string routes_page();

}  // namespace pinaco::app
