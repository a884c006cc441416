// A connection's bytes, plain or through TLS, with a deadline on everything.
//
// Threads: one; cut() from any. Errors: unavailable; timed_out() tells a deadline from a broken
// connection. After a read that timed out the wire can still be written.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "os/sockets.h"

namespace pinaco::http {

struct TlsDeleter {
  void operator()(SSL_CTX* context) const;
  void operator()(SSL* session) const;
};
using TlsContext = std::unique_ptr<SSL_CTX, TlsDeleter>;

// TLS 1.2 and newer, ALPN http/1.1, no renegotiation. Errors name the file that is wrong.
Result<TlsContext> make_tls_context(const std::string& certificate_file,
                                    const std::string& key_file);

class Wire {
 public:
  Wire(os::Socket socket, SSL_CTX* context);  // a null context: plain
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  Result<> handshake(SteadyTime deadline);
  Result<std::size_t> read_some(MutableBytes into, SteadyTime deadline);  // 0: the end
  // Every 16 KiB get `stall` of their own.
  Result<> write_all(ByteView from, Milliseconds stall);
  // Ends our side, then reads and drops what still comes until the client ends, at most `linger`
  // long: closing over unread bytes would reset the connection and lose the last answer.
  void close_gently(Milliseconds linger);
  void cut() const { socket_.shut_down(); }  // from any thread

  bool timed_out() const { return timed_out_; }

 private:
  friend struct WireBio;
  Result<> write_record(ByteView from);
  Error tls_error(std::string_view doing, int result);

  os::Socket socket_;
  std::unique_ptr<SSL, TlsDeleter> tls_;
  SteadyTime read_deadline_ = {};
  Milliseconds write_stall_ = Seconds(10);
  bool timed_out_ = false;
  bool at_end_ = false;
  bool broken_ = false;  // TLS failed: not even an end may be written
};

}  // namespace pinaco::http
