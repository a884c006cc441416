// The server with the limits that tests shorten; others use serve() of the door.
#pragma once

#include "nbd/nbd.h"

namespace pinaco::nbd {

struct Limits {
  Milliseconds handshake = std::chrono::seconds(10);
  Milliseconds write_stall = std::chrono::seconds(60);
};

Result<std::unique_ptr<Server>> serve_within(ServerOptions options, Limits limits);

}  // namespace pinaco::nbd
