// Watch: who waits for a shard to change. Threads: any.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "kv/limits.h"

namespace pinaco::kv {

class Watch {
 public:
  void publish(std::string_view shard, Revision revision) {
    const std::lock_guard lock(mutex_);
    const auto found = revisions_.find(shard);
    if (found != revisions_.end()) {
      found->second = revision;
    } else {
      revisions_.emplace(shard, revision);
    }
    changed_.notify_all();
  }

  Revision wait(std::string_view shard, Revision after, Milliseconds at_most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::min(at_most, wait_max), [&] { return revision(shard) > after; });
    return revision(shard);
  }

 private:
  Revision revision(std::string_view shard) const {
    const auto found = revisions_.find(shard);
    return found == revisions_.end() ? 0 : found->second;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Revision, std::less<>> revisions_;
};

}  // namespace pinaco::kv
