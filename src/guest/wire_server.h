// The wire server at 168.63.129.16, as far as agents need it to settle and to report: cloud-init's
// one report, and the Linux agent's daemon, which asks every six seconds. As a function.
#pragma once

#include "guest/guest.h"
#include "http/http.h"

namespace pinaco::guest {

struct WireAnswer {
  http::Reply reply;
  Report report;  // what the request adds: unknown, and empty texts, when it says nothing new
};

// Pure. A guest's words are cut and cleaned of control characters.
WireAnswer answer_wire(const Facts& facts, const http::Request& request);

}  // namespace pinaco::guest
