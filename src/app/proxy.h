// A proxy for clients that know only the names of a cloud: HTTP's CONNECT to one of those names,
// port 443, is a tunnel to this server's own HTTPS port, whose certificate carries the names. It
// leads nowhere else: every other host, port and method is refused.
//
//   Packer ── CONNECT management.microsoftazure.de:443 ──▶ proxy ── bytes as they are ──▶ server
//
// Threads: one that accepts, one a tunnel. Limits: connections_max (more get 503), a head of 8 KiB
// within head_timeout, idle_timeout without a byte in either direction. Errors: start says why it
// could not listen.
#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "os/sockets.h"

namespace pinaco::app {

struct ProxyOptions {
  std::string address = "127.0.0.1";  // numeric
  std::uint16_t port = 0;             // 0 takes a free one
  std::vector<std::string> hosts;     // "*.x" is one label before x
  std::string server_address = "127.0.0.1";
  std::uint16_t server_port = 0;
  std::size_t connections_max = 128;
  Milliseconds head_timeout = Seconds(10);
  Milliseconds idle_timeout = std::chrono::minutes(10);  // the server's own are shorter
};

// What to answer to the bytes before a tunnel, all of which are here. 200 opens it.
struct ProxyAnswer {
  int status = 0;
  std::string text = {};
  std::string host = {};  // of a tunnel
};
ProxyAnswer answer_connect(std::string_view head, std::span<const std::string> hosts);

class Proxy {
 public:
  static Result<std::unique_ptr<Proxy>> start(ProxyOptions options);
  ~Proxy() { stop(); }

  std::uint16_t port() const { return listener_.port(); }
  std::size_t open() const;  // connections now
  void stop();               // cuts what is open

 private:
  struct Tunnel {
    os::Socket client;
    os::Socket server = {};  // this and the end of both under the mutex
    std::thread thread = {};
  };
  using Place = std::list<Tunnel>::iterator;

  Proxy(ProxyOptions options, os::Listener listener);
  void accept_connections();
  void take(os::Socket socket);
  void run(Place place);
  bool open_tunnel(Place place);
  void splice(const os::Socket& client, const os::Socket& server) const;
  void join_finished();

  const ProxyOptions options_;
  const os::Listener listener_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::list<Tunnel> tunnels_;
  std::list<Tunnel> finished_;  // whose threads need joining
  bool stopping_ = false;
  std::thread accepting_;
};

}  // namespace pinaco::app
