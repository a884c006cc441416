// `pinaco routes`: docs/routes.md, printed from the tables that the server routes by.
#include "app/routes.h"

#include <fmt/format.h>

#include <cstdio>

#include "app/routes_page.h"

namespace pinaco::app {

int print_routes() {
  return std::fputs(routes_page().c_str(), stdout) < 0 ? 1 : 0;
}

}  // namespace pinaco::app
