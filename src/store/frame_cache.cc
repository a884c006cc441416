// An entry without bytes marks a load under way; it is never evicted.
#include "store/frame_cache.h"

namespace pinaco::store {

std::shared_ptr<FrameCache> make_frame_cache(std::uint64_t bytes_max) {
  return std::make_shared<FrameCache>(bytes_max);
}

FrameCache::FrameCache(std::uint64_t bytes_max)
    : shard_bytes_max_(static_cast<std::size_t>(bytes_max) / std::tuple_size_v<decltype(shards_)>) {
}

// The high bits: the low ones choose the bucket inside.
FrameCache::Shard& FrameCache::shard_of(const FrameKey& key) {
  return shards_[(Hash()(key) >> 40) % shards_.size()];
}

FrameBytes FrameCache::find(const FrameKey& key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end() || !found->second->bytes) return nullptr;
  shard.order.splice(shard.order.begin(), shard.order, found->second);
  return found->second->bytes;
}

Result<FrameBytes> FrameCache::get(const FrameKey& key,
                                   const std::function<Result<Bytes>()>& load) {
  Shard& shard = shard_of(key);
  std::unique_lock lock(shard.mutex);
  for (;;) {
    const auto found = shard.entries.find(key);
    if (found == shard.entries.end()) break;
    if (found->second->bytes) {
      shard.order.splice(shard.order.begin(), shard.order, found->second);
      return found->second->bytes;
    }
    const auto loaded = found->second->loaded;  // kept: the entry may be gone when it wakes us
    loaded->wait(lock);
  }
  const auto loaded = std::make_shared<std::condition_variable>();
  shard.order.push_front({.key = key, .bytes = nullptr, .loaded = loaded});
  const auto mine = shard.order.begin();
  shard.entries.emplace(key, mine);
  lock.unlock();
  auto bytes = load();
  lock.lock();
  if (!bytes) {
    shard.entries.erase(key);
    shard.order.erase(mine);
    loaded->notify_all();
    return std::unexpected(std::move(bytes.error()));
  }
  const auto frame = std::make_shared<const Bytes>(std::move(*bytes));
  mine->bytes = frame;
  shard.bytes += frame->size();
  mine->loaded = nullptr;
  evict(shard);
  loaded->notify_all();
  return frame;
}

void FrameCache::evict(Shard& shard) const {
  auto entry = shard.order.end();
  while (shard.bytes > shard_bytes_max_ && entry != shard.order.begin()) {
    --entry;
    if (!entry->bytes || entry == shard.order.begin()) continue;
    shard.bytes -= entry->bytes->size();
    shard.entries.erase(entry->key);
    entry = shard.order.erase(entry);
  }
}

}  // namespace pinaco::store
