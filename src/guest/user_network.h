// The way out and in, on libslirp: it speaks TCP and UDP with the guest and opens ordinary sockets
// of this process for it, so that no privilege and no device is needed.
//
// Threads: calls from any one thread at a time; libslirp has globals, so that all networks of this
// process take turns. Lifetime: forwards and connections end with it. Errors: unavailable when an
// address cannot be listened on.
#pragma once

#include <poll.h>

#include <functional>

#include "guest/ethernet.h"

struct Slirp;

namespace pinaco::guest {

class UserNetwork {
 public:
  struct Services {
    std::string metadata_path;
    std::string wire_path;
  };
  // `send` gets each frame for the guest, during the calls below.
  static Result<std::unique_ptr<UserNetwork>> open(const Layout& layout, const Services& services,
                                                   std::function<void(Bytes)> send);
  ~UserNetwork();
  UserNetwork(const UserNetwork&) = delete;
  UserNetwork& operator=(const UserNetwork&) = delete;

  // Just these from now on. What stays is not touched; what cannot be listened on is left out, the
  // rest is done, and the first of those errors returned: repeat it.
  Result<> set_forwards(const std::vector<Forward>& forwards);
  void input(ByteView frame);
  // Appends what it waits for, and says how long at most.
  Milliseconds prepare(std::vector<pollfd>& all);
  void handle(const std::vector<pollfd>& all);  // the same, after waiting

 private:
  UserNetwork(const Layout& layout, std::function<void(Bytes)> send)
      : layout_(layout), send_(std::move(send)) {}
  static ssize_t send_packet(const void* bytes, std::size_t size, void* self);

  const Layout layout_;
  const std::function<void(Bytes)> send_;
  Slirp* slirp_ = nullptr;
  std::vector<Forward> active_;
};

}  // namespace pinaco::guest
