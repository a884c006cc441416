// `pinaco copy`: a version, a definition with its versions or a gallery with all that is in it, to
// another gallery, also of another group or subscription. Each version is made of the one that it
// is a copy of, so no bytes move where its blocks are already. Run again, it copies what is new.
#pragma once

#include <string>
#include <vector>

#include "app/client.h"
#include "app/console.h"
#include "arm/arm.h"

namespace pinaco::app {

struct CopyOptions {
  std::string from;             // GALLERY[/DEFINITION[/VERSION]], or a resource id
  std::string to;               // the same, at most as deep
  std::string group;            // of `from`; empty: looked for
  std::string subscription;     // of `from`, its id or name; empty: that of the login
  std::string to_group;         // empty: that of the gallery, or as `from`'s is called
  std::string to_subscription;  // empty: that of the login
  bool dry_run = false;
  Seconds retry_for = Seconds(30);
};

// --- copy_plan.cc --------------------------------------------------------------------------------

// gallery, definition and version are to be made; there: nothing to do; skip: it is not copied;
// conflict: something else has its name, and so nothing is copied.
enum class CopyFate { make, there, skip, conflict };
struct CopyStep {
  arm::ResourceId from;
  arm::ResourceId to;
  CopyFate fate = CopyFate::make;
  std::string why = {};
  Json body = nullptr;  // of what is made
};
// Parents before their children, versions from the lowest number up. Changes nothing.
Result<std::vector<CopyStep>> plan_copy(const CopyOptions& options, Connection& connection);

Result<> copy(const CopyOptions& options, Console& console);
Result<> copy(const CopyOptions& options, Connection& connection, Console& console);

inline constexpr std::string_view copying_api = "2024-03-03";  // knows all that is to be copied

}  // namespace pinaco::app
