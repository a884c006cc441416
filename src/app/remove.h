// `pinaco delete`: a version, a definition or a gallery, with --cascade also with all that is in it
// (remove_cascade.h), or a disk or other resource by its id.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct DeleteOptions {
  std::string name;       // GALLERY[/DEFINITION[/VERSION]], or a resource id
  std::string group;      // empty: looked for
  bool yes = false;       // without it: says what would go; asks, or deletes nothing
  bool cascade = false;   // also what is in it
  bool for_good = false;  // also what soft delete would keep
  bool in_use = false;    // also what machines and scale sets were made of
  Seconds retry_for = Seconds(30);
};

// Asks whoever typed the command; empty: nobody is there.
using AskUser = std::function<Result<bool>(std::string_view question)>;

Result<> remove(const DeleteOptions& options, Console& console);
Result<> remove(const DeleteOptions& options, Connection& connection, const AskUser& ask,
                Console& console);

}  // namespace pinaco::app
