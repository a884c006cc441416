// Any bytes as a connection's requests: the reader never crashes, and what it accepts has the
// shape that the rest of the server counts on.
#include <sys/socket.h>

#include "base/text.h"
#include "http/request_reader.h"
#include "http/syntax.h"

namespace pinaco::http {
namespace {

void read_requests(ByteView bytes) {
  int both[2];
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) == 0);
  const os::Socket client(both[0]);
  Wire wire(os::Socket(both[1]), nullptr);
  CHECK(client.write_all(bytes, Milliseconds(0)).has_value());
  ::shutdown(both[0], SHUT_WR);
  RequestReader reader(wire);
  const auto deadline = system_clock().steady() + Seconds(10);
  while (reader.wait(deadline)) {
    auto request = reader.read_head(deadline);
    if (!request) {
      CHECK(is_field_value(request.error().message));
      return;
    }
    CHECK(is_token(request->method) && request->target.starts_with('/'));
    CHECK(is_host(request->headers.get("Host")));
    CHECK(!(request->headers.has("Content-Length") && request->headers.has("Transfer-Encoding")));
    for (const auto& [name, value] : request->headers.all()) {
      CHECK(is_token(name) && is_field_value(value));
    }
    if (!reader.read_body(*request, 1000, Seconds(10), [] { return Result<>(); })) return;
    CHECK(request->body.size() <= 1000);
    const auto length = request->headers.get("Content-Length");
    CHECK(length.empty() || parse_int(length, 0, 1000) == request->body.size());
    if (!reader.keeps_alive()) return;
  }
}

}  // namespace
}  // namespace pinaco::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 100'000) return 0;  // what a socket holds without a reader
  pinaco::http::read_requests({data, size});
  return 0;
}
