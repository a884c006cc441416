// The headers that stand on every answer of ARM, and the line of the log that says what was asked.
// Inside this room only.
#pragma once

#include <string>
#include <string_view>

#include "http/http.h"
#include "provider/provider.h"

namespace pinaco::front {

// A client that sends several requests for one purpose may give them an id of its own, a GUID;
// else it is the request's.
std::string correlation_of(const http::Request& request, std::string_view id);

void add_standing_headers(http::Reply& reply, const http::Request& request,
                          const provider::Call& call, std::string_view id);

// With --log-level debug: method, path, version, status and client of a request. Queries hold
// signatures and are left out.
void log_request(const http::Request& request, const http::Reply& reply);

}  // namespace pinaco::front
