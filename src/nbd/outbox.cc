// The replies of one connection on their way out: a queue, and at most one thread that sends.
#include "nbd/outbox.h"

#include <algorithm>

namespace pinaco::nbd {

bool Outbox::admit_piece(std::size_t bytes, std::size_t bytes_max) {
  std::lock_guard lock(mutex_);
  if (bytes_ != 0 && bytes_ + bytes > bytes_max) {
    wants_room_ = true;
    return false;
  }
  bytes_ += bytes;
  return true;
}

bool Outbox::admit_request(std::size_t requests_max) {
  std::lock_guard lock(mutex_);
  if (requests_ >= requests_max) {
    wants_room_ = true;
    return false;
  }
  ++requests_;
  return true;
}

bool Outbox::is_down_to(std::size_t requests) {
  std::lock_guard lock(mutex_);
  if (requests_ <= requests) return true;
  wants_room_ = true;
  return false;
}

bool Outbox::has_no_pieces() {
  std::lock_guard lock(mutex_);
  if (bytes_ == 0) return true;
  wants_room_ = true;
  return false;
}

bool Outbox::is_alone() {
  std::lock_guard lock(mutex_);
  return requests_ == 1;
}

Outbox::State Outbox::state() {
  std::lock_guard lock(mutex_);
  return {.blocked = blocked_, .broken = broken_, .progress_at = progress_at_};
}

void Outbox::put(Reply reply, Pending& pending) {
  std::unique_lock lock(mutex_);
  CHECK(pending.pieces_left > 0);
  reply.ends_request = --pending.pieces_left == 0;
  if (reply.only_when_last && !reply.ends_request) reply.parts.clear();
  if (reply.ends_request && reply.last_chunk_at != Reply::no_chunk) {
    store_be(reply.heads, reply.last_chunk_at + 4, chunk_flag_done);
  }
  if (broken_ || reply.parts.empty()) {
    give_back(reply);
    return;
  }
  queue_.push_back(std::move(reply));
  if (!sending_ && !blocked_) send_queue(lock);
}

void Outbox::flush() {
  std::unique_lock lock(mutex_);
  blocked_ = false;
  if (!sending_) send_queue(lock);
}

void Outbox::drop_all() {
  std::lock_guard lock(mutex_);
  broken_ = true;
  if (!sending_) queue_.clear();  // else the sender finds out by itself
}

// The lock is released while bytes go out; sending_ keeps the front of the queue ours.
void Outbox::send_queue(std::unique_lock<std::mutex>& lock) {
  sending_ = true;
  while (!queue_.empty() && !broken_) {
    Reply& front = queue_.front();  // deque: push_back moves no element
    lock.unlock();
    const auto sent = socket_.try_write(front.parts);
    std::size_t left = sent.value_or(0);
    std::size_t gone = 0;
    while (gone < front.parts.size() && left >= front.parts[gone].size()) {
      left -= front.parts[gone++].size();
    }
    front.parts.erase(front.parts.begin(), front.parts.begin() + static_cast<std::ptrdiff_t>(gone));
    if (left > 0) front.parts.front() = front.parts.front().subspan(left);
    lock.lock();
    if (sent.value_or(0) > 0) stalled_ = false;
    if (!sent) {
      broken_ = true;
      wake_();
    } else if (front.parts.empty()) {
      if (bytes_sent_) *bytes_sent_ += front.disk_bytes;
      const Reply done = std::move(front);
      queue_.pop_front();
      give_back(done);
    } else if (*sent == 0) {
      blocked_ = true;
      if (!stalled_) progress_at_ = system_clock().steady();
      stalled_ = true;
      wake_();
      break;
    }
  }
  sending_ = false;
  if (broken_) queue_.clear();
}

void Outbox::give_back(const Reply& reply) {
  bytes_ -= reply.reserved_bytes;
  if (reply.ends_request) --requests_;
  if (wants_room_) {
    wants_room_ = false;
    wake_();
  }
}

}  // namespace pinaco::nbd
