// Writes replies: head and small body in one piece, streams with exactly their length.
#pragma once

#include "http/http.h"
#include "http/wire.h"

namespace pinaco::http {

struct ReplyOptions {
  bool head_only = false;  // the answer to HEAD
  bool close = false;      // says that the connection ends
  Milliseconds stall_timeout = Seconds(30);
};

// After an error the connection must be cut: the client may hold a part of the reply.
Result<> write_reply(Wire& wire, const Reply& reply, const ReplyOptions& options);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string http_date(WallTime time);

}  // namespace pinaco::http
