// Decompressed and verified frames, the last used ones, bounded by bytes. When several readers
// miss the same frame, one loads it and the others wait for it.
//
// Threads: any; 16 shards, no lock held while loading. Errors: the loader's own; who waited for
// a load that failed tries itself, because it may have other sources.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/digest.h"
#include "store/store.h"

namespace pinaco::store {

struct FrameKey {
  Digest pack;
  std::uint32_t frame = 0;
  bool operator==(const FrameKey&) const = default;
};

using FrameBytes = std::shared_ptr<const Bytes>;

class FrameCache {
 public:
  explicit FrameCache(std::uint64_t bytes_max);
  Result<FrameBytes> get(const FrameKey& key, const std::function<Result<Bytes>()>& load);
  FrameBytes find(const FrameKey& key);  // nullptr when it is not here, or is being loaded

 private:
  struct Hash {
    std::size_t operator()(const FrameKey& key) const noexcept {
      return key.pack.prefix() ^ (std::uint64_t{key.frame} * 0x9e3779b97f4a7c15U);
    }
  };
  struct Entry {
    FrameKey key;
    FrameBytes bytes;                                 // null while it is loaded
    std::shared_ptr<std::condition_variable> loaded;  // of who waits for it
  };
  struct Shard {
    std::mutex mutex;
    std::list<Entry> order;  // the last used first
    std::unordered_map<FrameKey, std::list<Entry>::iterator, Hash> entries;
    std::size_t bytes = 0;
  };
  Shard& shard_of(const FrameKey& key);
  void evict(Shard& shard) const;

  std::array<Shard, 16> shards_;
  const std::size_t shard_bytes_max_;
};

}  // namespace pinaco::store
