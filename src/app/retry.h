// Requests that survive a server which restarts or is full: they are repeated with growing pauses
// until one is answered or the patience is used up. Everything the command line sends is safe to
// repeat.
#pragma once

#include <functional>

#include "app/waiting.h"
#include "base/clock.h"
#include "http/http.h"

namespace pinaco::app {

// How long to go on. Copied freely; clock and waiting outlive it.
struct Patience {
  Clock& clock;
  Waiting& waiting;
  Milliseconds retry_for = Seconds(120);  // since the first failure of a request
  // Told why a request is repeated, before the pause; from any thread.
  std::function<void(std::string_view why)> on_retry = {};
};

struct Sent {
  http::Answer answer;
  int attempts = 1;  // more than one: an earlier attempt may have had its effect
};

// No answer, 408, 429, 500, 502, 503 and 504 are repeated; any other answer is returned. When the
// time is over, the last answer is returned, or the error if there was none.
Result<Sent> send_patiently(http::Client& client, const http::Ask& ask, const Patience& patience);

// The pauses between questions about something slow: quick at first, because most things are, then
// as often as the server asks (`retry_after_seconds`, "" when it does not), at least every second.
class Pauses {
 public:
  explicit Pauses(const Patience& patience)
      : patience_(patience), start_(patience.clock.steady()) {}
  Result<> wait(std::string_view retry_after_seconds);

 private:
  Patience patience_;
  SteadyTime start_;
  Milliseconds next_ = Milliseconds(25);
};

}  // namespace pinaco::app
