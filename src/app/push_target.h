// Where a push goes: its location and regions, and the group, gallery and definition, which are
// made when they are not there.
#pragma once

#include "app/push.h"

namespace pinaco::app {

struct PushTarget {
  arm::ResourceId version;
  std::string location;
  std::vector<TargetRegion> regions;
  std::string os_type;
  std::string generation;
};

// Everything that can be refused is refused here, before a byte is uploaded: regions that the
// server does not have, a definition that says something else.
Result<PushTarget> prepare_target(const PushOptions& options, Connection& connection,
                                  Console& console);

// The body of the PUT that makes the version from a disk.
Json version_body(const PushOptions& options, const PushTarget& target,
                  const arm::ResourceId& disk);

}  // namespace pinaco::app
