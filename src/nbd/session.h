// One connection after its negotiation: requests in, replies out in any order.
//
// Threads: serve() is the connection's thread; pieces of reads run on the shared lanes and keep
// the session alive; end() from any thread. Limits: 16 requests in flight, buffers of `allowance`
// bytes (shared out among all connections), pieces of 256 KiB; a client that takes no byte for
// write_stall is dropped.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "nbd/handshake.h"
#include "nbd/outbox.h"
#include "os/lanes.h"

namespace pinaco::nbd {

inline constexpr std::size_t requests_in_flight_max = 16;
inline constexpr std::uint32_t piece_bytes_max = 256u << 10;
inline constexpr std::size_t descriptors_max = 8192;  // of one BLOCK_STATUS reply
inline constexpr std::size_t status_bytes_max = descriptors_max * 8;

// What all connections of a server have in common.
struct Common {
  explicit Common(std::size_t lanes_wanted) : lanes(lanes_wanted, 1024) {}
  Directory directory;
  std::atomic<std::size_t> allowance_bytes = 4u << 20;
  Milliseconds write_stall = std::chrono::seconds(60);
  os::Lanes lanes;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(os::Socket socket, os::Waker waker, Common& common)
      : socket_(std::move(socket)), waker_(std::move(waker)), common_(common) {}

  const os::Socket& socket() const { return socket_; }
  void serve(Negotiated negotiated);  // returns when the connection is over
  void end();

 private:
  enum class Next { input, room, over };
  // What happens to current_, the request that cannot be left to the lanes yet.
  enum class Doing { nothing, reading, streaming, status, refusing };

  Next dispatch();
  bool wait(Next next);
  bool take_request();
  void take(std::shared_ptr<Pending> pending, Doing doing);
  void finish_current();
  void start_read(std::shared_ptr<Pending> pending);
  bool start_piece();
  bool start_status();
  bool refuse_write();
  void run(std::function<void(Session&)> job);

  void run_piece(Pending& pending, std::uint64_t offset, std::uint32_t length);
  void run_status(Pending& pending);
  void reply_error(Pending& pending, WireError error, std::size_t reserved_bytes = 0);
  void read_failed(Pending& pending, const Error& error, std::size_t reserved_bytes);
  Result<Reply> read_structured(const Request& request, std::uint64_t offset,
                                std::uint32_t length) const;
  Result<Reply> read_whole(const Request& request) const;
  Result<Reply> block_status(const Request& request) const;
  Result<> stream(Pending& pending);
  const DiskReader& disk() const { return *negotiated_.entry->export_.disk; }
  std::size_t buffered() const { return input_end_ - input_begin_; }

  const os::Socket socket_;
  const os::Waker waker_;
  Common& common_;
  Outbox outbox_{socket_, waker_};
  Negotiated negotiated_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> told_failure_ = false;

  // Only the connection's thread uses what follows.
  std::array<std::uint8_t, 4096> input_;
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  Doing doing_ = Doing::nothing;
  std::shared_ptr<Pending> current_;
  std::uint64_t next_offset_ = 0;  // of the pieces of a read that are still to be started
  std::uint64_t skip_bytes_ = 0;   // of the payload of a write that is refused
  bool leaving_ = false;           // the client said goodbye
};

}  // namespace pinaco::nbd
