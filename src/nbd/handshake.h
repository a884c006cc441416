// The negotiation: everything from the greeting to the choice of an export.
//
// Limits: one deadline for all of it, 32 options, 64 KiB an option. Errors: a client that breaks
// the protocol or a limit is invalid and to be dropped; one that leaves is unavailable.
#pragma once

#include <functional>

#include "nbd/directory.h"
#include "os/sockets.h"

namespace pinaco::nbd {

struct Negotiated {
  std::shared_ptr<Entry> entry;
  bool structured = false;
  bool allocation = false;  // base:allocation was chosen for this export
};

struct NegotiationRules {
  bool may_list = false;
  Milliseconds limit = std::chrono::seconds(10);
  // Called before the client learns that it has the export.
  std::function<void(const std::shared_ptr<Entry>&)> chosen;
};

Result<Negotiated> negotiate(const os::Socket& socket, const Directory& directory,
                             const NegotiationRules& rules);

}  // namespace pinaco::nbd
