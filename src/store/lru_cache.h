// A map bounded by bytes that forgets what was used longest ago.
//
// Threads: any; one mutex. Lifetime: values are shared pointers and outlive their eviction.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace pinaco::store {

template <typename Key, typename Value>
class LruCache {
 public:
  explicit LruCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  std::shared_ptr<const Value> find(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->value;
  }

  void add(const Key& key, std::shared_ptr<const Value> value, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (entries_.contains(key)) return;
    order_.push_front({.key = key, .value = std::move(value), .bytes = bytes});
    entries_.emplace(key, order_.begin());
    bytes_ += bytes;
    while (bytes_ > bytes_max_ && order_.size() > 1) drop(std::prev(order_.end()));
  }

  void remove(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) drop(found->second);
  }

 private:
  struct Entry {
    Key key;
    std::shared_ptr<const Value> value;
    std::size_t bytes = 0;
  };
  using Order = std::list<Entry>;

  void drop(typename Order::iterator entry) {
    bytes_ -= entry->bytes;
    entries_.erase(entry->key);
    order_.erase(entry);
  }

  const std::size_t bytes_max_;
  std::mutex mutex_;
  Order order_;  // the last used first
  std::unordered_map<Key, typename Order::iterator> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace pinaco::store
