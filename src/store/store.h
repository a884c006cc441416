// The store: disk images as deduplicated 4 KiB blocks in immutable packs. This is the heart; the
// byte layouts are in docs/formats.md beside their code (pack.cc, manifest.cc).
//
//   block     4 KiB of a disk, aligned, named by its SHA-256; zero blocks are never stored
//   pack      blocks that were new when it was written, compressed in frames, with an index of
//             the blocks' digests; named by the SHA-256 of that index, which also holds a
//             checksum of each frame: so the chain name → index → block checks every byte read
//   manifest  a disk as runs of zeros or of (pack, first block); named by its SHA-256
//   image     the Merkle root over the digests of all blocks of a disk: the same disk has the
//             same image digest wherever and however it is stored
//
// A Region owns the places of one region: a place is one PackStore in one zone. Packs are shared
// by all images of the region; what an image needs is pinned while it is written or copied and
// lives afterwards as long as the sweep's list of live manifests names it.
// Threads: everything from any thread. Lifetime: readers keep the region's caches and stores
// alive. Limits: disks up to 32 TiB; memory of a region is its frame cache, which regions may
// share, + index_cache_bytes + about 90 MiB per TiB of distinct blocks for the sparse dedup index;
// an import adds at most 64 MiB. Errors: corrupt when bytes fail their check and no other place has
// good ones; unavailable when a place failed; busy when a disk is full.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/disk_reader.h"

namespace pinaco::store {

inline constexpr std::size_t block_bytes = 4096;
inline constexpr std::uint64_t disk_bytes_max = std::uint64_t{32} << 40;

// --- PackStore: one of the three waists ---------------------------------------------------------

enum class ObjectKind { pack, manifest };

struct ObjectName {
  ObjectKind kind = ObjectKind::pack;
  Digest digest;
  auto operator<=>(const ObjectName&) const = default;
};

// Immutable objects by name. put is durable when it returns and repeatable; what is found was put
// whole. Nothing here checks content against names: Region does. A store that cannot be reached, or
// whose folder is gone, is unavailable, never empty.
class PackStore {
 public:
  virtual ~PackStore() = default;
  virtual Result<> put(const ObjectName& name, std::span<const ByteView> parts) = 0;
  // not_found when absent, corrupt when the object ends before offset + size.
  virtual Result<Bytes> get(const ObjectName& name, std::uint64_t offset,
                            std::uint64_t size) const = 0;
  virtual Result<std::optional<std::uint64_t>> find_size(const ObjectName& name) const = 0;
  virtual Result<std::vector<std::pair<ObjectName, std::uint64_t>>> list(ObjectKind kind) const = 0;
  // Quarantine: no longer found, but kept until purge. restore is its inverse (not_found when the
  // object is not set aside). A put of a name that is set aside is fine.
  virtual Result<> set_aside(const ObjectName& name) = 0;
  virtual Result<> restore(const ObjectName& name) = 0;
  virtual Result<std::uint64_t> purge(Seconds older_than) = 0;  // bytes given back
};

// A directory: temporary file, fsync, rename, fsync of the folder. Temporaries of a crash are
// removed when it is opened.
Result<std::unique_ptr<PackStore>> open_folder(const std::string& path, Clock& clock);

// --- Region
// ---------------------------------------------------------------------------------------

struct Place {
  std::string zone;  // "1", "2", "3"; "" in a region without zones
  std::string name;  // unique in the region
  bool premium = false;
  std::shared_ptr<PackStore> packs;
};

// Decompressed and checked frames, the last used ones. A frame is named by what it holds, so
// regions that share a cache find there what another of them has read.
class FrameCache;
std::shared_ptr<FrameCache> make_frame_cache(std::uint64_t bytes_max);

struct RegionOptions {
  std::string name;
  std::vector<Place> places;  // at least one; the first is where new packs are written
  std::shared_ptr<FrameCache> frames = {};  // nullptr: one of its own, of 64 MiB
  std::uint64_t index_cache_bytes = 64 << 20;
};

// Keeps objects from being swept; moved, never copied.
class Pin {
 public:
  Pin() = default;
  explicit Pin(std::shared_ptr<void> held) : held_(std::move(held)) {}

 private:
  std::shared_ptr<void> held_;
};

// Bytes done of bytes known; returning false cancels.
using Progress = std::function<bool(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

struct WriteOptions {
  std::vector<Digest> parents = {};  // manifests whose packs are looked at first
  std::size_t lanes = 2;
  Progress progress = {};  // of the disk's data extents
};

struct Written {
  Digest manifest;
  Digest image;
  std::uint64_t size_bytes = 0;
  std::uint64_t blocks = 0;        // of the whole disk
  std::uint64_t data_blocks = 0;   // not zero
  std::uint64_t new_blocks = 0;    // not found in the region
  std::uint64_t stored_bytes = 0;  // new packs with their indexes, and the manifest
  Pin pin;
};

struct Description {  // what a manifest says
  Digest image;
  std::uint64_t size_bytes = 0;
  std::uint64_t data_blocks = 0;
  std::uint64_t runs = 0;
  std::vector<Digest> packs;
};

struct Copied {
  std::uint64_t total_bytes = 0;   // of the manifest and all its packs
  std::uint64_t moved_bytes = 0;   // fetched from the other region
  std::uint64_t stored_bytes = 0;  // written to places here, all copies counted
  std::size_t copies = 0;          // places that now hold the image whole
  std::size_t zones = 0;           // distinct zones among them
  Pin pin;
};

enum class Redundancy { local, zone };

struct CopyOptions {
  Redundancy redundancy = Redundancy::local;
  bool premium = false;
  std::size_t replicas = 1;
  std::size_t lanes = 4;
  Progress progress = {};
};

struct Swept {
  std::uint64_t objects_set_aside = 0;
  std::uint64_t bytes_set_aside = 0;
};

struct Usage {
  std::uint64_t packs = 0;
  std::uint64_t manifests = 0;
  std::uint64_t bytes = 0;             // in all places
  std::vector<std::string> away = {};  // places that do not answer now; they are not counted
};

// Of one place since the region was opened.
struct PlaceLoad {
  std::string name;
  std::uint64_t reads = 0;  // objects and frames that it gave
};

class Region {
 public:
  // Reads the pack indexes' samples to build the dedup index.
  static Result<std::shared_ptr<Region>> open(RegionOptions options);
  virtual ~Region() = default;

  virtual const std::string& name() const = 0;
  virtual const std::vector<Place>& places() const = 0;

  // Stores a disk: its new blocks in packs, then its manifest, durable in this order at the first
  // place. The size is rounded up to whole blocks with zeros. A repeat finds what is there.
  virtual Result<Written> write(const DiskReader& disk, const WriteOptions& options) = 0;

  virtual Result<Description> describe(const Digest& manifest) const = 0;

  // Makes this region hold the image whole on as many places as asked and there are: local takes
  // places of one zone, one that answers; zone takes one in every zone, and waits for none that
  // does not answer (unavailable); premium takes only places that are marked so (invalid when there
  // is none). Fetches only packs that no place here has, from `source` (which may be this region),
  // verified, in parallel; a repeat goes on where it was. Fewer places than replicas is not an
  // error: Copied says what there is.
  virtual Result<Copied> copy_from(const Region& source, const Digest& manifest,
                                   const CopyOptions& options) = 0;

  // The disk of a manifest. What this region lacks is read from `elsewhere`, in that order, so a
  // disk can be read before its copy is complete.
  virtual Result<std::shared_ptr<DiskReader>> open_disk(
      const Digest& manifest, std::vector<std::shared_ptr<const Region>> elsewhere = {}) const = 0;

  // Sets aside every object that no live manifest needs and no pin holds. `live` is asked once,
  // after the sweep has begun to note pins, so an image whose row was written before its pin was
  // let go is never lost. Objects set aside earlier stay until purge.
  virtual Result<Swept> sweep(const std::function<Result<std::vector<Digest>>()>& live) = 0;
  virtual Result<std::uint64_t> purge(Seconds older_than) = 0;

  virtual Result<Usage> usage() const = 0;

  // Reads are spread: each frame has a place of its own that is asked first, so that all copies of
  // an image serve.
  virtual std::vector<PlaceLoad> loads() const = 0;
};

// The image digest of a disk, computed by reading it: what a client checks an upload with.
Result<Digest> image_digest(const DiskReader& disk, std::size_t lanes, const Progress& progress);

}  // namespace pinaco::store
