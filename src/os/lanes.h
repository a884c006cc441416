// Lanes: a bounded pool of threads with a bounded queue. Plain blocking code runs on it.
//
// Threads: run and try_run from any thread. Lifetime: the destructor runs what is queued to its
// end and joins. Limits: lanes threads, queue_max waiting jobs. Errors: try_run answers busy
// when the queue is full; jobs must not throw.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace pinaco::os {

class Lanes {
 public:
  Lanes(std::size_t lanes, std::size_t queue_max);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  Result<> try_run(std::function<void()> job);  // busy when the queue is full
  void run(std::function<void()> job);          // waits for room in the queue
  void drain();                                 // waits until nothing runs or is queued
  std::size_t size() const { return threads_.size(); }

 private:
  void work();

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable job_came_;
  std::condition_variable room_came_;
  std::condition_variable idle_;
  std::deque<std::function<void()>> queue_;
  std::size_t running_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

// Calls job(0) … job(count - 1) on up to `lanes` threads of its own and waits for all. After the
// first error no further job starts; that error is returned.
Result<> for_each(std::size_t count, std::size_t lanes,
                  const std::function<Result<>(std::size_t)>& job);

}  // namespace pinaco::os
