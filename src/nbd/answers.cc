// What a session answers: chunks of data and holes, block status, errors. Everything here may run
// on any lane and changes nothing of the session but its outbox.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "nbd/session.h"

namespace pinaco::nbd {
namespace {

// Shorter runs of zeros inside data are sent as data: a chunk costs the client more than they do.
constexpr std::uint64_t hole_bytes_min = 16u << 10;

// Builds a reply chunk by chunk. Parts point into heads and data, so both are sized beforehand.
class ReplyBuilder {
 public:
  ReplyBuilder(std::size_t heads_bytes, std::size_t data_bytes) {
    reply_.heads.reserve(heads_bytes);
    if (data_bytes > 0) {
      reply_.data = std::make_unique_for_overwrite<std::uint8_t[]>(data_bytes);
    }
  }

  void simple(WireError error, std::uint64_t cookie) {
    append_be(reply_.heads, simple_reply_magic);
    append_be(reply_.heads, static_cast<std::uint32_t>(error));
    append_be(reply_.heads, cookie);
  }
  void chunk(Chunk type, std::uint64_t cookie, std::size_t length) {
    reply_.last_chunk_at = reply_.heads.size();
    append_be(reply_.heads, structured_reply_magic);
    append_be<std::uint16_t>(reply_.heads, 0);
    append_be(reply_.heads, static_cast<std::uint16_t>(type));
    append_be(reply_.heads, cookie);
    append_be(reply_.heads, static_cast<std::uint32_t>(length));
  }
  template <typename T>
  void number(T value) {
    append_be(reply_.heads, value);
  }
  // Ends the part of the heads written so far.
  void end_heads() {
    CHECK(reply_.heads.size() <= reply_.heads.capacity());
    const auto part = ByteView(reply_.heads).subspan(heads_sent_);
    if (!part.empty()) reply_.parts.push_back(part);
    heads_sent_ = reply_.heads.size();
  }
  // The next `length` bytes of data, to be filled by the caller.
  MutableBytes data(std::size_t length) {
    end_heads();
    MutableBytes part(reply_.data.get() + reply_.disk_bytes, length);
    reply_.parts.push_back(part);
    reply_.disk_bytes += length;
    return part;
  }
  Reply finish() {
    end_heads();
    return std::move(reply_);
  }

 private:
  Reply reply_;
  std::size_t heads_sent_ = 0;
};

Reply error_reply(const Request& request, bool structured, WireError error) {
  ReplyBuilder builder(32, 0);
  if (structured) {
    builder.chunk(Chunk::error, request.cookie, 6);
    builder.number(static_cast<std::uint32_t>(error));
    builder.number<std::uint16_t>(0);  // no text
  } else {
    builder.simple(error, request.cookie);
  }
  return builder.finish();
}

void append_merged(std::vector<Extent>& into, const Extent& extent) {
  if (!into.empty() && into.back().zero == extent.zero) {
    into.back().length += extent.length;
  } else {
    into.push_back(extent);
  }
}

// [offset, offset + length) as data and holes worth telling, neighbours of one kind merged.
// Extents only save work: what they cannot say is read, and read() tells of errors.
std::vector<Extent> segments(const DiskReader& disk, std::uint64_t offset, std::uint32_t length) {
  const std::vector<Extent> all_data = {{.offset = offset, .length = length, .zero = false}};
  if (length < hole_bytes_min) return all_data;
  const auto extents = disk.extents(offset, length);
  if (!extents) return all_data;
  std::vector<Extent> runs;
  auto at = offset;
  for (const auto& extent : *extents) {
    if (extent.offset != at || extent.length > offset + length - at) return all_data;
    at += extent.length;
    append_merged(runs, extent);
  }
  if (at != offset + length) return all_data;
  std::vector<Extent> told;
  for (auto run : runs) {
    run.zero = run.zero && run.length >= hole_bytes_min;
    append_merged(told, run);
  }
  return told;
}

}  // namespace

void Session::reply_error(Pending& pending, WireError error, std::size_t reserved_bytes) {
  auto reply = error_reply(pending.request, negotiated_.structured, error);
  reply.reserved_bytes = reserved_bytes;
  outbox_.put(std::move(reply), pending);
}

// Only the first piece that fails says so. When somebody stopped the reading, the connection is
// dropped instead: QEMU would hand an error to its guest for good, but it reconnects after a drop.
void Session::read_failed(Pending& pending, const Error& error, std::size_t reserved_bytes) {
  if (ended_ || negotiated_.entry->revoked || error.kind == Kind::cancelled) return end();
  if (pending.failed.exchange(true)) {
    ReplyBuilder builder(structured_reply_size_bytes, 0);
    builder.chunk(Chunk::none, pending.request.cookie, 0);
    auto reply = builder.finish();
    reply.only_when_last = true;
    reply.reserved_bytes = reserved_bytes;
    return outbox_.put(std::move(reply), pending);
  }
  // The first of a connection is for people, the rest would only repeat it.
  if (!told_failure_.exchange(true)) {
    LOG(warning, "nbd", "{}: reading {} bytes at {} failed: {}", socket_.peer(),
        pending.request.length, pending.request.offset, error.message);
  }
  reply_error(pending, WireError::io, reserved_bytes);
}

void Session::run_piece(Pending& pending, std::uint64_t offset, std::uint32_t length) {
  if (ended_) return;
  auto reply = pending.failed ? fail(Kind::corrupt, "another piece failed")
                              : read_piece(pending, offset, length, Reading::waiting);
  if (!reply) return read_failed(pending, reply.error(), length);
  (*reply)->reserved_bytes = length;
  outbox_.put(std::move(**reply), pending);
}

// A request of one piece, if its bytes are in memory.
bool Session::answer_now(Pending& pending) {
  const Request& request = pending.request;
  auto reply = read_piece(pending, request.offset, request.length, Reading::now);
  if (!reply || !*reply) return false;  // who waits for it tells of the error
  (*reply)->reserved_bytes = request.length;
  outbox_.put(std::move(**reply), pending);
  return true;
}

Result<std::optional<Reply>> Session::read_piece(const Pending& pending, std::uint64_t offset,
                                                 std::uint32_t length, Reading reading) const {
  const bool whole = !negotiated_.structured || pending.request.flags == command_flag_df;
  return whole ? read_whole(pending.request, reading)
               : read_structured(pending.request, offset, length, reading);
}

// False: not in memory.
Result<bool> Session::read_disk(std::uint64_t offset, MutableBytes into, Reading reading) const {
  if (reading == Reading::now) return disk().read_now(offset, into);
  TRY(disk().read(offset, into));
  return true;
}

void Session::run_status(Pending& pending) {
  if (ended_) return;
  auto reply = block_status(pending.request);
  if (!reply) return read_failed(pending, reply.error(), status_bytes_max);
  reply->reserved_bytes = status_bytes_max;
  outbox_.put(std::move(*reply), pending);
}

Result<std::optional<Reply>> Session::read_whole(const Request& request, Reading reading) const {
  ReplyBuilder builder(32, request.length);
  if (negotiated_.structured) {
    builder.chunk(Chunk::offset_data, request.cookie, 8 + std::size_t{request.length});
    builder.number(request.offset);
  } else {
    builder.simple(WireError::none, request.cookie);
  }
  if (!TRY(read_disk(request.offset, builder.data(request.length), reading))) return std::nullopt;
  return builder.finish();
}

Result<std::optional<Reply>> Session::read_structured(const Request& request, std::uint64_t offset,
                                                      std::uint32_t length, Reading reading) const {
  const auto parts = segments(disk(), offset, length);
  std::uint64_t data_bytes = 0;
  for (const auto& part : parts) data_bytes += part.zero ? 0 : part.length;
  ReplyBuilder builder(parts.size() * (structured_reply_size_bytes + 12), data_bytes);
  for (const auto& part : parts) {
    if (part.zero) {
      builder.chunk(Chunk::offset_hole, request.cookie, 12);
      builder.number(part.offset);
      builder.number(static_cast<std::uint32_t>(part.length));
    } else {
      builder.chunk(Chunk::offset_data, request.cookie, 8 + part.length);
      builder.number(part.offset);
      if (!TRY(read_disk(part.offset, builder.data(part.length), reading))) return std::nullopt;
    }
  }
  return builder.finish();
}

// The reply may cover less than was asked: descriptors are limited and the client asks on.
Result<Reply> Session::block_status(const Request& request) const {
  constexpr std::uint64_t step_bytes = 256u << 20;  // bounds what extents() returns at a time
  struct Descriptor {
    std::uint32_t length;
    std::uint32_t flags;
  };
  std::vector<Descriptor> descriptors;
  const bool one = (request.flags & command_flag_req_one) != 0;
  const std::size_t count_max = one ? 1 : descriptors_max;
  const auto end = request.offset + request.length;
  bool full = false;
  for (auto at = request.offset; at < end && !full;) {
    const auto length = std::min(step_bytes, end - at);
    for (const auto& extent : TRY(disk().extents(at, length))) {
      if (extent.offset != at || extent.length == 0 || extent.length > end - at) {
        return fail(Kind::corrupt, "the extents do not cover what was asked for");
      }
      const auto bytes = static_cast<std::uint32_t>(extent.length);
      const std::uint32_t flags = extent.zero ? state_hole | state_zero : 0;
      if (!descriptors.empty() && descriptors.back().flags == flags) {
        descriptors.back().length += bytes;
      } else if (descriptors.size() < count_max) {
        descriptors.push_back({.length = bytes, .flags = flags});
      } else {
        full = true;
        break;
      }
      at += bytes;
    }
  }
  const std::size_t payload = 4 + 8 * descriptors.size();
  ReplyBuilder builder(structured_reply_size_bytes + payload, 0);
  builder.chunk(Chunk::block_status, request.cookie, payload);
  builder.number(base_allocation_id);
  for (const auto& descriptor : descriptors) {
    builder.number(descriptor.length);
    builder.number(descriptor.flags);
  }
  return builder.finish();
}

// Once the reply has begun, an error can only end the connection.
void Session::run_stream_piece(Pending& pending, std::uint64_t offset, std::uint32_t length) {
  if (ended_) return;
  const Request& request = pending.request;
  const bool first = offset == request.offset;
  ReplyBuilder builder(simple_reply_size_bytes, length);
  if (first) builder.simple(WireError::none, request.cookie);
  const auto read = disk().read(offset, builder.data(length));
  if (!read) {
    if (!first) return end();
    pending.pieces_left = 1;  // there will be no other
    return read_failed(pending, read.error(), length);
  }
  auto reply = builder.finish();
  reply.reserved_bytes = length;
  outbox_.put(std::move(reply), pending);
}

}  // namespace pinaco::nbd
