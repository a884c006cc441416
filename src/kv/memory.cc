// Kv in memory: each key keeps its versions while a reader may need them.
//
// A reader sees the versions up to the revision it began with; a transaction writes and sees
// versions of the next revision, which nobody else sees until the revision is counted up. So
// undoing is dropping those versions, and no reader ever waits for a writer's function.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "kv/limits.h"

namespace pinaco::kv {
namespace {

struct Version {
  Revision revision = 0;
  std::optional<std::string> value;  // nullopt: erased
};

struct Shard {
  Revision revision = 0;
  std::map<std::string, std::vector<Version>, std::less<>> rows;
  std::deque<Changed> changes;
  Revision forgotten = 0;  // changes up to here are gone
  std::multiset<Revision> views;
  std::set<std::string> stale;  // keys with versions kept only for views
};

const Version* visible(const std::vector<Version>& versions, Revision at) {
  const auto found = std::find_if(versions.rbegin(), versions.rend(),
                                  [&](const Version& version) { return version.revision <= at; });
  return found == versions.rend() || !found->value ? nullptr : &*found;
}

// Drops the versions of a key that no view can see.
void prune(Shard& shard, const std::string& key) {
  shard.stale.erase(key);
  const auto row = shard.rows.find(key);
  if (row == shard.rows.end()) return;
  auto& versions = row->second;
  const Revision oldest = shard.views.empty() ? shard.revision : *shard.views.begin();
  while (versions.size() > 1 && versions[1].revision <= oldest) versions.erase(versions.begin());
  if (versions.empty() ||
      (versions.size() == 1 && versions[0].revision <= oldest && !versions[0].value)) {
    shard.rows.erase(row);
  } else if (versions.size() > 1 || !versions[0].value) {
    shard.stale.insert(key);
  }
}

void forget_old_changes(Shard& shard) {
  if (shard.changes.size() <= changes_kept + changes_slack) return;
  const Revision oldest = shard.changes[shard.changes.size() - changes_kept].revision;
  while (shard.changes.front().revision < oldest) shard.changes.pop_front();
  shard.forgotten = oldest - 1;
}

// A shard as of one revision; with writes, which get that revision.
class View final : public Transaction {
 public:
  View(std::mutex& mutex, Shard* shard, Revision at) : mutex_(mutex), shard_(shard), at_(at) {}

  Result<std::optional<Row>> find(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    if (!shard_) return std::nullopt;
    const auto row = shard_->rows.find(key);
    const Version* version = row == shard_->rows.end() ? nullptr : visible(row->second, at_);
    if (!version) return std::nullopt;
    return Row{.key = row->first, .value = *version->value, .revision = version->revision};
  }

  Result<std::vector<Row>> range(std::string_view begin, std::string_view end,
                                 std::size_t rows_max) override {
    const std::lock_guard lock(mutex_);
    std::vector<Row> rows;
    if (!shard_) return rows;
    std::size_t bytes = 0;
    for (auto row = shard_->rows.lower_bound(begin); row != shard_->rows.end(); ++row) {
      if (rows.size() >= rows_max || (!end.empty() && row->first >= end)) break;
      const Version* version = visible(row->second, at_);
      if (!version) continue;
      TRY(check_range_bytes(bytes += row->first.size() + version->value->size()));
      rows.push_back({.key = row->first, .value = *version->value, .revision = version->revision});
    }
    return rows;
  }

  Result<std::vector<Row>> range_back(std::string_view begin, std::string_view end,
                                      std::size_t rows_max) override {
    const std::lock_guard lock(mutex_);
    std::vector<Row> rows;
    if (!shard_) return rows;
    std::size_t bytes = 0;
    auto row = end.empty() ? shard_->rows.end() : shard_->rows.lower_bound(end);
    while (row != shard_->rows.begin() && rows.size() < rows_max) {
      --row;
      if (row->first < begin) break;
      const Version* version = visible(row->second, at_);
      if (!version) continue;
      TRY(check_range_bytes(bytes += row->first.size() + version->value->size()));
      rows.push_back({.key = row->first, .value = *version->value, .revision = version->revision});
    }
    return rows;
  }

  Result<> put(std::string_view key, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    write(key, std::string(value));
    return {};
  }

  Result<> erase(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    const auto row = shard_->rows.find(key);
    if (row != shard_->rows.end() && visible(row->second, at_)) write(key, std::nullopt);
    return {};
  }

  const std::set<std::string>& written() const { return written_; }

 private:
  void write(std::string_view key, std::optional<std::string> value) {
    auto& versions = shard_->rows[std::string(key)];
    if (versions.empty() || versions.back().revision != at_) versions.push_back({at_, {}});
    versions.back().value = std::move(value);
    written_.insert(std::string(key));
  }

  std::mutex& mutex_;
  Shard* const shard_;
  const Revision at_;
  std::set<std::string> written_;
};

class MemoryKv final : public Kv {
 public:
  Result<Revision> change(std::string_view shard,
                          const std::function<Result<>(Transaction&)>& change) override {
    TRY(check_shard(shard));
    CHECK(writer_.load() != std::this_thread::get_id());  // a change inside a change
    const std::lock_guard writing(writing_);
    writer_ = std::this_thread::get_id();
    Shard* const found = find_or_make(shard);
    // Only this thread counts the revision up, so it may read it without the lock.
    View view(mutex_, found, found->revision + 1);
    CheckedTransaction transaction(view);
    auto result = transaction.outcome(change(transaction));
    writer_ = std::thread::id();
    const std::lock_guard lock(mutex_);
    if (!result) {
      undo(*found, view.written());
      return fail(std::move(result.error()));
    }
    if (!view.written().empty()) finish(*found, view.written());
    return found->revision;
  }

  Result<> read(std::string_view shard,
                const std::function<Result<>(Reader&)>& reading) const override {
    TRY(check_shard(shard));
    Shard* found = nullptr;
    Revision at = 0;
    {
      const std::lock_guard lock(mutex_);
      found = find_shard(shard);
      if (found) {
        at = found->revision;
        found->views.insert(at);
      }
    }
    View view(mutex_, found, at);
    CheckedReader reader(view);
    auto result = reading(reader);
    if (found) end_view(*found, at);
    return result;
  }

  Result<Revision> revision(std::string_view shard) const override {
    TRY(check_shard(shard));
    const std::lock_guard lock(mutex_);
    return revision_of(shard);
  }

  Result<std::vector<Changed>> changes(std::string_view shard, Revision after,
                                       std::size_t rows_max) const override {
    TRY(check_shard(shard));
    TRY(check_rows(rows_max));
    const std::lock_guard lock(mutex_);
    const Shard* found = find_shard(shard);
    TRY(check_remembered(after, found ? found->forgotten : 0, revision_of(shard)));
    ChangesCollector collector(rows_max);
    if (!found) return collector.take();
    auto next = std::ranges::upper_bound(found->changes, after, {}, &Changed::revision);
    while (next != found->changes.end() && collector.add(*next)) ++next;
    return collector.take();
  }

  Result<Revision> wait(std::string_view shard, Revision after,
                        Milliseconds at_most) const override {
    TRY(check_shard(shard));
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::min(at_most, wait_max),
                      [&] { return revision_of(shard) > after; });
    return revision_of(shard);
  }

  Result<std::vector<std::string>> shards() const override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, shard] : shards_) {
      if (shard.revision > 0) names.push_back(name);
    }
    return names;
  }

 private:
  Shard* find_shard(std::string_view name) const {
    const auto found = shards_.find(name);
    return found == shards_.end() ? nullptr : &found->second;
  }

  Shard* find_or_make(std::string_view name) {
    const std::lock_guard lock(mutex_);
    Shard* const found = find_shard(name);
    return found ? found : &shards_[std::string(name)];
  }

  Revision revision_of(std::string_view name) const {
    const Shard* found = find_shard(name);
    return found ? found->revision : 0;
  }

  static void undo(Shard& shard, const std::set<std::string>& written) {
    for (const auto& key : written) {
      shard.rows.find(key)->second.pop_back();
      prune(shard, key);
    }
  }

  void finish(Shard& shard, const std::set<std::string>& written) {
    ++shard.revision;
    for (const auto& key : written) {
      shard.changes.push_back({.revision = shard.revision, .key = key});
      prune(shard, key);
    }
    forget_old_changes(shard);
    changed_.notify_all();
  }

  void end_view(Shard& shard, Revision at) const {
    const std::lock_guard lock(mutex_);
    shard.views.erase(shard.views.find(at));
    if (!shard.views.empty()) return;
    for (const auto& key : std::vector(shard.stale.begin(), shard.stale.end())) prune(shard, key);
  }

  std::mutex writing_;  // held while a change runs; taken before mutex_
  std::atomic<std::thread::id> writer_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::map<std::string, Shard, std::less<>> shards_;  // mutable: readers leave views
};

}  // namespace

std::unique_ptr<Kv> open_memory() {
  return std::make_unique<MemoryKv>();
}

}  // namespace pinaco::kv
