// Boost.Beast's parser does the grammar. Before it sees a head, every byte of the head is checked
// here (line ends, folding, control characters), since Beast mends some of what must be refused;
// afterwards the fields that say where the message ends are checked again.
#include "http/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

#include "base/text.h"
#include "http/syntax.h"

namespace pinaco::http {
namespace {

namespace beast = boost::beast;
using ErrorCode = beast::error_code;

constexpr std::size_t head_bytes_max = 64 << 10;
constexpr std::size_t head_fields_max = 100;
constexpr std::size_t read_bytes = 16 << 10;
constexpr std::size_t chunk_head_bytes_max = 8 << 10;  // also of all trailers
constexpr std::size_t progress_bytes_min = 16 << 10;   // in one stall timeout
constexpr std::size_t body_reserve_max = 4 << 20;

std::unexpected<Refusal> refuse(int status, std::string message) {
  return std::unexpected(Refusal{.status = status, .message = std::move(message)});
}

// Follows the lines of a head byte by byte.
class HeadScan {
 public:
  // Why this byte must not be here; "" when it may.
  std::string_view refuses(std::uint8_t byte) {
    if (after_cr_ != (byte == '\n')) {
      return after_cr_ ? "a carriage return without a line feed" : "a bare line feed";
    }
    if (byte == '\n') {
      ended_ = line_bytes_ == 0;
      line_bytes_ = 0;
      after_cr_ = false;
      return {};
    }
    after_cr_ = byte == '\r';
    if (after_cr_) return {};
    if (line_bytes_ == 0 && (byte == ' ' || byte == '\t')) {
      return "a line that starts with a blank (obsolete folding)";
    }
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return "a control character";
    ++line_bytes_;
    return {};
  }
  bool ended() const { return ended_; }

 private:
  std::size_t line_bytes_ = 0;
  bool after_cr_ = false;
  bool ended_ = false;
};

std::size_t count_fields(const Headers& headers, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(
      headers.all(), [&](const auto& field) { return iequals(field.first, name); }));
}

}  // namespace

class RequestReader::Parser final : public beast::http::basic_parser<true> {
 public:
  Parser() {
    header_limit(static_cast<std::uint32_t>(head_bytes_max + 4));
    body_limit(boost::none);  // set when the head is accepted
    eager(false);
  }

  Request head;
  int version = 0;
  std::string* body = nullptr;
  std::string_view refused = {};

 private:
  using Text = beast::string_view;

  void on_request_impl(beast::http::verb, Text method, Text target, int minor_and_major,
                       ErrorCode&) override {
    head.method = std::string(method);
    head.target = std::string(target);
    version = minor_and_major;
  }
  void on_response_impl(int, Text, int, ErrorCode&) override {}
  void on_field_impl(beast::http::field, Text name, Text value, ErrorCode&) override {
    if (body != nullptr) return;  // a trailer: no part of the request
    head.headers.add(std::string(name), std::string(value));
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(Text text, ErrorCode&) override {
    body->append(text.data(), text.size());
    return text.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text extension, ErrorCode& error) override {
    if (extension.empty()) return;
    refused = "a chunk extension";
    error = beast::http::error::bad_chunk_extension;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text text, ErrorCode&) override {
    body->append(text.data(), text.size());
    return text.size();
  }
  void on_finish_impl(ErrorCode&) override {}
};

RequestReader::RequestReader(Wire& wire) : wire_(wire), buffer_(read_bytes) {}
RequestReader::~RequestReader() = default;

Accepted<> RequestReader::read_more(SteadyTime deadline, std::size_t bytes_max) {
  if (start_ == end_) start_ = end_ = 0;
  if (end_ == buffer_.size() && start_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(start_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= start_;
    start_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(std::min(2 * buffer_.size(), bytes_max));
  CHECK(end_ < buffer_.size());
  const auto got = wire_.read_some(MutableBytes(buffer_).subspan(end_), deadline);
  if (!got) {
    if (wire_.timed_out()) return refuse(408, "The request did not arrive in time.");
    return refuse(0, got.error().message);
  }
  if (*got == 0) return refuse(0, "the client closed the connection");
  end_ += *got;
  return {};
}

Accepted<> RequestReader::wait(SteadyTime deadline) {
  if (start_ < end_) return {};
  if (buffer_.size() > read_bytes) Bytes(read_bytes).swap(buffer_);
  auto more = read_more(deadline, read_bytes);
  if (!more) more.error().status = 0;  // nobody asked anything
  return more;
}

// The end of the head in the buffer, behind its empty line.
Accepted<std::size_t> RequestReader::find_head_end(SteadyTime deadline) {
  // RFC 9112 section 2.2: one empty line before a request is skipped.
  while (end_ - start_ < 2) TRY(read_more(deadline, head_bytes_max));
  if (buffer_[start_] == '\r' && buffer_[start_ + 1] == '\n') start_ += 2;
  HeadScan scan;
  std::size_t scanned = 0;
  while (true) {
    while (start_ + scanned < end_) {
      const auto problem = scan.refuses(buffer_[start_ + scanned]);
      if (!problem.empty()) {
        return refuse(400, fmt::format("The head of the request holds {}.", problem));
      }
      ++scanned;
      if (scan.ended()) return start_ + scanned;
    }
    if (scanned >= head_bytes_max) {
      return refuse(431, "The head of the request is larger than 64 KiB.");
    }
    TRY(read_more(deadline, head_bytes_max));
  }
}

Accepted<Request> RequestReader::read_head(SteadyTime deadline) {
  const auto head_end = TRY(find_head_end(deadline));
  parser_ = std::make_unique<Parser>();
  ErrorCode error;
  const auto size = head_end - start_;
  const auto used = parser_->put(boost::asio::buffer(buffer_.data() + start_, size), error);
  if (error == beast::http::error::bad_version) {
    return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are served.");
  }
  if (error || used != size || !parser_->is_header_done()) {
    return refuse(400, fmt::format("The head of the request is not valid HTTP: {}.",
                                   error ? error.message() : "it ends early"));
  }
  start_ = head_end;
  Request request = std::move(parser_->head);
  TRY(check_head(request));
  return request;
}

Accepted<> RequestReader::check_head(Request& request) {
  const Headers& headers = request.headers;
  if (headers.all().size() > head_fields_max) {
    return refuse(431, "The request has more than 100 header fields.");
  }
  if (count_fields(headers, "Host") != 1 || !is_host(headers.get("Host"))) {
    return refuse(400, "The request must have exactly one Host field with a valid name.");
  }
  auto target = origin_form(request.target, headers.get("Host"));
  if (!target) {
    return refuse(400, "The target of the request must be a path, or an http(s) URL of this Host.");
  }
  request.target = std::move(*target);
  const auto lengths = count_fields(headers, "Content-Length");
  const auto encodings = count_fields(headers, "Transfer-Encoding");
  if (lengths > 1) return refuse(400, "The request has more than one Content-Length.");
  if (lengths + encodings > 1) {
    return refuse(400, "The request has both a Content-Length and a Transfer-Encoding.");
  }
  const auto length = headers.get("Content-Length");
  if (lengths == 1 && (length.empty() || length.size() > 18 ||
                       !std::ranges::all_of(length, [](char c) { return c >= '0' && c <= '9'; }))) {
    return refuse(400, "The Content-Length is not a number.");
  }
  if (encodings == 1 &&
      (parser_->version != 11 || !iequals(headers.get("Transfer-Encoding"), "chunked"))) {
    return refuse(400, "The only Transfer-Encoding is 'chunked', with HTTP/1.1.");
  }
  if (headers.has("Expect") && !iequals(headers.get("Expect"), "100-continue")) {
    return refuse(417, "The only Expect is '100-continue'.");
  }
  expects_continue_ = parser_->version == 11 && headers.has("Expect");
  return {};
}

Accepted<> RequestReader::read_body(Request& request, std::uint64_t bytes_max, Milliseconds stall,
                                    const std::function<Result<>()>& say_continue) {
  if (parser_->is_done()) return {};
  const auto too_large = [&] {
    return refuse(
        413, fmt::format("The body of the request is larger than {} bytes, the limit.", bytes_max));
  };
  const auto length = parser_->content_length();
  if (length && *length > bytes_max) return too_large();
  if (length) request.body.reserve(std::min<std::size_t>(*length, body_reserve_max));
  if (expects_continue_ && start_ == end_) {
    if (auto said = say_continue(); !said) return refuse(0, said.error().message);
  }
  parser_->body = &request.body;
  parser_->body_limit(bytes_max);
  parser_->eager(true);
  auto window = system_clock().steady();  // in which progress_bytes_min must come
  std::size_t window_bytes = 0;
  while (true) {
    ErrorCode error;
    if (start_ < end_) {
      start_ += parser_->put(boost::asio::buffer(buffer_.data() + start_, end_ - start_), error);
      if (error == beast::http::error::body_limit) return too_large();
      if (error && error != beast::http::error::need_more) {
        return refuse(400,
                      fmt::format("The body of the request is not valid HTTP: {}.",
                                  parser_->refused.empty() ? error.message() : parser_->refused));
      }
      if (parser_->is_done()) return {};
      if (end_ - start_ > chunk_head_bytes_max) {
        return refuse(400, "The head of a chunk, or the trailer, is larger than 8 KiB.");
      }
    }
    const auto before = end_ - start_;
    TRY(read_more(window + stall, read_bytes));
    window_bytes += end_ - start_ - before;
    if (window_bytes >= progress_bytes_min) {
      window = system_clock().steady();
      window_bytes = 0;
    }
  }
}

bool RequestReader::keeps_alive() const {
  return parser_->keep_alive();
}

}  // namespace pinaco::http
