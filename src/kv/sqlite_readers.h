// Reading connections: a bounded pool of them, opened when first needed.
//
// Threads: any. Limits: connections_max readings at once; the next waits up to ten seconds, then
// busy (a reading inside a reading takes two).
#pragma once

#include <condition_variable>
#include <mutex>

#include "kv/sqlite_session.h"

namespace pinaco::kv {

class Readers {
 public:
  explicit Readers(std::string path) : path_(std::move(path)) {}

  // Runs `reading` in one transaction: all it reads is of one moment.
  Result<> read(const std::function<Result<>(Session&)>& reading);

  // Likewise, for a reading that yields something.
  template <typename T>
  Result<T> get(const std::function<Result<T>(Session&)>& reading) {
    T found = {};
    auto result = read([&](Session& session) -> Result<> {
      found = TRY(reading(session));
      return {};
    });
    if (!result) return fail(std::move(result.error()));
    return found;
  }

 private:
  using Owned = std::unique_ptr<Session>;
  Result<Owned> take();
  void give_back(Owned session);

  const std::string path_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Owned> idle_;
  std::size_t taken_ = 0;
};

}  // namespace pinaco::kv
