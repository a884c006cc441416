// TLS over sockets with deadlines. OpenSSL reads and writes through a BIO of ours, which blocks
// in os::Socket until its deadline; so SSL_read and SSL_write are plain blocking calls here, and
// a deadline shows as "wants to read" with timed_out_ set.
#include "http/wire.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>

namespace pinaco::http {
namespace {

constexpr std::size_t record_bytes = 16 << 10;

std::string last_tls_error() {
  char text[256] = "unknown";
  const auto code = ERR_get_error();
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, ours, sizeof ours - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

Milliseconds left_until(SteadyTime deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - system_clock().steady());
  return std::max(left, Milliseconds(0));
}

}  // namespace

void TlsDeleter::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}
void TlsDeleter::operator()(SSL* session) const {
  SSL_free(session);
}

// The BIO between OpenSSL and the socket.
struct WireBio {
  static Wire& wire(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    Wire& self = wire(bio);
    if (self.at_end_) return 0;
    const MutableBytes bytes(reinterpret_cast<std::uint8_t*>(into), static_cast<std::size_t>(size));
    const auto got = self.socket_.read_some(bytes, left_until(self.read_deadline_));
    if (!got) {
      self.timed_out_ = system_clock().steady() >= self.read_deadline_;
      if (self.timed_out_) BIO_set_retry_read(bio);
      return -1;
    }
    self.at_end_ = *got == 0;
    return static_cast<int>(*got);
  }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    Wire& self = wire(bio);
    const ByteView bytes(reinterpret_cast<const std::uint8_t*>(from),
                         static_cast<std::size_t>(size));
    return self.socket_.write_all(bytes, self.write_stall_) ? size : -1;
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return wire(bio).at_end_ ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pinaco socket");
      CHECK(fresh != nullptr);
      BIO_meth_set_read(fresh, read);
      BIO_meth_set_write(fresh, write);
      BIO_meth_set_ctrl(fresh, control);
      BIO_meth_set_create(fresh, create);
      return fresh;
    }();
    return made;
  }
};

Result<TlsContext> make_tls_context(const std::string& certificate_file,
                                    const std::string& key_file) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(Kind::unavailable, "TLS cannot start: " + last_tls_error());
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  // A client that drops the connection without TLS's own ending is no attack here: every request
  // has a length.
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);  // 34 KiB less an idle connection
  SSL_CTX_set_read_ahead(raw, 1);                   // one system call a record, not two
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  static constexpr unsigned char session_name[] = "pinaco";
  SSL_CTX_set_session_id_context(raw, session_name, sizeof session_name - 1);
  if (SSL_CTX_use_certificate_chain_file(raw, certificate_file.c_str()) != 1) {
    return fail(Kind::invalid,
                fmt::format("The certificate {} cannot be used ({}); it must be a PEM file with "
                            "the server's certificate first.",
                            certificate_file, last_tls_error()));
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(Kind::invalid, fmt::format("The key {} cannot be used ({}); it must be the PEM "
                                           "file of the private key that belongs to {}.",
                                           key_file, last_tls_error(), certificate_file));
  }
  return context;
}

Wire::Wire(os::Socket socket, SSL_CTX* context) : socket_(std::move(socket)) {
  if (context == nullptr) return;
  tls_.reset(SSL_new(context));
  BIO* bio = BIO_new(WireBio::method());
  CHECK(tls_ != nullptr && bio != nullptr);
  BIO_set_data(bio, this);
  SSL_set_bio(tls_.get(), bio, bio);
  SSL_set_accept_state(tls_.get());
}

Error Wire::tls_error(std::string_view doing, int result) {
  const int what = SSL_get_error(tls_.get(), result);
  if (timed_out_) {
    ERR_clear_error();
    return {.kind = Kind::unavailable, .message = fmt::format("{}: timed out", doing)};
  }
  broken_ = true;
  const auto reason = what == SSL_ERROR_SSL ? last_tls_error() : "the connection broke";
  ERR_clear_error();
  return {.kind = Kind::unavailable, .message = fmt::format("{}: {}", doing, reason)};
}

Result<> Wire::handshake(SteadyTime deadline) {
  if (!tls_) return {};
  ERR_clear_error();
  read_deadline_ = deadline;
  const int result = SSL_accept(tls_.get());
  if (result == 1) return {};
  if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
    static constexpr std::string_view hint =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 46\r\n"
        "Connection: close\r\n\r\nThis port speaks HTTPS only; ask for https://\r\n";
    (void)socket_.write_all(as_bytes(hint), Seconds(1));
  }
  return std::unexpected(tls_error("the TLS handshake", result));
}

Result<std::size_t> Wire::read_some(MutableBytes into, SteadyTime deadline) {
  timed_out_ = false;
  if (!tls_) {
    auto got = socket_.read_some(into, left_until(deadline));
    if (!got) timed_out_ = system_clock().steady() >= deadline;
    return got;
  }
  ERR_clear_error();
  read_deadline_ = deadline;
  std::size_t got = 0;
  const int result = SSL_read_ex(tls_.get(), into.data(), into.size(), &got);
  if (result == 1) return got;
  if (SSL_get_error(tls_.get(), result) == SSL_ERROR_ZERO_RETURN) return 0;
  return std::unexpected(tls_error("reading through TLS", result));
}

Result<> Wire::write_record(ByteView from) {
  if (!tls_) return socket_.write_all(from, write_stall_);
  if (broken_) return fail(Kind::unavailable, "writing through TLS: the connection broke");
  ERR_clear_error();
  timed_out_ = false;
  std::size_t sent = 0;
  const int result = SSL_write_ex(tls_.get(), from.data(), from.size(), &sent);
  if (result == 1) return {};
  return std::unexpected(tls_error("writing through TLS", result));
}

Result<> Wire::write_all(ByteView from, Milliseconds stall) {
  write_stall_ = stall;
  while (!from.empty()) {
    const auto size = std::min(from.size(), record_bytes);
    TRY(write_record(from.first(size)));
    from = from.subspan(size);
  }
  return {};
}

void Wire::close_gently(Milliseconds linger) {
  write_stall_ = linger;
  if (tls_ && !broken_) {
    ERR_clear_error();
    SSL_shutdown(tls_.get());
    ERR_clear_error();
  }
  ::shutdown(socket_.descriptor(), SHUT_WR);
  const auto deadline = system_clock().steady() + linger;
  Bytes dropped(record_bytes);
  while (system_clock().steady() < deadline) {
    const auto got = socket_.read_some(dropped, left_until(deadline));
    if (!got || *got == 0) break;
  }
  socket_.shut_down();
}

}  // namespace pinaco::http
