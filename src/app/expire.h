// `pinaco expire`: what goes by itself, what stays and why; doing now what is due; taking it back.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct ExpireOptions {
  std::string name = {};    // GALLERY[/DEFINITION[/VERSION]]; empty: the whole subscription
  std::string group = {};   // empty: looked for
  bool dry_run = false;     // says so even beside yes
  bool yes = false;         // does what is due
  bool skip_grace = false;  // and what would be in some days
  bool undo = false;        // what is marked stays, with a tag; a deleted version is restored
  Seconds retry_for = Seconds(30);
};

Result<> expire(const ExpireOptions& options, Console& console);
Result<> expire(const ExpireOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
