// `pinaco log`: who did what in the subscription, and whether it was allowed.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct LogOptions {
  int hours = 24;           // back from now
  bool failed = false;      // only what failed
  std::string group = {};   // empty: all
  std::string caller = {};  // empty: everybody
};

Result<> print_log(const LogOptions& options, Console& console);
Result<> print_log(const LogOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
