// `pinaco show`: one gallery, definition, version or other resource, with its image digest, its
// regions and what it cost.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct ShowOptions {
  std::string name;       // GALLERY[/DEFINITION[/VERSION]], or a resource id
  std::string group;      // empty: looked for
  bool replicas = false;  // of a version: who is made from which, and what each place gave
};

Result<> show(const ShowOptions& options, Console& console);
Result<> show(const ShowOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
