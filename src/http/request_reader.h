// Reads requests from a wire, strictly: what two readers could understand differently is refused,
// and after a refusal nothing more may be read from the wire, since the place where the next
// request starts is not known.
//
// Threads: one. Lifetime: the wire must outlive it.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/http.h"
#include "http/wire.h"

namespace pinaco::http {

struct Refusal {
  int status = 0;            // 0: close without an answer; the client is gone or never spoke
  std::string message = {};  // ours only, never bytes of the client
};

template <typename T = void>
using Accepted = std::expected<T, Refusal>;

class RequestReader {
 public:
  explicit RequestReader(Wire& wire);
  ~RequestReader();

  // Returns once bytes of the next request are here.
  Accepted<> wait(SteadyTime deadline);
  // The next request without its body.
  Accepted<Request> read_head(SteadyTime deadline);
  // The rest of that request. say_continue is called before waiting for the body of a client that
  // waits for leave to send it.
  Accepted<> read_body(Request& request, std::uint64_t bytes_max, Milliseconds stall,
                       const std::function<Result<>()>& say_continue);
  // Whether the client lets another request follow.
  bool keeps_alive() const;

 private:
  class Parser;

  Accepted<> read_more(SteadyTime deadline, std::size_t bytes_max);
  Accepted<std::size_t> find_head_end(SteadyTime deadline);
  Accepted<> check_head(Request& request);

  Wire& wire_;
  Bytes buffer_;  // [start_, end_) is read and not yet used
  std::size_t start_ = 0;
  std::size_t end_ = 0;
  std::unique_ptr<Parser> parser_;
  bool expects_continue_ = false;
};

}  // namespace pinaco::http
