// `pinaco advise`: how many replicas a version should have in each region, for a roll-out that is
// described and for what was seen, why (advice.h), and the command that makes it so.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct AdviseOptions {
  std::string name;    // GALLERY/DEFINITION[/VERSION], or a resource id
  std::string group;   // empty: looked for
  std::string region;  // only this one, which need not be a target yet; empty: all targets
  int machines = 0;    // of the roll-out, and how many of them at once; 0: all
  int at_once = 0;
  int scale_sets = 0;  // of the roll-out besides, and how many instances each has
  int instances = 600;
  int days = 30;       // how far back to look at what was made
  bool apply = false;  // replicas are added; none is taken away
  Seconds retry_for = Seconds(30);
};

Result<> advise(const AdviseOptions& options, Console& console);
Result<> advise(const AdviseOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
