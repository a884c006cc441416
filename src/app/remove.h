// `pinaco delete`: a version, a definition with its versions, a gallery with everything in it, or
// a disk or other resource by its id.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct DeleteOptions {
  std::string name;   // GALLERY[/DEFINITION[/VERSION]], or a resource id
  std::string group;  // empty: looked for
  bool yes = false;   // without it: says what would go, and deletes nothing
  Seconds retry_for = Seconds(30);
};

Result<> remove(const DeleteOptions& options, Console& console);
Result<> remove(const DeleteOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
