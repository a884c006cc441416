// The client's side of QMP ("QEMU Machine Protocol", docs/interop/qmp-spec.txt): JSON lines.
//
// Threads: one. Limits: lines of 1 MiB; the last 1,000 events that nobody took. Errors: unavailable
// when QEMU has ended or does not answer in time; corrupt for what is no QMP; conflict with QEMU's
// own words when it refuses a command.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/json.h"
#include "os/sockets.h"

namespace pinaco::machine {

class Qmp {
 public:
  explicit Qmp(os::Socket socket) : socket_(std::move(socket)) {}

  // Without waiting for the answer: QEMU answers when it is up.
  Result<> send_start() const { return send("qmp_capabilities", {}, 0); }
  Result<> send_quit() const { return send("quit", {}, 0); }

  Result<> start(Milliseconds timeout);
  // What the command returns.
  Result<Json> execute(std::string_view command, JsonObject arguments, Milliseconds timeout);

  // Reads what has come, without waiting. At the end of the stream is_open() turns false.
  Result<> receive();
  std::optional<Json> take_event();
  // Waits for an event of this name, and forgets those before it; false when the time is over.
  Result<bool> wait_event(std::string_view name, Milliseconds timeout);

  const os::Socket& socket() const { return socket_; }
  bool is_open() const { return open_; }

 private:
  Result<> send(std::string_view command, JsonObject arguments, std::int64_t id) const;
  Result<> take_line(std::string_view line);
  os::Socket socket_;
  std::string input_;
  std::deque<Json> events_;
  std::optional<Json> answer_;  // to the command `last_id_`
  std::int64_t last_id_ = 0;
  bool open_ = true;
};

// Why the guest cannot go on, if the event says that.
std::optional<std::string> find_trouble(const Json& event);

}  // namespace pinaco::machine
