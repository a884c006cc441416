#include "identity/fetch.h"

#include <fmt/format.h>

#include "http/http.h"

namespace pinaco::identity {
namespace {

constexpr Seconds fetch_time_max{5};

}  // namespace

Fetch make_fetch(const Clock& clock) {
  return [&clock](const std::string& url, Reach reach) -> Result<std::string> {
    const auto client = http::make_client({.connect_timeout = fetch_time_max,
                                           .stall_timeout = fetch_time_max,
                                           .body_bytes_max = fetched_bytes_max,
                                           .total_timeout = fetch_time_max,
                                           .public_only = reach == Reach::public_only});
    const auto deadline = clock.steady() + fetch_time_max;
    std::string body;
    http::Ask ask{.url = url};
    ask.sink = [&](ByteView bytes) -> Result<> {
      if (clock.steady() > deadline) return fail(Kind::unavailable, "The answer takes too long.");
      if (body.size() + bytes.size() > fetched_bytes_max) {
        return fail(Kind::unavailable, "The answer is larger than 256 KiB.");
      }
      body += as_text(bytes);
      return {};
    };
    ask.headers.add("Accept", "application/json");
    const auto answer = TRY(client->send(ask));
    if (answer.status != 200) {
      return fail(Kind::unavailable, fmt::format("{} was answered {}.", url, answer.status));
    }
    return body;
  };
}

}  // namespace pinaco::identity
