#include "guest/user_network.h"

#include <arpa/inet.h>
#include <slirp/libslirp.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"

namespace pinaco::guest {
namespace {

std::mutex& slirp_mutex() {
  static std::mutex one;
  return one;
}

in_addr network_order(std::uint32_t address) {
  return {.s_addr = htonl(address)};
}

int to_poll(int events) {
  return ((events & SLIRP_POLL_IN) ? POLLIN : 0) | ((events & SLIRP_POLL_OUT) ? POLLOUT : 0) |
         ((events & SLIRP_POLL_PRI) ? POLLPRI : 0);
}
int from_poll(int events) {
  return ((events & POLLIN) ? SLIRP_POLL_IN : 0) | ((events & POLLOUT) ? SLIRP_POLL_OUT : 0) |
         ((events & POLLPRI) ? SLIRP_POLL_PRI : 0) | ((events & POLLERR) ? SLIRP_POLL_ERR : 0) |
         ((events & POLLHUP) ? SLIRP_POLL_HUP : 0);
}

// libslirp's only timer is for IPv6, which is off.
struct NoTimer {};

SlirpCb make_callbacks() {
  SlirpCb calls = {};
  calls.guest_error = [](const char* message, void*) {
    LOG(debug, "guest", "network: {}", message);
  };
  calls.clock_get_ns = [](void*) -> std::int64_t {
    return std::chrono::nanoseconds(system_clock().steady().time_since_epoch()).count();
  };
  calls.timer_new = [](SlirpTimerCb, void*, void*) -> void* { return new NoTimer(); };
  calls.timer_free = [](void* timer, void*) { delete static_cast<NoTimer*>(timer); };
  calls.timer_mod = [](void*, std::int64_t, void*) {};
  calls.register_poll_fd = [](int, void*) {};
  calls.unregister_poll_fd = [](int, void*) {};
  calls.notify = [](void*) {};
  return calls;
}

std::string_view reason(int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return "another program listens there, or on this port of all addresses";
    case EACCES:
      return "ports below 1024 need CAP_NET_BIND_SERVICE or a lower "
             "net.ipv4.ip_unprivileged_port_start";
    case EADDRNOTAVAIL:
      return "this host does not have the address";
    default:
      return "the system refuses it";
  }
}

}  // namespace

ssize_t UserNetwork::send_packet(const void* bytes, std::size_t size, void* self) {
  const auto* first = static_cast<const std::uint8_t*>(bytes);
  auto* network = static_cast<UserNetwork*>(self);
  Bytes frame(first, first + size);
  translate_to_guest(frame, network->layout_);
  network->send_(std::move(frame));
  return static_cast<ssize_t>(size);
}

Result<std::unique_ptr<UserNetwork>> UserNetwork::open(const Layout& layout,
                                                       const Services& services,
                                                       std::function<void(Bytes)> send) {
  static const SlirpCb calls = [] {
    auto made = make_callbacks();
    made.send_packet = &UserNetwork::send_packet;
    return made;
  }();
  SlirpConfig config = {};
  config.version = 4;
  config.in_enabled = true;
  config.vnetwork = network_order(layout.subnet.first);
  config.vnetmask = network_order(layout.subnet.mask());
  config.vhost = network_order(layout.gateway());
  config.vdhcp_start = network_order(layout.guest);
  config.vnameserver = network_order(layout.names());
  config.disable_host_loopback = true;
  config.disable_dhcp = true;
  std::unique_ptr<UserNetwork> network(new UserNetwork(layout, std::move(send)));
  const std::lock_guard turn(slirp_mutex());
  network->slirp_ = slirp_new(&config, &calls, network.get());
  if (network->slirp_ == nullptr) return fail(Kind::unavailable, "libslirp does not start.");
  const auto add = [&](const std::string& path, std::uint32_t address, int port) {
    in_addr at = network_order(address);
    return slirp_add_unix(network->slirp_, path.c_str(), &at, port) == 0;
  };
  if (!add(services.metadata_path, layout.metadata(), 80) ||
      !add(services.wire_path, layout.wire(), 80) ||
      !add(services.wire_path, layout.wire(), host_plugin_port)) {
    slirp_cleanup(std::exchange(network->slirp_, nullptr));
    return fail(Kind::unavailable, "libslirp refuses the services' addresses.");
  }
  return network;
}

UserNetwork::~UserNetwork() {
  if (slirp_ == nullptr) return;
  const std::lock_guard turn(slirp_mutex());
  // It leaves listening sockets of forwards open.
  for (const auto& one : active_) {
    if (const auto at = parse_address(one.address)) {
      (void)slirp_remove_hostfwd(slirp_, 0, network_order(*at), one.port);
    }
  }
  slirp_cleanup(slirp_);
}

Result<> UserNetwork::set_forwards(const std::vector<Forward>& forwards) {
  const auto is_in = [](const std::vector<Forward>& list, const Forward& forward) {
    return std::find(list.begin(), list.end(), forward) != list.end();
  };
  const std::lock_guard turn(slirp_mutex());
  std::vector<Forward> kept;
  for (const auto& one : active_) {
    if (is_in(forwards, one)) {
      kept.push_back(one);
    } else {
      const auto at = TRY(parse_address(one.address));
      (void)slirp_remove_hostfwd(slirp_, 0, network_order(at), one.port);
    }
  }
  active_ = std::move(kept);
  Result<> result;
  for (const auto& one : forwards) {
    if (is_in(active_, one)) continue;
    const auto at = TRY(parse_address(one.address));
    errno = 0;
    if (slirp_add_hostfwd(slirp_, 0, network_order(at), one.port, network_order(layout_.guest),
                          one.guest_port) == 0) {
      active_.push_back(one);
    } else if (result) {
      const int error_number = errno;
      result = std::unexpected(
          Error{.kind = Kind::unavailable,
                .message = fmt::format("The guest's port {} cannot be reached at {} port {}: {} "
                                       "({}).",
                                       one.guest_port, one.address, one.port, reason(error_number),
                                       system_error("listen", error_number).message)});
    }
  }
  return result;
}

void UserNetwork::input(ByteView frame) {
  const std::lock_guard turn(slirp_mutex());
  slirp_input(slirp_, frame.data(), static_cast<int>(frame.size()));
}

Milliseconds UserNetwork::prepare(std::vector<pollfd>& all) {
  const std::lock_guard turn(slirp_mutex());
  std::uint32_t wait = 10'000;
  slirp_pollfds_fill(
      slirp_, &wait,
      [](int descriptor, int events, void* list) -> int {
        auto& into = *static_cast<std::vector<pollfd>*>(list);
        into.push_back(
            {.fd = descriptor, .events = static_cast<short>(to_poll(events)), .revents = 0});
        return static_cast<int>(into.size() - 1);
      },
      &all);
  return Milliseconds(wait);
}

void UserNetwork::handle(const std::vector<pollfd>& all) {
  const std::lock_guard turn(slirp_mutex());
  slirp_pollfds_poll(
      slirp_, 0,
      [](int index, void* list) -> int {
        const auto& from = *static_cast<const std::vector<pollfd>*>(list);
        if (index < 0 || static_cast<std::size_t>(index) >= from.size()) return 0;
        return from_poll(from[static_cast<std::size_t>(index)].revents);
      },
      const_cast<std::vector<pollfd>*>(&all));
}

}  // namespace pinaco::guest
