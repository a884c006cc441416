// Replies. The framing fields are written here and nowhere else, so that no handler can make a
// reply that two readers understand differently.
#include "http/reply_writer.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "http/syntax.h"

namespace pinaco::http {
namespace {

constexpr std::size_t piece_bytes = 16 << 10;

// Collects small pieces into records; large ones pass through uncopied.
class Pieces {
 public:
  Pieces(Wire& wire, Milliseconds stall) : wire_(wire), stall_(stall) {}

  Result<> add(ByteView bytes) {
    if (held_.size() + bytes.size() <= piece_bytes) {
      append(held_, bytes);
      return {};
    }
    // Fill the held record, so that head and body leave in as few as possible.
    const auto fill = std::min(piece_bytes - held_.size(), bytes.size());
    if (!held_.empty()) {
      append(held_, bytes.first(fill));
      bytes = bytes.subspan(fill);
      TRY(flush());
    }
    const auto whole = bytes.size() / piece_bytes * piece_bytes;
    TRY(wire_.write_all(bytes.first(whole), stall_));
    append(held_, bytes.subspan(whole));
    return {};
  }

  Result<> flush() {
    TRY(wire_.write_all(held_, stall_));
    held_.clear();
    return {};
  }

 private:
  Wire& wire_;
  Milliseconds stall_;
  Bytes held_;
};

bool is_ours(std::string_view name) {
  return iequals(name, "Content-Length") || iequals(name, "Transfer-Encoding") ||
         iequals(name, "Connection") || iequals(name, "Date");
}

std::string head_of(const Reply& reply, const ReplyOptions& options) {
  const int status = reply.status >= 200 && reply.status <= 599 ? reply.status : 500;
  if (status != reply.status) LOG(error, "http", "a handler made the status {}", reply.status);
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", status, reason_phrase(status),
                                 http_date(system_clock().now()));
  for (const auto& [name, value] : reply.headers.all()) {
    if (is_ours(name)) continue;
    if (!is_token(name) || !is_field_value(value)) {
      LOG(error, "http", "dropped the header '{}' of a reply: its name or value is not allowed",
          name);
      continue;
    }
    fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
  }
  if (status != 204 && status != 304) {
    std::uint64_t length = reply.stream ? reply.stream->size_bytes : reply.body.size();
    // A handler may answer HEAD with the length alone.
    if (options.head_only && length == 0) {
      const auto given = parse_int(reply.headers.get("Content-Length"), 0, INT64_MAX);
      length = static_cast<std::uint64_t>(given.value_or(0));
    }
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", length);
  }
  if (options.close) head += "Connection: close\r\n";
  head += "\r\n";
  return head;
}

Result<> write_stream(Pieces& pieces, const BodyStream& stream) {
  std::uint64_t left = stream.size_bytes;
  const Sink sink = [&](ByteView bytes) -> Result<> {
    if (bytes.size() > left) {
      return fail(Kind::corrupt, "A reply's stream is longer than its length.");
    }
    left -= bytes.size();
    return pieces.add(bytes);
  };
  TRY(stream.write(sink));
  if (left > 0) {
    return fail(Kind::corrupt, fmt::format("A reply's stream ended {} bytes early.", left));
  }
  return {};
}

}  // namespace

std::string http_date(WallTime time) {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<Seconds>(time - day));
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     days[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

Result<> write_reply(Wire& wire, const Reply& reply, const ReplyOptions& options) {
  Pieces pieces(wire, options.stall_timeout);
  TRY(pieces.add(as_bytes(head_of(reply, options))));
  const bool bodiless = options.head_only || reply.status == 204 || reply.status == 304;
  if (!bodiless) {
    if (reply.stream) {
      TRY(write_stream(pieces, *reply.stream));
    } else {
      TRY(pieces.add(as_bytes(reply.body)));
    }
  }
  return pieces.flush();
}

}  // namespace pinaco::http
