// The replies of one connection on their way out. Whoever brings a reply sends it at once if
// nobody else is sending; nobody waits for the client, so one that does not read holds no thread.
//
// Threads: any may put; admit, flush and the rest belong to the connection's loop. Limits: what
// admit lets in: requests and bytes of buffers not yet sent. Errors: a broken connection is told
// by state(); replies are dropped from then on.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "nbd/protocol.h"
#include "os/sockets.h"

namespace pinaco::nbd {

// A request that is being answered, perhaps in several pieces.
struct Pending {
  Request request;
  std::size_t pieces_left = 1;  // guarded by the outbox
  std::atomic<bool> failed = false;
};

struct Reply {
  static constexpr std::size_t no_chunk = ~std::size_t{0};
  Bytes heads;                           // the headers of all parts
  std::unique_ptr<std::uint8_t[]> data;  // the disk's bytes
  std::vector<ByteView> parts;           // what to send, pointing into heads and data
  std::size_t last_chunk_at = no_chunk;  // in heads: it gets the done flag in the last piece
  bool only_when_last = false;           // nothing to tell unless this ends the reply
  std::size_t reserved_bytes = 0;        // given back once sent
  std::size_t disk_bytes = 0;            // for the count of bytes sent
  bool ends_request = false;             // set by the outbox
};

class Outbox {
 public:
  // `wake` from any thread: there is room again, or the connection is blocked or broken.
  Outbox(const os::Socket& socket, std::function<void()> wake)
      : socket_(socket), wake_(std::move(wake)) {}

  // Takes room for a piece, or says no and wakes the loop when some was given back. A piece is
  // always let in when there is no other.
  bool admit_piece(std::size_t bytes, std::size_t bytes_max);
  bool admit_request(std::size_t requests_max);
  // When not, the loop is woken at the next change.
  bool is_down_to(std::size_t requests);
  bool has_no_pieces();
  bool is_alone();  // just one request in flight

  void put(Reply reply, Pending& pending);
  void flush();
  void drop_all();

  struct State {
    bool blocked = false;  // the socket had no room: flush again once it is writable
    bool broken = false;
    SteadyTime progress_at = {};  // of a blocked outbox: when bytes last went out
  };
  State state();
  void count_into(std::atomic<std::uint64_t>& bytes_sent) { bytes_sent_ = &bytes_sent; }

 private:
  void send_queue(std::unique_lock<std::mutex>& lock);
  void give_back(const Reply& reply);

  const os::Socket& socket_;
  const std::function<void()> wake_;
  std::atomic<std::uint64_t>* bytes_sent_ = nullptr;
  std::mutex mutex_;
  std::deque<Reply> queue_;
  std::size_t requests_ = 0;
  std::size_t bytes_ = 0;
  bool sending_ = false;
  bool blocked_ = false;
  bool broken_ = false;
  bool wants_room_ = false;
  bool stalled_ = false;  // blocked, and no byte went out since
  SteadyTime progress_at_ = {};
};

}  // namespace pinaco::nbd
