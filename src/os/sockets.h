// Sockets with a deadline on every call, TCP on loopback or any address, and UNIX.
//
// Threads: one reader and one writer a socket; shut_down from any thread ends both. Lifetime:
// owns the descriptor. Errors: unavailable with "timed out" at the deadline, unavailable at a
// broken connection; an orderly end is read as 0 bytes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace pinaco::os {

// Wakes a thread that waits for a socket.
class Waker {
 public:
  static Result<Waker> open();
  Waker(Waker&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Waker& operator=(Waker&&) = delete;
  ~Waker();

  int descriptor() const { return descriptor_; }
  void wake() const;   // from any thread; several before a clear count as one
  void clear() const;  // by the thread that was woken

 private:
  explicit Waker(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  // The time to look up a name is not part of the timeout.
  static Result<Socket> connect(const std::string& host, std::uint16_t port, Milliseconds timeout);
  static Result<Socket> connect_unix(const std::string& path);

  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }
  int release() { return std::exchange(descriptor_, -1); }  // the caller owns it from now on
  Result<std::size_t> read_some(MutableBytes into, Milliseconds timeout) const;  // 0: the end
  Result<> read_exact(MutableBytes into,
                      Milliseconds timeout) const;  // unavailable at an early end
  Result<> write_all(ByteView from, Milliseconds timeout) const;
  Result<bool> wait_readable(Milliseconds timeout) const;  // false when the time is over
  // Waits without a limit, until bytes, the end, or shut_down: for connections that may be idle.
  Result<std::size_t> read_unlimited(MutableBytes into) const;
  // Never waits: how many bytes came, 0 at the end, nothing when there are none yet.
  Result<std::optional<std::size_t>> try_read(MutableBytes into) const;
  // Never waits: how many bytes were taken, 0 when there was no room. At most 64 parts are used.
  Result<std::size_t> try_write(std::span<const ByteView> parts) const;
  void shut_down() const;
  std::string peer() const;  // "127.0.0.1:4711", "unix"

 private:
  int descriptor_ = -1;
};

// Two sockets that are connected to each other.
struct SocketPair {
  Socket near;
  Socket far;
};
Result<SocketPair> socket_pair();

// Which of the sockets have something to read (or have ended); empty when the time is over.
// A nullptr is skipped. At most 16.
Result<std::vector<std::size_t>> wait_any(std::span<const Socket* const> sockets,
                                          Milliseconds timeout);

class Listener {
 public:
  // Port 0 takes a free one. The address must be numeric.
  static Result<Listener> tcp(const std::string& address, std::uint16_t port);
  static Result<Listener> unix_path(const std::string& path);  // replaces a dead socket file

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  std::uint16_t port() const { return port_; }
  // cancelled once close() was called; busy when descriptors ran out (try again).
  Result<Socket> accept() const;
  void close() const;  // from any thread; wakes accept

 private:
  Listener(Socket socket, Waker closed, std::uint16_t port, std::string path)
      : socket_(std::move(socket)),
        closed_(std::move(closed)),
        port_(port),
        path_(std::move(path)) {}
  Socket socket_;
  Waker closed_;
  std::uint16_t port_ = 0;
  std::string path_;
};

}  // namespace pinaco::os
