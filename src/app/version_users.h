// Which machines and scale sets were made from versions: whoever deletes those wants to know.
#pragma once

#include <string>
#include <vector>

#include "app/client.h"
#include "arm/arm.h"

namespace pinaco::app {

struct VersionUser {
  std::string name;     // "machine rg/web", as people read it
  std::string version;  // "gallery/definition/1.0.0"
  bool scales = false;  // a scale set, which cannot grow without its version
  std::string location;
  std::string created;         // when
  std::int64_t instances = 1;  // of a scale set, what it is to have
  bool in_set = false;         // a machine of a scale set, which is a user of its own
};

// Those of all subscriptions that the login sees, by whatever name they call the versions.
Result<std::vector<VersionUser>> find_users(Connection& connection,
                                            const std::vector<arm::ResourceId>& versions);
// "In use: …", a line each, at most 20; empty when there are none.
std::string users_text(const std::vector<VersionUser>& users);

}  // namespace pinaco::app
