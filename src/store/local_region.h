// The one Region there is: its caches, pins and the reading of checked objects from its places.
// What it does is spread over region.cc (open, fetch), write.cc, reader.cc, replicate.cc and
// sweep.cc.
//
// Threads: any. Errors of a fetch: what one place cannot give is asked of the next; when none
// has it, corrupt if any copy was damaged, else unavailable if any place failed, else not_found.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "store/dedup_index.h"
#include "store/frame_cache.h"
#include "store/lru_cache.h"
#include "store/manifest.h"
#include "store/pack.h"
#include "store/pins.h"
#include "store/store.h"

namespace pinaco::store {

class LocalRegion final : public Region, public std::enable_shared_from_this<LocalRegion> {
 public:
  explicit LocalRegion(RegionOptions options);
  Result<> load();  // the dedup index, from what is in the places

  const std::string& name() const override { return options_.name; }
  const std::vector<Place>& places() const override { return options_.places; }
  Result<Written> write(const DiskReader& disk, const WriteOptions& options) override;
  Result<Description> describe(const Digest& manifest) const override;
  Result<Copied> copy_from(const Region& source, const Digest& manifest,
                           const CopyOptions& options) override;
  Result<std::shared_ptr<DiskReader>> open_disk(
      const Digest& manifest, std::vector<std::shared_ptr<const Region>> elsewhere) const override;
  Result<Swept> sweep(const std::function<Result<std::vector<Digest>>()>& live) override;
  Result<std::uint64_t> purge(Seconds older_than) override;
  Result<Usage> usage() const override;
  std::vector<PlaceLoad> loads() const override;

  // Checked objects from any place.
  Result<std::shared_ptr<const Manifest>> fetch_manifest(const Digest& name) const;
  Result<std::shared_ptr<const PackIndex>> fetch_index(const Digest& pack) const;
  Result<Bytes> fetch_frame(const Digest& pack, std::uint32_t frame) const;
  Result<Bytes> fetch_pack(const Digest& pack) const;
  Result<std::optional<std::uint64_t>> find_size(const ObjectName& name) const;

  DedupIndex& dedup() const { return dedup_; }
  FrameCache& frames() const { return *frames_; }
  std::shared_ptr<PinSet> make_pins() const { return pins_->make_set(); }
  // What happened at a place, with its zone and region; no path.
  Error at_place(const Place& place, Error error) const;
  // Durable at the place; a damaged object of that name makes way.
  Result<> put(const Place& place, const ObjectName& name, std::span<const ByteView> parts) const;

 private:
  // `turn` says which place is asked first.
  template <typename T>
  Result<T> from_places(const ObjectName& name,
                        const std::function<Result<T>(const PackStore&)>& fetch,
                        std::size_t turn = 0) const;
  void answered(std::size_t place) const;
  void log_trouble(std::size_t place, const ObjectName& object, const Error& error) const;
  Result<> sweep_noted(const std::function<Result<std::vector<Digest>>()>& live, Swept& swept);
  class Copy;  // replicate.cc

  const RegionOptions options_;
  mutable std::vector<std::atomic<std::uint64_t>> reads_;  // by place
  mutable std::vector<std::atomic<bool>> silent_;          // by place: it did not answer last
  const std::shared_ptr<PinBoard> pins_;
  mutable DedupIndex dedup_;
  mutable LruCache<Digest, PackIndex> indexes_;
  const std::shared_ptr<FrameCache> frames_;

  mutable std::mutex manifests_mutex_;
  mutable std::unordered_map<Digest, std::weak_ptr<const Manifest>> manifests_;

  // A thousand disks of one image are one reader, with one set of pins.
  using Sources = std::vector<std::shared_ptr<const LocalRegion>>;
  struct OpenDisk {
    std::vector<const LocalRegion*> sources;
    std::weak_ptr<DiskReader> disk;
  };
  Result<std::shared_ptr<DiskReader>> open_new(const Digest& manifest, Sources sources) const;
  mutable std::mutex opened_mutex_;
  mutable std::unordered_map<Digest, OpenDisk> opened_;

  std::mutex sweep_mutex_;

  std::mutex copying_mutex_;
  std::condition_variable copied_;
  std::unordered_set<Digest> copying_;  // packs
};

// Which places a copy goes to, by number; none when it is premium and no place is. `held_bytes`
// says how much of it each has already, and nothing of one that does not answer.
std::vector<std::size_t> choose_places(const std::vector<Place>& places,
                                       const std::vector<std::optional<std::uint64_t>>& held_bytes,
                                       const CopyOptions& options);

}  // namespace pinaco::store
