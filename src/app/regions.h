// `pinaco region`: the server's regions, and who may use those that are restricted. A subscription
// asks for one, whoever runs the server allows or denies it. `pinaco regions` is `pinaco region
// list`.
//
// Errors: what the server said, and what to do.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct RegionOptions {
  std::string command = "region list";
  std::string name;          // of the region, in any spelling
  std::string subscription;  // an id or a name; empty: the login's
  std::string reason;
};

Result<> regions(const RegionOptions& options, Console& console);
Result<> regions(const RegionOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
