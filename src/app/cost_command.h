// `pinaco cost`: what image versions cost in a month, and what of it deduplication saved.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct CostOptions {
  std::string name = {};       // GALLERY[/DEFINITION[/VERSION]], or a resource id; empty: all
  std::string group = {};      // empty: all, or looked for
  std::string by = "gallery";  // or definition, version, region, type, month
  std::string month = {};      // "2026-11"; empty: this one; by months: all that are kept
  bool csv = false;
  Seconds retry_for = Seconds(5);  // somebody waits for it
};

Result<> print_cost(const CostOptions& options, Console& console);
Result<> print_cost(const CostOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
