// The retry policy and the rhythm of polling.
#include "app/retry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr Milliseconds first_pause = Milliseconds(100);
constexpr Milliseconds longest_pause = Seconds(5);
constexpr Milliseconds poll_quickly_for = Seconds(3);
constexpr Milliseconds poll_pause = Milliseconds(250);

bool is_passing(int status) {
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

Milliseconds seconds_in(std::string_view header) {
  return Seconds(parse_int(trim(header), 0, 3600).value_or(0));
}

}  // namespace

Result<Sent> send_patiently(http::Client& client, const http::Ask& ask, const Patience& patience) {
  TRY(patience.waiting.check());
  const auto give_up_at = patience.clock.steady() + patience.retry_for;
  auto pause = first_pause;
  for (int attempt = 1;; ++attempt) {
    auto answer = client.send(ask);
    if (answer && !is_passing(answer->status)) {
      return Sent{.answer = std::move(*answer), .attempts = attempt};
    }
    if (!answer && answer.error().kind != Kind::unavailable) {
      return std::unexpected(std::move(answer.error()));
    }
    auto wanted = pause;
    if (answer) wanted = std::max(wanted, seconds_in(answer->headers.get("Retry-After")));
    if (patience.clock.steady() + wanted > give_up_at) {
      if (!answer) return std::unexpected(std::move(answer.error()));
      return Sent{.answer = std::move(*answer), .attempts = attempt};
    }
    if (patience.on_retry) {
      patience.on_retry(answer ? fmt::format("The server answered with status {}.", answer->status)
                               : answer.error().message);
    }
    TRY(patience.waiting.wait(wanted));
    pause = std::min(pause * 2, longest_pause);
  }
}

Result<> Pauses::wait(std::string_view retry_after_seconds) {
  auto pause = std::min(next_, poll_pause);
  if (patience_.clock.steady() - start_ >= poll_quickly_for) {
    pause = std::clamp(seconds_in(retry_after_seconds), poll_pause, Milliseconds(Seconds(1)));
  }
  next_ *= 2;
  if (next_ > poll_pause) next_ = poll_pause;
  return patience_.waiting.wait(pause);
}

}  // namespace pinaco::app
