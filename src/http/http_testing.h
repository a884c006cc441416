// What the tests of this room share: a server with a certificate, raw sockets, small programs.
#pragma once

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "http/http.h"
#include "os/sockets.h"

namespace pinaco::http {

struct Output {
  int status = -1;
  std::string text;
};

inline Output run_program(const std::string& command) {
  FILE* pipe = popen(("(" + command + ") 2>&1").c_str(), "r");
  Output output;
  if (pipe == nullptr) return output;
  std::array<char, 4096> buffer;
  while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.text.append(buffer.data(), got);
  }
  output.status = pclose(pipe);
  return output;
}

// A certificate for localhost and 127.0.0.1, its own authority, removed at the end.
class TestCertificate {
 public:
  TestCertificate() {
    std::string pattern = testing::TempDir() + "http.XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) return;
    folder_ = pattern;
    made_ = run_program(
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                "-days 2 -subj /CN=test -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
                "-keyout " +
                key_file() + " -out " + file())
                .status == 0;
  }
  ~TestCertificate() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  bool made() const { return made_; }
  std::string file() const { return folder_ + "/cert.pem"; }
  std::string key_file() const { return folder_ + "/key.pem"; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  bool made_ = false;
};

inline const TestCertificate& test_certificate() {
  static const TestCertificate one;
  return one;
}

#define REQUIRE_TEST_CERTIFICATE()                                                \
  if (!test_certificate().made()) {                                               \
    if (std::getenv("CI") != nullptr) FAIL() << "the openssl program is missing"; \
    GTEST_SKIP() << "the openssl program is missing";                             \
  }

inline std::unique_ptr<Server> start_server(ServerOptions options, Handler handler) {
  auto server = serve(std::move(options), std::move(handler));
  if (!server) {
    ADD_FAILURE() << server.error().message;
    std::abort();
  }
  return std::move(*server);
}

inline ServerOptions tls_options() {
  return {.certificate_file = test_certificate().file(), .key_file = test_certificate().key_file()};
}

inline std::string url_of(const Server& server, const std::string& target, bool tls = true) {
  return fmt::format("{}://127.0.0.1:{}{}", tls ? "https" : "http", server.port(), target);
}

// A client that says exactly what it is told to.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) {
    auto socket = os::Socket::connect("127.0.0.1", port, Seconds(10));
    if (!socket) {
      ADD_FAILURE() << socket.error().message;
      return;
    }
    socket_ = std::move(*socket);
  }
  bool send(std::string_view text) {
    return socket_.write_all(as_bytes(text), Seconds(10)).has_value();
  }
  // All that comes until the server ends the connection.
  std::string read_to_end(Milliseconds timeout = Seconds(10)) {
    std::string text;
    Bytes buffer(64 << 10);
    while (true) {
      const auto got = socket_.read_some(buffer, timeout);
      if (!got) return text + "<" + got.error().message + ">";
      if (*got == 0) return text;
      text += as_text(ByteView(buffer).first(*got));
    }
  }
  // Until `end` has come.
  std::string read_until(std::string_view end) {
    std::string text;
    while (!text.ends_with(end)) {
      std::uint8_t byte = 0;
      const auto got = socket_.read_some(MutableBytes(&byte, 1), Seconds(10));
      if (!got || *got == 0) return text + "<the end>";
      text += static_cast<char>(byte);
    }
    return text;
  }
  const os::Socket& socket() const { return socket_; }

 private:
  os::Socket socket_;
};

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// Opened once; waiting fails the test after 20 s.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    const bool opened = changed_.wait_for(lock, Seconds(20), [&] { return open_; });
    EXPECT_TRUE(opened) << "waited too long";
    return opened;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

}  // namespace pinaco::http
