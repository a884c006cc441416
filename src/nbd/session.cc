// Takes requests apart and hands pieces to the lanes. A read whose bytes are in memory is answered
// at once when it is small or alone, which saves two changes of thread; that is what a guest's boot
// mostly does.
#include "nbd/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace pinaco::nbd {
namespace {

constexpr std::uint32_t quick_bytes_max = 32u << 10;  // copying it costs less than another thread

}  // namespace

void Session::begin(Negotiated negotiated) {
  negotiated_ = std::move(negotiated);
  outbox_.count_into(negotiated_.entry->bytes_sent);
}

Session::Wants Session::go_on(Ready ready) {
  const Wants over = {.over = true};
  // Both directions: whatever is still to be sent would reach nobody.
  if (ready.ended) return over;
  if (ready.writable) outbox_.flush();
  if (ready.readable && next_ == Next::input && !receive()) return over;
  next_ = dispatch();
  if (next_ == Next::over) return over;
  const auto state = outbox_.state();
  if (state.broken) return over;
  const auto give_up_at = state.progress_at + common_.write_stall;
  if (state.blocked && give_up_at <= system_clock().steady()) {
    LOG(info, "nbd", "dropped {}: it took no data for {} ms", socket_.peer(),
        common_.write_stall.count());
    return over;
  }
  return {.input = next_ == Next::input, .room = state.blocked, .give_up_at = give_up_at};
}

void Session::end() {
  ended_ = true;
  socket_.shut_down();
  outbox_.drop_all();
  wake();
}

void Session::wake() {
  if (!woken_.exchange(true)) wake_(shared_from_this());
}

// False when there will be no more.
bool Session::receive() {
  if (input_begin_ > 0) {
    std::copy(input_.begin() + static_cast<std::ptrdiff_t>(input_begin_),
              input_.begin() + static_cast<std::ptrdiff_t>(input_end_), input_.begin());
    input_end_ -= std::exchange(input_begin_, 0);
  }
  const auto got = socket_.try_read(MutableBytes(input_).subspan(input_end_));
  if (!got || *got == std::size_t{0}) return false;
  input_end_ += got->value_or(0);
  return true;
}

// Works on what was received until something is missing.
Session::Next Session::dispatch() {
  while (!ended_) {
    switch (doing_) {
      case Doing::reading:
        if (!start_piece()) return Next::room;
        continue;
      case Doing::status:
        if (!start_status()) return Next::room;
        continue;
      case Doing::streaming:
        if (!start_stream_piece()) return Next::room;
        continue;
      case Doing::refusing:
        if (!refuse_write()) return Next::input;
        continue;
      case Doing::nothing:
        break;
    }
    if (leaving_) return outbox_.is_down_to(0) ? Next::over : Next::room;
    if (buffered() < request_size_bytes) return Next::input;
    if (!outbox_.admit_request(requests_in_flight_max)) return Next::room;
    if (!take_request()) return Next::over;
  }
  return Next::over;
}

void Session::take(std::shared_ptr<Pending> pending, Doing doing) {
  current_ = std::move(pending);
  doing_ = doing;
}

void Session::finish_current() {
  current_ = nullptr;
  doing_ = Doing::nothing;
}

// The request has its place in the outbox already: every way on must reply or end the connection.
bool Session::take_request() {
  const ByteView head = ByteView(input_).subspan(input_begin_, request_size_bytes);
  if (load_be<std::uint32_t>(head) != request_magic) return false;
  auto pending = std::make_shared<Pending>();
  pending->request = {.flags = load_be<std::uint16_t>(head, 4),
                      .command = static_cast<Command>(load_be<std::uint16_t>(head, 6)),
                      .cookie = load_be<std::uint64_t>(head, 8),
                      .offset = load_be<std::uint64_t>(head, 16),
                      .length = load_be<std::uint32_t>(head, 24)};
  input_begin_ += request_size_bytes;
  const Request& request = pending->request;
  const auto size = disk().size_bytes();
  const bool inside =
      request.length > 0 && request.offset <= size && request.length <= size - request.offset;
  switch (request.command) {
    case Command::read: {
      const bool df = request.flags == command_flag_df && negotiated_.structured;
      if (!inside || request.length > read_bytes_max || (request.flags != 0 && !df)) break;
      start_read(std::move(pending));
      return true;
    }
    case Command::write:
      if (request.length > read_bytes_max) return false;  // more than we care to skip
      skip_bytes_ = request.length;
      take(std::move(pending), Doing::refusing);
      return true;
    case Command::disconnect:
      leaving_ = true;
      outbox_.put({}, *pending);  // this command has no reply
      return true;
    case Command::trim:
    case Command::write_zeroes:
    case Command::resize:
      reply_error(*pending, WireError::not_permitted);
      return true;
    case Command::block_status:
      if (!inside || (request.flags & ~command_flag_req_one) != 0) break;
      if (!negotiated_.allocation) break;
      take(std::move(pending), Doing::status);
      return true;
    case Command::flush:
    case Command::cache:
      break;  // not offered
  }
  reply_error(*pending, WireError::invalid);
  return true;
}

bool Session::refuse_write() {
  const auto skipped = std::min<std::uint64_t>(skip_bytes_, buffered());
  input_begin_ += skipped;
  skip_bytes_ -= skipped;
  if (skip_bytes_ > 0) return false;
  reply_error(*current_, WireError::not_permitted);
  finish_current();
  return true;
}

void Session::start_read(std::shared_ptr<Pending> pending) {
  const Request& request = pending->request;
  const bool whole = !negotiated_.structured || request.flags == command_flag_df;
  const bool long_whole = whole && request.length > piece_bytes_max;
  // In one chunk it would need a buffer of its size; the text allows to say no over 64 KiB.
  if (long_whole && negotiated_.structured) return reply_error(*pending, WireError::overflow);
  pending->pieces_left = (request.length + piece_bytes_max - 1) / piece_bytes_max;
  next_offset_ = request.offset;
  take(std::move(pending), long_whole ? Doing::streaming : Doing::reading);
}

bool Session::start_piece() {
  const auto end = current_->request.offset + current_->request.length;
  const auto length =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(end - next_offset_, piece_bytes_max));
  if (!outbox_.admit_piece(length, common_.allowance_bytes)) return false;
  const auto pending = current_;
  const auto offset = next_offset_;
  const bool only = length == pending->request.length;
  next_offset_ += length;
  if (next_offset_ == end) finish_current();
  const bool is_quick = length <= quick_bytes_max || (buffered() == 0 && outbox_.is_alone());
  if (only && is_quick && answer_now(*pending)) return true;
  run([pending, offset, length](Session& self) { self.run_piece(*pending, offset, length); });
  return true;
}

// In order and one at a time: a read that is too big for one buffer, for a client that takes it in
// one chunk only.
bool Session::start_stream_piece() {
  if (!outbox_.is_down_to(1) || !outbox_.has_no_pieces()) return false;
  const auto end = current_->request.offset + current_->request.length;
  if (next_offset_ == end || current_->failed) {
    finish_current();
    return true;
  }
  const auto length =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(end - next_offset_, piece_bytes_max));
  CHECK(outbox_.admit_piece(length, common_.allowance_bytes));
  run([pending = current_, offset = next_offset_, length](Session& self) {
    self.run_stream_piece(*pending, offset, length);
  });
  next_offset_ += length;
  return true;
}

bool Session::start_status() {
  if (!outbox_.admit_piece(status_bytes_max, common_.allowance_bytes)) return false;
  run([pending = current_](Session& self) { self.run_status(*pending); });
  finish_current();
  return true;
}

void Session::run(std::function<void(Session&)> job) {
  common_.lanes.run([self = shared_from_this(), job = std::move(job)] { job(*self); });
}

}  // namespace pinaco::nbd
