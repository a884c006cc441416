// NBD: serves any DiskReader read-only, over TCP or a UNIX socket (the protocol text: NBD's
// doc/proto.md, fixed newstyle).
//
// Threads: a loop for each processor (16 at most) serves all connections and answers what is in
// memory; other reads run on shared lanes, several at once and in any order. A connection has a
// thread of its own while it negotiates. Lifetime: an Export is looked up by name at each
// negotiation and kept by its connections; revoke(name) ends them within a second. Limits:
// connections_max connections, 10 s for the whole handshake, 32 MiB a read, 16 requests in flight a
// connection, names up to 4096 bytes, 32 options a handshake. Writes, trims and the like answer
// EPERM. A read that fails because bytes are corrupt answers EIO; when the server stops or an
// export is revoked the connection is dropped and never answered with an error, because QEMU
// reconnects after the one and fails the guest for good after the other. Offered: OPT_GO, INFO,
// EXPORT_NAME, LIST (answers only what `list` says, default nothing), STRUCTURED_REPLY,
// base:allocation, multi-conn, block sizes 1 / 4096 / 32 MiB.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/disk_reader.h"

namespace pinaco::nbd {

struct Export {
  std::shared_ptr<const DiskReader> disk;
  std::string description = {};
  // Asked once for each connection, before it is served; from a thread of its own. Empty: everybody
  // may.
  std::function<bool()> may_open = {};
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;      // 0 takes a free one
  std::string unix_path = {};  // instead of TCP when not empty
  std::size_t connections_max = 1000;
  std::size_t lanes = 64;
  bool list = false;  // answer OPT_LIST with the names (names may be secrets)
};

class Server {
 public:
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  virtual void add(const std::string& name, Export export_) = 0;
  virtual void revoke(const std::string& name) = 0;
  virtual std::uint64_t bytes_read(const std::string& name) const = 0;  // sent to clients so far
  virtual void stop() = 0;
};

Result<std::unique_ptr<Server>> serve(ServerOptions options);

}  // namespace pinaco::nbd
