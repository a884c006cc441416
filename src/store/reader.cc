// A stored disk: manifest → run → pack → frame → bytes. Every frame was checked, block by block,
// before it came into the cache it is served from.
#include <fmt/format.h>

#include <algorithm>

#include "store/local_region.h"

namespace pinaco::store {
namespace {

class StoredDisk final : public DiskReader {
 public:
  StoredDisk(std::shared_ptr<const Manifest> manifest,
             std::vector<std::shared_ptr<const LocalRegion>> sources,
             std::vector<std::shared_ptr<PinSet>> pins)
      : manifest_(std::move(manifest)), sources_(std::move(sources)), pins_(std::move(pins)) {}

  std::uint64_t size_bytes() const override { return manifest_->size_bytes(); }
  Result<> read(std::uint64_t offset, MutableBytes into) const override;
  Result<bool> read_now(std::uint64_t offset, MutableBytes into) const override;
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override;

 private:
  Result<> check_range(std::uint64_t offset, std::uint64_t length) const;
  enum class Reading { now, waiting };
  // False when it should be read now and is not in memory.
  Result<bool> read(std::uint64_t offset, MutableBytes into, Reading reading) const;
  Result<bool> read_run(const Run& run, std::uint64_t skip_bytes, MutableBytes into,
                        std::uint64_t offset, Reading reading) const;
  Result<Bytes> load_frame(const FrameKey& key, std::uint64_t offset, std::uint64_t length) const;

  const std::shared_ptr<const Manifest> manifest_;
  const std::vector<std::shared_ptr<const LocalRegion>> sources_;  // the first one's cache is used
  const std::vector<std::shared_ptr<PinSet>> pins_;
};

constexpr std::uint64_t segment_bytes = segment_blocks * block_bytes;
constexpr std::size_t disks_remembered_max = 4096;

Result<> StoredDisk::check_range(std::uint64_t offset, std::uint64_t length) const {
  if (offset <= size_bytes() && length <= size_bytes() - offset) return {};
  return fail(Kind::invalid, fmt::format("{} bytes from {} on are not inside the disk of {} bytes.",
                                         length, offset, size_bytes()));
}

Result<> StoredDisk::read(std::uint64_t offset, MutableBytes into) const {
  TRY(read(offset, into, Reading::waiting));
  return {};
}

Result<bool> StoredDisk::read_now(std::uint64_t offset, MutableBytes into) const {
  return read(offset, into, Reading::now);
}

Result<bool> StoredDisk::read(std::uint64_t offset, MutableBytes into, Reading reading) const {
  TRY(check_range(offset, into.size()));
  while (!into.empty()) {
    const auto segment = TRY(manifest_->segment(offset / segment_bytes));
    const std::uint64_t in_segment = offset % segment_bytes;
    const Run& run = run_at(*segment, in_segment / block_bytes);
    const std::uint64_t skip = in_segment - run.first * block_bytes;
    const auto length = static_cast<std::size_t>(
        std::min<std::uint64_t>(into.size(), run.count * block_bytes - skip));
    if (!TRY(read_run(run, skip, into.first(length), offset, reading))) return false;
    into = into.subspan(length);
    offset += length;
  }
  return true;
}

Result<bool> StoredDisk::read_run(const Run& run, std::uint64_t skip_bytes, MutableBytes into,
                                  std::uint64_t offset, Reading reading) const {
  if (run.line == no_pack) {
    std::memset(into.data(), 0, into.size());
    return true;
  }
  const Digest& pack = manifest_->lines()[run.line].pack;
  std::uint64_t at = run.slot * block_bytes + skip_bytes;  // as if all frames were full
  while (!into.empty()) {
    const FrameKey key{.pack = pack, .frame = static_cast<std::uint32_t>(at / frame_bytes_max)};
    const std::uint64_t in_frame = at % frame_bytes_max;
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), frame_bytes_max - in_frame));
    // By reference: the function object is made for every read and should need no memory.
    const auto load = [&] { return load_frame(key, offset, length); };
    auto& frames = sources_.front()->frames();
    const auto frame =
        reading == Reading::now ? frames.find(key) : TRY(frames.get(key, std::cref(load)));
    if (!frame) return false;
    if (in_frame + length > frame->size()) {
      return fail(Kind::corrupt, fmt::format("Bytes {} to {} of the disk: pack {} has no such "
                                             "blocks.",
                                             offset, offset + length, pack.hex()));
    }
    std::memcpy(into.data(), frame->data() + in_frame, length);
    into = into.subspan(length);
    at += length;
    offset += length;
  }
  return true;
}

Result<Bytes> StoredDisk::load_frame(const FrameKey& key, std::uint64_t offset,
                                     std::uint64_t length) const {
  Error worst{.kind = Kind::unavailable, .message = "no region has the pack"};
  for (const auto& region : sources_) {
    auto bytes = region->fetch_frame(key.pack, key.frame);
    if (bytes) return bytes;
    if (bytes.error().kind == Kind::not_found || worst.kind == Kind::corrupt) continue;
    worst = std::move(bytes.error());
  }
  if (worst.kind != Kind::corrupt) worst.kind = Kind::unavailable;
  worst.message = fmt::format("Bytes {} to {} of the disk cannot be read (pack {}, frame {}): {}",
                              offset, offset + length, key.pack.hex(), key.frame, worst.message);
  return std::unexpected(std::move(worst));
}

Result<std::vector<Extent>> StoredDisk::extents(std::uint64_t offset, std::uint64_t length) const {
  TRY(check_range(offset, length));
  std::vector<Extent> extents;
  while (length > 0) {
    const auto segment = TRY(manifest_->segment(offset / segment_bytes));
    const std::uint64_t in_segment = offset % segment_bytes;
    const Run& run = run_at(*segment, in_segment / block_bytes);
    const std::uint64_t run_end = (std::uint64_t{run.first} + run.count) * block_bytes;
    const std::uint64_t part = std::min(length, run_end - in_segment);
    const bool zero = run.line == no_pack;
    if (!extents.empty() && extents.back().zero == zero) {
      extents.back().length += part;
    } else {
      extents.push_back({.offset = offset, .length = part, .zero = zero});
    }
    offset += part;
    length -= part;
  }
  return extents;
}

}  // namespace

Result<std::shared_ptr<DiskReader>> LocalRegion::open_disk(
    const Digest& manifest, std::vector<std::shared_ptr<const Region>> elsewhere) const {
  std::vector<std::shared_ptr<const LocalRegion>> sources = {shared_from_this()};
  for (const auto& region : elsewhere) {
    auto local = std::dynamic_pointer_cast<const LocalRegion>(region);
    CHECK(local != nullptr);
    if (local != sources.front()) sources.push_back(std::move(local));
  }
  std::vector<const LocalRegion*> names;
  for (const auto& region : sources) names.push_back(region.get());
  {
    const std::lock_guard lock(opened_mutex_);
    const auto found = opened_.find(manifest);
    if (found != opened_.end() && found->second.sources == names) {
      if (auto disk = found->second.disk.lock()) return disk;
    }
  }
  auto disk = TRY(open_new(manifest, std::move(sources)));
  const std::lock_guard lock(opened_mutex_);
  if (opened_.size() >= disks_remembered_max) {
    std::erase_if(opened_, [](const auto& entry) { return entry.second.disk.expired(); });
  }
  opened_[manifest] = {.sources = std::move(names), .disk = disk};
  return disk;
}

Result<std::shared_ptr<DiskReader>> LocalRegion::open_new(const Digest& manifest,
                                                          Sources sources) const {
  // Pinned first, so that a sweep which begins now cannot take what was found.
  std::vector<std::shared_ptr<PinSet>> pins;
  for (const auto& region : sources) {
    pins.push_back(region->make_pins());
    pins.back()->pin({.kind = ObjectKind::manifest, .digest = manifest});
  }
  std::optional<Error> first;
  std::shared_ptr<const Manifest> found;
  for (const auto& region : sources) {
    auto fetched = region->fetch_manifest(manifest);
    if (fetched) {
      found = std::move(*fetched);
      break;
    }
    if (!first || first->kind == Kind::not_found) first = std::move(fetched.error());
  }
  if (!found) return std::unexpected(std::move(*first));
  for (const Digest& pack : found->packs()) {
    for (const auto& set : pins) set->pin({.kind = ObjectKind::pack, .digest = pack});
  }
  return std::make_shared<StoredDisk>(std::move(found), std::move(sources), std::move(pins));
}

}  // namespace pinaco::store
