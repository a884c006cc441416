// Sockets: non-blocking calls first, poll only when they would block, so that a busy connection
// costs one system call a transfer.
#include "os/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "os/unix_address.h"

namespace pinaco::os {
namespace {

// The end of a call, on the steady clock.
class Deadline {
 public:
  explicit Deadline(Milliseconds timeout)
      : end_(system_clock().steady() + std::clamp(timeout, Milliseconds(0), longest)) {}

  // False when the time is over. Errors and hang-ups count as ready: the next call reports them.
  Result<bool> wait(int descriptor, short events) const {
    while (true) {
      const auto left = std::chrono::ceil<Milliseconds>(end_ - system_clock().steady()).count();
      pollfd one = {.fd = descriptor, .events = events, .revents = 0};
      const int ready = ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
      if (ready > 0) return true;
      if (ready == 0 && left <= 0) return false;
      if (ready < 0 && errno != EINTR) {
        return std::unexpected(system_error("waiting for a socket", errno));
      }
    }
  }

 private:
  static constexpr Milliseconds longest = std::chrono::hours(24);
  SteadyTime end_;
};

std::unexpected<Error> timed_out(std::string_view doing) {
  return fail(Kind::unavailable, fmt::format("{}: timed out", doing));
}

// A broken connection is unavailable, whatever the errno.
std::unexpected<Error> broken(std::string_view doing, int error_number) {
  Error error = system_error(doing, error_number);
  error.kind = Kind::unavailable;
  return std::unexpected(std::move(error));
}

// Small answers must not wait for Nagle's timer. Fails harmlessly on UNIX sockets.
void set_no_delay(int descriptor) {
  const int on = 1;
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Result<Socket> connect_to(const addrinfo& address, const Deadline& deadline,
                          const std::string& doing) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return std::unexpected(system_error(doing, errno));
  if (::connect(socket.descriptor(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) return broken(doing, errno);
    if (!TRY(deadline.wait(socket.descriptor(), POLLOUT))) return timed_out(doing);
    int error_number = 0;
    socklen_t size = sizeof error_number;
    if (::getsockopt(socket.descriptor(), SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) {
      return broken(doing, errno);
    }
    if (error_number != 0) return broken(doing, error_number);
  }
  set_no_delay(socket.descriptor());
  return socket;
}

}  // namespace

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Kind::invalid, fmt::format("A socket's path must have 1 to {} bytes, not {}.",
                                           sizeof address.sun_path - 1, path.size()));
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

Result<Socket> Socket::connect_unix(const std::string& path) {
  const auto address = TRY(unix_address(path));
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return std::unexpected(system_error("opening a socket", errno));
  const auto* any = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.descriptor(), any, sizeof address) != 0) {
    return broken("connecting to " + path, errno);
  }
  return socket;
}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<Socket> Socket::connect(const std::string& host, std::uint16_t port, Milliseconds timeout) {
  const Deadline deadline(timeout);
  const std::string doing = fmt::format("connecting to {} port {}", host, port);
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) {
    return fail(Kind::unavailable, fmt::format("{}: {}", doing, ::gai_strerror(failed)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  Result<Socket> result = fail(Kind::unavailable, doing + ": the name has no address");
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    result = connect_to(*one, deadline, doing);
    if (result) break;
  }
  return result;
}

Result<std::size_t> Socket::read_some(MutableBytes into, Milliseconds timeout) const {
  const Deadline deadline(timeout);
  while (true) {
    const ssize_t got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return broken("reading from a socket", errno);
    if (!TRY(deadline.wait(descriptor_, POLLIN))) return timed_out("reading from a socket");
  }
}

Result<> Socket::read_exact(MutableBytes into, Milliseconds timeout) const {
  const Deadline deadline(timeout);
  while (!into.empty()) {
    const ssize_t got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
    if (got == 0) return fail(Kind::unavailable, "reading from a socket: the other side closed it");
    if (got > 0) {
      into = into.subspan(static_cast<std::size_t>(got));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return broken("reading from a socket", errno);
    if (!TRY(deadline.wait(descriptor_, POLLIN))) return timed_out("reading from a socket");
  }
  return {};
}

Result<> Socket::write_all(ByteView from, Milliseconds timeout) const {
  const Deadline deadline(timeout);
  while (!from.empty()) {
    const ssize_t sent = ::send(descriptor_, from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      from = from.subspan(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return broken("writing to a socket", errno);
    if (!TRY(deadline.wait(descriptor_, POLLOUT))) return timed_out("writing to a socket");
  }
  return {};
}

Result<bool> Socket::wait_readable(Milliseconds timeout) const {
  return Deadline(timeout).wait(descriptor_, POLLIN);
}

Result<std::size_t> Socket::read_unlimited(MutableBytes into) const {
  while (true) {
    const ssize_t got = ::recv(descriptor_, into.data(), into.size(), 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    // Sockets from connect() do not block.
    if (errno != EAGAIN && errno != EWOULDBLOCK) return broken("reading from a socket", errno);
    pollfd one = {.fd = descriptor_, .events = POLLIN, .revents = 0};
    (void)::poll(&one, 1, -1);
  }
}

Result<std::optional<std::size_t>> Socket::try_read(MutableBytes into) const {
  while (true) {
    const ssize_t got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    if (errno != EINTR) return broken("reading from a socket", errno);
  }
}

Result<std::size_t> Socket::try_write(std::span<const ByteView> parts) const {
  constexpr std::size_t parts_max = 64;
  iovec vectors[parts_max];
  const std::size_t count = std::min(parts.size(), parts_max);
  for (std::size_t i = 0; i < count; ++i) {
    // sendmsg only reads, but iovec is shared with recvmsg.
    vectors[i] = {.iov_base = const_cast<std::uint8_t*>(parts[i].data()),
                  .iov_len = parts[i].size()};
  }
  msghdr message = {};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  while (true) {
    const ssize_t sent = ::sendmsg(descriptor_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::size_t{0};
    return broken("writing to a socket", errno);
  }
}

Result<SocketPair> socket_pair() {
  int both[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0) {
    return std::unexpected(system_error("opening a socket pair", errno));
  }
  return SocketPair{.near = Socket(both[0]), .far = Socket(both[1])};
}

Result<std::vector<std::size_t>> wait_any(std::span<const Socket* const> sockets,
                                          Milliseconds timeout) {
  constexpr std::size_t sockets_max = 16;
  CHECK(sockets.size() <= sockets_max);
  pollfd all[sockets_max];
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    all[i] = {.fd = sockets[i] ? sockets[i]->descriptor() : -1, .events = POLLIN, .revents = 0};
  }
  const SteadyTime end = system_clock().steady() + timeout;
  std::vector<std::size_t> ready;
  while (true) {
    const auto left = std::chrono::ceil<Milliseconds>(end - system_clock().steady()).count();
    const auto wait = std::clamp<std::int64_t>(left, 0, 24 * 3600 * 1000);
    const int count = ::poll(all, sockets.size(), static_cast<int>(wait));
    if (count < 0 && errno != EINTR) {
      return std::unexpected(system_error("waiting for sockets", errno));
    }
    for (std::size_t i = 0; count > 0 && i < sockets.size(); ++i) {
      if (all[i].revents != 0) ready.push_back(i);
    }
    if (!ready.empty() || left <= 0) return ready;
  }
}

void Socket::shut_down() const {
  if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
}

std::string Socket::peer() const {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(descriptor_, any, &size) != 0) return "unknown";
  if (address.ss_family == AF_UNIX) return "unix";
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getnameinfo(any, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port)
                                       : fmt::format("{}:{}", host, port);
}

Result<Waker> Waker::open() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) return std::unexpected(system_error("opening an eventfd", errno));
  return Waker(descriptor);
}

Waker::~Waker() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Waker::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(descriptor_, &one, sizeof one);
}

void Waker::clear() const {
  std::uint64_t count = 0;
  (void)!::read(descriptor_, &count, sizeof count);
}

}  // namespace pinaco::os
