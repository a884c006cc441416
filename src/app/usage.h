// `pinaco usage`: the limits of the subscription in each region, and how much of them is used.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct UsageOptions {
  std::string region;  // empty: all of them
};

Result<> print_usage(const UsageOptions& options, Console& console);
Result<> print_usage(const UsageOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
