// Listening sockets: both families of TCP, and socket files that replace only dead ones.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "os/sockets.h"
#include "os/unix_address.h"

namespace pinaco::os {
namespace {

Result<Socket> open_socket(int family) {
  Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return std::unexpected(system_error("opening a socket", errno));
  return socket;
}

union Address {
  sockaddr any;
  sockaddr_in four;
  sockaddr_in6 six;
};

// A socket file whose server is gone refuses connections; only such a file may be replaced.
Result<> remove_dead_socket(const std::string& path, const sockaddr_un& address) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(system_error("looking at " + path, errno));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail(Kind::conflict, path + " exists and is no socket; choose another path.");
  }
  const Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.is_open()) return std::unexpected(system_error("opening a socket", errno));
  const auto* any = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(probe.descriptor(), any, sizeof address) == 0 || errno != ECONNREFUSED) {
    return fail(Kind::conflict, path + " is in use by a running server.");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return std::unexpected(system_error("removing " + path, errno));
  }
  return {};
}

}  // namespace

Result<Listener> Listener::tcp(const std::string& address, std::uint16_t port) {
  Address wanted = {};
  socklen_t size = sizeof wanted.four;
  if (::inet_pton(AF_INET, address.c_str(), &wanted.four.sin_addr) == 1) {
    wanted.four.sin_family = AF_INET;
    wanted.four.sin_port = htons(port);
  } else if (::inet_pton(AF_INET6, address.c_str(), &wanted.six.sin6_addr) == 1) {
    wanted.six.sin6_family = AF_INET6;
    wanted.six.sin6_port = htons(port);
    size = sizeof wanted.six;
  } else {
    return fail(Kind::invalid,
                fmt::format("'{}' is no numeric address; use one such as 127.0.0.1", address));
  }
  auto socket = TRY(open_socket(wanted.any.sa_family));
  auto closed = TRY(Waker::open());
  const int descriptor = socket.descriptor();
  const int on = 1;
  (void)::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const std::string doing = fmt::format("listening on {} port {}", address, port);
  if (::bind(descriptor, &wanted.any, size) != 0 || ::listen(descriptor, SOMAXCONN) != 0) {
    Error error = system_error(doing, errno);
    if (errno == EADDRINUSE) error.kind = Kind::conflict;
    return std::unexpected(std::move(error));
  }
  if (::getsockname(descriptor, &wanted.any, &size) != 0) {
    return std::unexpected(system_error(doing, errno));
  }
  // Both families keep the port at the same place.
  return Listener(std::move(socket), std::move(closed), ntohs(wanted.four.sin_port), "");
}

Result<Listener> Listener::unix_path(const std::string& path) {
  const auto address = TRY(unix_address(path));
  TRY(remove_dead_socket(path, address));
  auto socket = TRY(open_socket(AF_UNIX));
  auto closed = TRY(Waker::open());
  const int descriptor = socket.descriptor();
  const auto* any = reinterpret_cast<const sockaddr*>(&address);
  // Linux gives the file the mode of the socket, so that nobody else ever sees it open.
  if (::fchmod(descriptor, 0600) != 0 || ::bind(descriptor, any, sizeof address) != 0) {
    return std::unexpected(system_error("making the socket " + path, errno));
  }
  if (::listen(descriptor, SOMAXCONN) != 0) {
    const int error_number = errno;
    ::unlink(path.c_str());
    return std::unexpected(system_error("listening on " + path, error_number));
  }
  return Listener(std::move(socket), std::move(closed), 0, path);
}

Listener::Listener(Listener&& other) noexcept
    : socket_(std::move(other.socket_)),
      closed_(std::move(other.closed_)),
      port_(other.port_),
      path_(std::exchange(other.path_, {})) {}

Listener::~Listener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<Socket> Listener::accept() const {
  while (true) {
    pollfd both[2] = {{.fd = closed_.descriptor(), .events = POLLIN, .revents = 0},
                      {.fd = socket_.descriptor(), .events = POLLIN, .revents = 0}};
    if (::poll(both, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(system_error("waiting for a connection", errno));
    }
    if (both[0].revents != 0) return fail(Kind::cancelled, "The listener was closed.");
    Socket socket(::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.is_open()) {
      const int on = 1;
      (void)::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      const int error_number = errno;
      (void)::poll(both, 1, 100);  // callers loop: they must not spin while descriptors are out
      Error error = system_error("accepting a connection", error_number);
      error.kind = Kind::busy;
      return std::unexpected(std::move(error));
    }
    if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
      return std::unexpected(system_error("accepting a connection", errno));
    }
    // Anything else is about one connection that is already gone (accept(2), "Error handling").
  }
}

void Listener::close() const {
  closed_.wake();
}

}  // namespace pinaco::os
