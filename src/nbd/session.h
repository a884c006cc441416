// One connection after its negotiation: requests in, replies out in any order.
//
// Threads: go_on() belongs to the connection's loop and never waits; pieces of reads run on the
// shared lanes and keep the session alive; end() from any thread. Limits: 16 requests in flight,
// buffers of `allowance` bytes (shared out among all connections), pieces of 256 KiB; a client that
// takes no byte for write_stall is dropped.
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
inline constexpr std::size_t allowance_bytes_max = 4u << 20;  // of pieces in flight, a connection
// Each request may have one piece that is shorter than piece_bytes_max.
inline constexpr std::size_t jobs_in_flight_max =
    requests_in_flight_max + allowance_bytes_max / piece_bytes_max;
inline constexpr std::size_t descriptors_max = 8192;  // of one BLOCK_STATUS reply
inline constexpr std::size_t status_bytes_max = descriptors_max * 8;

// What all connections of a server have in common.
struct Common {
  // The lanes' queue has room for whatever the connections may have in flight: a loop never waits.
  Common(std::size_t lanes_wanted, std::size_t connections_max)
      : lanes(lanes_wanted, connections_max * jobs_in_flight_max) {}
  Directory directory;
  std::atomic<std::size_t> allowance_bytes = 4u << 20;
  Milliseconds write_stall = std::chrono::seconds(60);
  os::Lanes lanes;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // `wake` brings a call of hear() and go_on() from the connection's loop, soon.
  using Wake = std::function<void(const std::shared_ptr<Session>&)>;
  Session(os::Socket socket, Common& common, Wake wake)
      : socket_(std::move(socket)), common_(common), wake_(std::move(wake)) {}

  const os::Socket& socket() const { return socket_; }
  void begin(Negotiated negotiated);  // before the first go_on()
  struct Ready {                      // the socket's state
    bool readable = false;
    bool writable = false;
    bool ended = false;
  };
  struct Wants {
    bool over = false;
    bool input = false;
    bool room = false;           // in the socket, to write
    SteadyTime give_up_at = {};  // when room
  };
  // Does what can be done now; never waits.
  Wants go_on(Ready ready);
  void hear() { woken_ = false; }
  void end();  // from any thread

 private:
  enum class Next { input, room, over };
  // What happens to current_, the request that cannot be left to the lanes yet.
  enum class Doing { nothing, reading, streaming, status, refusing };

  void wake();
  bool receive();
  Next dispatch();
  bool take_request();
  void take(std::shared_ptr<Pending> pending, Doing doing);
  void finish_current();
  void start_read(std::shared_ptr<Pending> pending);
  bool start_piece();
  bool start_stream_piece();
  bool start_status();
  bool refuse_write();
  void run(std::function<void(Session&)> job);

  void run_piece(Pending& pending, std::uint64_t offset, std::uint32_t length);
  void run_status(Pending& pending);
  void reply_error(Pending& pending, WireError error, std::size_t reserved_bytes = 0);
  void read_failed(Pending& pending, const Error& error, std::size_t reserved_bytes);
  enum class Reading { now, waiting };
  // Without a reply when it should be read now and is not in memory.
  Result<std::optional<Reply>> read_piece(const Pending& pending, std::uint64_t offset,
                                          std::uint32_t length, Reading reading) const;
  Result<std::optional<Reply>> read_structured(const Request& request, std::uint64_t offset,
                                               std::uint32_t length, Reading reading) const;
  Result<std::optional<Reply>> read_whole(const Request& request, Reading reading) const;
  Result<bool> read_disk(std::uint64_t offset, MutableBytes into, Reading reading) const;
  bool answer_now(Pending& pending);
  Result<Reply> block_status(const Request& request) const;
  void run_stream_piece(Pending& pending, std::uint64_t offset, std::uint32_t length);
  const DiskReader& disk() const { return *negotiated_.entry->export_.disk; }
  std::size_t buffered() const { return input_end_ - input_begin_; }

  const os::Socket socket_;
  Common& common_;
  const Wake wake_;
  std::atomic<bool> woken_ = false;  // and not heard yet
  Outbox outbox_{socket_, [this] { wake(); }};
  Negotiated negotiated_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> told_failure_ = false;

  // Only the connection's loop uses what follows.
  Next next_ = Next::input;
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
