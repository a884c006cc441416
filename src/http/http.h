// HTTP/1.1: a server over TLS (or plain, for tests) and a client. Boost.Beast's parser and
// libcurl do the work and stay inside this room's .cc files.
//
// Server: one thread a connection, at most connections_max of them (more wait in the backlog;
// when full, the connection that has kept us waiting longest for a request loses its place). The
// handler runs on the connection's thread and must be safe for many at once. Requests are
// read whole up to a limit the owner chooses by the head; a reply is a text or a stream of known
// length. Deadlines: head 10 s, idle 60 s, body and reply 30 s without progress. Limits: head
// 64 KiB, 100 header fields. Whatever is ambiguous (both lengths, two hosts, obsolete folding,
// a bare line feed, a body on a broken length) gets 400 and the connection is closed. HEAD is
// answered by the handler; its body is dropped here and its length kept. Content-Length,
// Transfer-Encoding, Connection (but for "close") and Date are the server's own to write.
// Errors: start returns why it could not listen. A handler cannot fail: it replies; should it
// throw, the client gets 500.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace pinaco::http {

// Header fields in order; names compare without case.
class Headers {
 public:
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  void set(std::string_view name, std::string value);
  std::string_view get(std::string_view name) const;  // "" when absent
  bool has(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method;
  std::string target;  // as sent, "/a/b?c=d"; "/a/b" also of "https://host/a/b"
  Headers headers;
  std::string body;
  std::string peer;  // "127.0.0.1:4711"
};

using Sink = std::function<Result<>(ByteView)>;

struct BodyStream {
  std::uint64_t size_bytes = 0;
  // Sends exactly size_bytes into the sink. An error cuts the connection, so that the client
  // sees a short body and not a wrong one.
  std::function<Result<>(const Sink&)> write;
};

struct Reply {
  int status = 200;
  Headers headers;
  std::string body;
  std::optional<BodyStream> stream;
};

using Handler = std::function<Reply(Request&)>;

struct ServerOptions {
  std::string address = "127.0.0.1";  // numeric
  std::uint16_t port = 0;             // 0 takes a free one
  std::string unix_path = {};         // when set: this socket file instead of address and port
  std::string certificate_file = {};  // PEM chain; empty: plain HTTP
  std::string key_file = {};
  std::size_t connections_max = 512;
  // The largest body for a request with this head (body still empty); more is answered 413.
  // Without it the limit is 4 MiB.
  std::function<std::uint64_t(const Request&)> body_bytes_max = {};
  Milliseconds head_timeout = Seconds(10);   // for the TLS handshake, and for a whole head
  Milliseconds idle_timeout = Seconds(60);   // between requests
  Milliseconds stall_timeout = Seconds(30);  // in which 16 KiB, or the rest, must move
};

struct ServerCounts {
  std::uint64_t connections = 0;  // taken since the start
  std::uint64_t requests = 0;     // given to the handler
  std::uint64_t refused = 0;      // answered here with 4xx or 5xx, before any handler
  std::size_t open = 0;           // connections now
};

class Server {
 public:
  virtual ~Server() = default;  // stops
  virtual std::uint16_t port() const = 0;
  // No new requests; those under way end, at most `grace` long, then connections are cut. Returns
  // when every handler has returned: a handler that never does keeps it.
  virtual void stop(Milliseconds grace) = 0;
  virtual ServerCounts counts() const = 0;
};

Result<std::unique_ptr<Server>> serve(ServerOptions options, Handler handler);

// --- client ------------------------------------------------------------------------------------

struct ClientOptions {
  std::string ca_file = {};  // PEM; empty: the system's store
  Milliseconds connect_timeout = Seconds(10);
  Milliseconds stall_timeout = Seconds(60);  // without a byte moving
  std::uint64_t body_bytes_max = 64 << 20;   // of an answer that is kept in memory
  Milliseconds total_timeout = Seconds(0);   // of one send, names and connecting included; 0: none
  // For addresses that strangers name: connects to no loopback, private or link-local one, whatever
  // a name means at that moment, and to no proxy.
  bool public_only = false;
};

struct Ask {
  std::string method = "GET";
  std::string url;
  Headers headers = {};
  ByteView body = {};  // must outlive the call; Content-Length is always sent for PUT and POST
  Sink sink = {};      // gets the body of a 2xx answer instead of Answer::body
};

struct Answer {
  int status = 0;
  Headers headers;
  std::string body;
};

// Keeps connections alive between calls. One thread at a time: one client a thread. Never follows
// redirects. Errors: unavailable when no whole answer came (the outcome is unknown); the message
// names host and reason and, for a certificate that is not trusted, what to do.
class Client {
 public:
  virtual ~Client() = default;
  virtual Result<Answer> send(const Ask& ask) = 0;
};

std::unique_ptr<Client> make_client(ClientOptions options);

}  // namespace pinaco::http
