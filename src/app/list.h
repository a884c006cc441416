// `pinaco list`: what there is, as a tree.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct ListOptions {
  std::string name;   // empty, GALLERY or GALLERY/DEFINITION: only what is below
  std::string group;  // empty: all
  bool all = false;   // every version, not only the latest
};

Result<> list(const ListOptions& options, Console& console);
Result<> list(const ListOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
