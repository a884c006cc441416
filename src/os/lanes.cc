// Lanes: one mutex, one deque, a condition variable for each thing somebody waits for. Jobs are
// milliseconds long, so the lock is never the bottleneck.
#include "os/lanes.h"

#include <algorithm>
#include <atomic>
#include <optional>

namespace pinaco::os {

Lanes::Lanes(std::size_t lanes, std::size_t queue_max) : queue_max_(queue_max) {
  CHECK(lanes > 0 && queue_max > 0);
  threads_.reserve(lanes);
  for (std::size_t i = 0; i < lanes; ++i) threads_.emplace_back([this] { work(); });
}

Lanes::~Lanes() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  job_came_.notify_all();
  for (auto& thread : threads_) thread.join();
}

Result<> Lanes::try_run(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_max_) {
      return fail(Kind::busy, "All lanes are busy and the queue is full; try again later.");
    }
    queue_.push_back(std::move(job));
  }
  job_came_.notify_one();
  return {};
}

void Lanes::run(std::function<void()> job) {
  {
    std::unique_lock lock(mutex_);
    room_came_.wait(lock, [this] { return queue_.size() < queue_max_; });
    queue_.push_back(std::move(job));
  }
  job_came_.notify_one();
}

void Lanes::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return queue_.empty() && running_ == 0; });
}

void Lanes::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    job_came_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    lock.unlock();
    room_came_.notify_one();
    job();
    job = nullptr;  // what the job holds goes before drain() may return
    lock.lock();
    --running_;
    if (running_ == 0 && queue_.empty()) idle_.notify_all();
  }
}

Result<> for_each(std::size_t count, std::size_t lanes,
                  const std::function<Result<>(std::size_t)>& job) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  std::optional<Error> first;
  auto work = [&] {
    while (!stopped) {
      const std::size_t index = next++;
      if (index >= count) return;
      auto result = job(index);
      if (result) continue;
      std::lock_guard lock(mutex);
      if (!first) first = std::move(result.error());
      stopped = true;
    }
  };
  std::vector<std::thread> threads;
  const std::size_t wanted = std::min(count, std::max<std::size_t>(lanes, 1));
  for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();  // the caller's own thread is a lane as well
  for (auto& thread : threads) thread.join();
  if (first) return std::unexpected(std::move(*first));
  return {};
}

}  // namespace pinaco::os
