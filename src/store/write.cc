// Writing a disk into a region. Lanes take units of 8 MiB, look for their blocks, and put what is
// new into a pack of their own, in disk order; full packs go to a background lane that makes
// them durable meanwhile; the manifest is put when all packs are.
//
// Memory for any disk: per lane 8 MiB of blocks and a pack buffer of 4.25 MiB, and three more
// pack buffers that are on their way out: 62 MiB with four lanes.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "os/lanes.h"
#include "store/disk_walk.h"
#include "store/local_region.h"

namespace pinaco::store {
namespace {

constexpr std::size_t lanes_max = 4;
constexpr std::size_t put_lanes = 2;
constexpr std::size_t put_queue_max = 1;

ObjectName pack_name(const Digest& digest) {
  return {.kind = ObjectKind::pack, .digest = digest};
}

class Import {
 public:
  Import(const LocalRegion& region, const DiskReader& disk, const WriteOptions& options);
  Result<Written> run();

 private:
  // What one lane fills.
  struct OpenPack {
    PackBuilder builder;
    DedupSession::Open open;
    Bytes pending;  // blocks of the frame that is not full
  };
  struct Lane {
    UnitReader reader;
    std::shared_ptr<Compressor> compressor = make_compressor();
    std::unique_ptr<OpenPack> pack;
    DedupSession::Hint hint;
    std::vector<DedupSession::Placed> placed;
    std::vector<const std::uint8_t*> fresh;  // of the frame being filled, in the unit's buffer
  };

  void load_parents();
  void load_wanted(std::span<const Digest> digests);
  Result<> run_lane();
  Result<> place_unit(Lane& lane);
  Result<> close_frame(Lane& lane);
  void keep_pending(Lane& lane);
  std::vector<DraftRun> runs_of(const Lane& lane) const;
  std::unique_ptr<OpenPack> open_pack(Lane& lane);
  Result<> seal(OpenPack& pack);
  Result<> put(std::shared_ptr<SealedPack> sealed);
  Result<> finish_packs();
  Result<Written> put_manifest();
  PackBuffer take_buffer();

  const LocalRegion& region_;
  const DiskReader& disk_;
  const WriteOptions& options_;
  const std::shared_ptr<PinSet> pins_;
  DedupSession session_;
  ManifestWriter manifest_;
  DiskWalk walk_;

  std::mutex mutex_;
  std::vector<PackBuffer> buffers_;                 // free
  std::vector<std::unique_ptr<OpenPack>> partial_;  // of lanes that are done
  Written written_;

  os::Lanes puts_{put_lanes, put_queue_max};  // the last: its jobs use what is above
};

Import::Import(const LocalRegion& region, const DiskReader& disk, const WriteOptions& options)
    : region_(region),
      disk_(disk),
      options_(options),
      pins_(region.make_pins()),
      session_(region.dedup(), pins_),
      walk_(disk, options.progress,
            [this](std::span<const DraftRun> runs) { manifest_.add(runs); }) {}

Result<Written> Import::run() {
  TRY(walk_.begin());
  load_parents();
  const std::size_t lanes = std::clamp<std::size_t>(options_.lanes, 1, lanes_max);
  auto walked = walk_.run(lanes, [this] { return run_lane(); });
  if (walked) walked = finish_packs();
  puts_.drain();
  TRY(walked);
  TRY(walk_.check_running());  // a put may have failed last
  return put_manifest();
}

// --- lanes
// ------------------------------------------------------------------------------------------

// The packs of the parents are the likeliest to have the blocks; a parent that is not here only
// costs time.
void Import::load_parents() {
  std::size_t room = region_.dedup().packs_loaded_max() / 2;
  for (const Digest& parent : options_.parents) {
    const auto manifest = region_.fetch_manifest(parent);
    if (!manifest) continue;
    for (const Digest& pack : (*manifest)->packs()) {
      if (room == 0) return;
      if (region_.dedup().is_loaded(pack)) continue;
      const auto index = region_.fetch_index(pack);
      if (!index) continue;
      region_.dedup().load(pack, *index);
      --room;
    }
  }
}

void Import::load_wanted(std::span<const Digest> digests) {
  for (const Digest& pack : session_.wanted(digests)) {
    const auto index = region_.fetch_index(pack);
    if (index) {
      region_.dedup().load(pack, *index);
    } else {
      region_.dedup().remove(pack);  // damaged or gone: its blocks are stored again
    }
  }
}

Result<> Import::run_lane() {
  Lane lane;
  while (const auto unit = TRY(walk_.next())) {
    TRY(lane.reader.read(disk_, *unit));
    load_wanted(lane.reader.digests());
    TRY(place_unit(lane));
    TRY(walk_.finish(*unit, lane.reader.subtrees(), runs_of(lane)));
  }
  if (lane.pack) {
    const std::lock_guard lock(mutex_);
    partial_.push_back(std::move(lane.pack));
  }
  return {};
}

Result<> Import::place_unit(Lane& lane) {
  const std::span<const Digest> digests = lane.reader.digests();
  lane.placed.clear();
  std::size_t done = 0;
  while (done < digests.size()) {
    if (!lane.pack) lane.pack = open_pack(lane);
    const std::size_t pending = lane.pack->pending.size() / block_bytes + lane.fresh.size();
    const std::size_t placed = session_.place(digests.subspan(done), frame_blocks - pending,
                                              lane.pack->open, lane.hint, lane.placed);
    for (std::size_t i = done; i < done + placed; ++i) {
      if (!lane.placed[i].fresh) continue;
      lane.fresh.push_back(lane.reader.block_at(lane.reader.positions()[i]));
    }
    done += placed;
    TRY(close_frame(lane));
  }
  keep_pending(lane);
  return {};
}

// Compresses the frame when it is full, and seals the pack when that is.
Result<> Import::close_frame(Lane& lane) {
  OpenPack& pack = *lane.pack;
  if (pack.pending.size() / block_bytes + lane.fresh.size() < frame_blocks) return {};
  const bool in_one_piece =
      pack.pending.empty() &&
      lane.fresh.back() == lane.fresh.front() + (frame_bytes_max - block_bytes);
  if (in_one_piece) {
    pack.builder.append_frame({lane.fresh.front(), frame_bytes_max});
    lane.fresh.clear();
  } else {
    keep_pending(lane);
    pack.builder.append_frame(pack.pending);
    pack.pending.clear();
  }
  if (!pack.builder.is_full()) return {};
  const auto full = std::move(lane.pack);
  return seal(*full);
}

void Import::keep_pending(Lane& lane) {
  for (const std::uint8_t* block : lane.fresh) {
    append(lane.pack->pending, ByteView(block, block_bytes));
  }
  lane.fresh.clear();
}

std::vector<DraftRun> Import::runs_of(const Lane& lane) const {
  std::vector<DraftRun> runs;
  std::uint32_t next = 0;
  const auto& positions = lane.reader.positions();
  for (std::size_t i = 0; i < positions.size(); ++i) {
    append_run(runs, {.count = positions[i] - next});
    append_run(runs, {.count = 1, .ref = lane.placed[i].ref, .slot = lane.placed[i].slot});
    next = positions[i] + 1;
  }
  append_run(runs, {.count = static_cast<std::uint32_t>(lane.reader.blocks()) - next});
  return runs;
}

// --- packs
// ------------------------------------------------------------------------------------------

std::unique_ptr<Import::OpenPack> Import::open_pack(Lane& lane) {
  auto pack = std::make_unique<OpenPack>(
      OpenPack{.builder = {take_buffer(), lane.compressor}, .open = {}, .pending = {}});
  pack->pending.reserve(frame_bytes_max);
  pack->open = session_.open(pack->builder.digests());
  return pack;
}

Result<> Import::seal(OpenPack& pack) {
  auto sealed = std::make_shared<SealedPack>(std::move(pack.builder).seal());
  session_.seal(pack.open, sealed->name, sealed->index);
  pins_->pin(pack_name(sealed->name));
  TRY(walk_.check_running());
  puts_.run([this, sealed, open = pack.open] {
    auto result = put(sealed);
    if (result) {
      session_.publish(open);
    } else {
      walk_.stop(result.error());
    }
  });
  return {};
}

Result<> Import::put(std::shared_ptr<SealedPack> sealed) {
  TRY(region_.put(region_.places().front(), pack_name(sealed->name), sealed->parts()));
  const std::lock_guard lock(mutex_);
  written_.new_blocks += sealed->index->blocks();
  written_.stored_bytes += sealed->size_bytes();
  buffers_.push_back(std::move(sealed->buffer));
  return {};
}

// The lanes' last packs, joined where they fit together: an image that adds little leaves one
// small pack, not one a lane. Where a pack went is said by its line in the manifest's pack table.
Result<> Import::finish_packs() {
  struct Moved {
    std::uint32_t ref = 0;
    std::size_t host = 0;
    std::uint32_t base = 0;
  };
  std::vector<std::unique_ptr<OpenPack>> hosts;
  std::vector<Moved> moved;
  // Out of the table first, which looks into the digests that change now.
  for (const auto& pack : partial_) session_.give_up(pack->open);
  for (auto& pack : partial_) {
    if (!pack->pending.empty()) pack->builder.append_frame(pack->pending);
    if (pack->builder.is_empty()) continue;
    std::optional<std::uint32_t> base;
    for (std::size_t host = 0; host < hosts.size() && !base; ++host) {
      base = hosts[host]->builder.absorb(pack->builder);
      if (base) moved.push_back({.ref = pack->open.ref, .host = host, .base = *base});
    }
    if (!base) hosts.push_back(std::move(pack));
  }
  std::vector<Digest> names;
  for (const auto& pack : hosts) {
    const auto sealed = std::make_shared<SealedPack>(std::move(pack->builder).seal());
    names.push_back(sealed->name);
    session_.name_ref(pack->open.ref, {.pack = sealed->name, .base = 0});
    pins_->pin(pack_name(sealed->name));
    TRY(put(sealed));
    region_.dedup().add(sealed->name, sealed->index->samples());
    region_.dedup().load(sealed->name, sealed->index);
  }
  for (const Moved& pack : moved) {
    session_.name_ref(pack.ref, {.pack = names[pack.host], .base = pack.base});
  }
  return {};
}

Result<Written> Import::put_manifest() {
  written_.image = walk_.image_digest();
  const Bytes bytes = manifest_.finish(walk_.size_bytes(), written_.image,
                                       [this](std::uint32_t ref) { return session_.line_of(ref); });
  if (bytes.size() > manifest_bytes_max) {
    return fail(Kind::invalid, fmt::format("The disk is in too many pieces: its manifest would "
                                           "have {} bytes, {} are allowed.",
                                           bytes.size(), manifest_bytes_max));
  }
  written_.manifest = Digest::of(bytes);
  const ObjectName name{.kind = ObjectKind::manifest, .digest = written_.manifest};
  pins_->pin(name);
  const ByteView parts[] = {bytes};
  TRY(region_.put(region_.places().front(), name, parts));
  written_.size_bytes = walk_.size_bytes();
  written_.blocks = walk_.blocks();
  written_.data_blocks = manifest_.data_blocks();
  written_.stored_bytes += bytes.size();
  written_.pin = Pin(pins_);
  return std::move(written_);
}

// Buffers go round: fresh pages for every pack would cost more than to hash it.
PackBuffer Import::take_buffer() {
  const std::lock_guard lock(mutex_);
  if (buffers_.empty()) return make_pack_buffer();
  PackBuffer buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

}  // namespace

Result<Written> LocalRegion::write(const DiskReader& disk, const WriteOptions& options) {
  return Import(*this, disk, options).run();
}

}  // namespace pinaco::store
