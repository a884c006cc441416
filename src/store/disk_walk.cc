// The lanes take units in disk order, so the segments that are open at one time are few, and a
// segment can be coded and its memory given back as soon as the last of its units came in.
#include "store/disk_walk.h"

#include <fmt/format.h>

#include <algorithm>

#include "os/lanes.h"
#include "store/block_hash.h"

namespace pinaco::store {
namespace {

constexpr std::size_t units_per_segment = segment_blocks / unit_blocks;
// Read, scanned and hashed while it is in the nearest cache.
constexpr std::size_t bite_bytes = 256 << 10;

// The parts of `extents` that may hold data, widened to whole blocks and joined.
std::vector<Extent> data_of(const std::vector<Extent>& extents, std::uint64_t end) {
  std::vector<Extent> data;
  for (const Extent& extent : extents) {
    if (extent.zero || extent.length == 0) continue;
    const std::uint64_t first = extent.offset / block_bytes * block_bytes;
    const std::uint64_t past = std::min(
        (extent.offset + extent.length + block_bytes - 1) / block_bytes * block_bytes, end);
    if (!data.empty() && first <= data.back().offset + data.back().length) {
      data.back().length =
          std::max(data.back().offset + data.back().length, past) - data.back().offset;
    } else {
      data.push_back({.offset = first, .length = past - first});
    }
  }
  return data;
}

std::uint64_t data_bytes_of(const std::vector<Extent>& extents) {
  std::uint64_t sum = 0;
  for (const Extent& extent : extents) sum += extent.zero ? 0 : extent.length;
  return sum;
}

}  // namespace

// --- UnitReader
// -----------------------------------------------------------------------------------

UnitReader::UnitReader() : buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(unit_bytes)) {
  positions_.reserve(unit_blocks);
  digests_.reserve(unit_blocks);
  leaves_.reserve(unit_blocks);
}

Result<> UnitReader::read(const DiskReader& disk, const Unit& unit) {
  const std::uint64_t start = unit.number * unit_bytes;
  const std::uint64_t disk_blocks = (disk.size_bytes() + block_bytes - 1) / block_bytes;
  blocks_ = static_cast<std::size_t>(
      std::min<std::uint64_t>(unit_blocks, disk_blocks - unit.number * unit_blocks));
  positions_.clear();
  digests_.clear();
  for (const Extent& extent : unit.data) {
    for (std::uint64_t done = 0; done < extent.length; done += bite_bytes) {
      const auto length =
          static_cast<std::size_t>(std::min<std::uint64_t>(bite_bytes, extent.length - done));
      const auto at = static_cast<std::size_t>(extent.offset + done - start);
      const MutableBytes into(buffer_.get() + at, length);
      TRY(disk.read(extent.offset + done, into));
      // Only the disk's last block can be short; the rest of it is zeros.
      const std::size_t padded = (length + block_bytes - 1) / block_bytes * block_bytes;
      std::memset(into.data() + length, 0, padded - length);
      scan(at / block_bytes, (at + padded) / block_bytes);
    }
  }
  return {};
}

void UnitReader::scan(std::size_t first, std::size_t end) {
  messages_.clear();
  for (std::size_t position = first; position < end; ++position) {
    const std::uint8_t* const block = buffer_.get() + position * block_bytes;
    if (is_zero(ByteView(block, block_bytes))) continue;
    positions_.push_back(static_cast<std::uint32_t>(position));
    messages_.push_back(block);
  }
  const std::size_t before = digests_.size();
  digests_.resize(before + messages_.size());
  hash_equal(messages_, block_bytes, std::span(digests_).subspan(before));
}

std::vector<Subtree> UnitReader::subtrees() {
  if (positions_.empty()) return zero_subtrees(blocks_);
  leaves_.assign(blocks_, zero_block_digest());
  for (std::size_t i = 0; i < positions_.size(); ++i) leaves_[positions_[i]] = digests_[i];
  return subtrees_of(leaves_);
}

// --- DiskWalk
// -------------------------------------------------------------------------------------

DiskWalk::DiskWalk(const DiskReader& disk, const Progress& progress, TakeSegment take)
    : disk_(disk),
      progress_(progress),
      take_(std::move(take)),
      blocks_((disk.size_bytes() + block_bytes - 1) / block_bytes),
      segments_((blocks_ + segment_blocks - 1) / segment_blocks) {}

Result<> DiskWalk::begin() {
  if (disk_.size_bytes() == 0) return fail(Kind::invalid, "The disk is empty: it has 0 bytes.");
  if (disk_.size_bytes() > disk_bytes_max) {
    return fail(Kind::invalid, fmt::format("The disk has {} bytes; the most that can be stored "
                                           "are {}.",
                                           disk_.size_bytes(), disk_bytes_max));
  }
  if (!progress_) return {};
  constexpr std::uint64_t step = segment_blocks * block_bytes;
  for (std::uint64_t offset = 0; offset < disk_.size_bytes(); offset += step) {
    const std::uint64_t length = std::min(step, disk_.size_bytes() - offset);
    data_bytes_ += data_bytes_of(TRY(disk_.extents(offset, length)));
  }
  if (!progress_(0, data_bytes_)) return fail(Kind::cancelled, "Cancelled before it began.");
  return {};
}

Result<std::optional<Unit>> DiskWalk::next() {
  const std::lock_guard lock(plan_mutex_);
  while (planned_.empty() && next_segment_ < segments_) TRY(plan_segment());
  TRY(check_running());
  if (planned_.empty()) return std::nullopt;
  Unit unit = std::move(planned_.front());
  planned_.pop_front();
  return unit;
}

// Finds the units with data of the next segment.
Result<> DiskWalk::plan_segment() {
  constexpr std::uint64_t segment_bytes = segment_blocks * block_bytes;
  const std::uint64_t offset = next_segment_ * segment_bytes;
  const std::uint64_t end = std::min(offset + segment_bytes, disk_.size_bytes());
  const auto extents = TRY(disk_.extents(offset, end - offset));
  std::vector<Unit> units;
  for (const Extent& extent : data_of(extents, end)) {
    for (std::uint64_t at = extent.offset; at < extent.offset + extent.length;) {
      const std::uint64_t number = at / unit_bytes;
      const std::uint64_t past = std::min(extent.offset + extent.length, (number + 1) * unit_bytes);
      if (units.empty() || units.back().number != number) units.push_back({.number = number});
      units.back().data.push_back({.offset = at, .length = past - at});
      at = past;
    }
  }
  for (Unit& unit : units) unit.data_bytes = data_bytes_of(unit.data);
  TRY(open_segment(next_segment_, units.size()));
  planned_.insert(planned_.end(), std::make_move_iterator(units.begin()),
                  std::make_move_iterator(units.end()));
  ++next_segment_;
  return {};
}

Result<> DiskWalk::open_segment(std::uint64_t segment, std::size_t units) {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [&] { return stopped_ || segment < closed_ + segments_ahead_max; });
  if (stopped_) return std::unexpected(*stopped_);
  open_[segment].missing = units;
  close_segments();
  return {};
}

Result<> DiskWalk::finish(const Unit& unit, std::vector<Subtree> subtrees,
                          std::vector<DraftRun> runs) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return std::unexpected(*stopped_);
    OpenSegment& open = open_.at(unit.number / units_per_segment);
    open.units[unit.number] = {.subtrees = std::move(subtrees), .runs = std::move(runs)};
    --open.missing;
    close_segments();
  }
  if (!progress_) return {};
  const std::lock_guard lock(progress_mutex_);
  done_bytes_ += unit.data_bytes;
  if (!progress_(std::min(done_bytes_, data_bytes_), data_bytes_)) {
    return fail(Kind::cancelled, "Cancelled while the disk was read.");
  }
  return {};
}

void DiskWalk::close_segments() {
  for (auto first = open_.begin(); first != open_.end(); first = open_.erase(first)) {
    if (first->first != closed_ || first->second.missing > 0) break;
    close_segment(first->first, first->second);
    ++closed_;
  }
  moved_.notify_all();
}

void DiskWalk::close_segment(std::uint64_t segment, OpenSegment& open) {
  std::vector<DraftRun> runs;
  const std::uint64_t first = segment * units_per_segment;
  const std::uint64_t units = (blocks_ + unit_blocks - 1) / unit_blocks;
  for (std::uint64_t number = first; number < std::min(first + units_per_segment, units);
       ++number) {
    const std::uint64_t blocks = blocks_of_unit(number);
    const auto found = open.units.find(number);
    if (found == open.units.end()) {
      for (const Subtree& subtree : zero_subtrees(blocks)) tree_.push(subtree);
      append_run(runs, {.count = static_cast<std::uint32_t>(blocks)});
      continue;
    }
    for (const Subtree& subtree : found->second.subtrees) tree_.push(subtree);
    for (const DraftRun& run : found->second.runs) append_run(runs, run);
  }
  if (take_) take_(runs);
}

std::uint64_t DiskWalk::blocks_of_unit(std::uint64_t unit) const {
  return std::min<std::uint64_t>(unit_blocks, blocks_ - unit * unit_blocks);
}

void DiskWalk::stop(const Error& why) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) stopped_ = why;
  moved_.notify_all();
}

Result<> DiskWalk::check_running() const {
  const std::lock_guard lock(mutex_);
  if (stopped_) return std::unexpected(*stopped_);
  return {};
}

Result<> DiskWalk::run(std::size_t lanes, const std::function<Result<>()>& lane) {
  return os::for_each(lanes, lanes, [&](std::size_t) -> Result<> {
    auto result = lane();
    if (result) return {};
    stop(result.error());
    return check_running();  // the error that was first, whichever lane it came from
  });
}

Digest DiskWalk::image_digest() const {
  const std::lock_guard lock(mutex_);
  CHECK(closed_ == segments_);
  return tree_.image_digest(size_bytes());
}

// --- image_digest
// ---------------------------------------------------------------------------------

Result<Digest> image_digest(const DiskReader& disk, std::size_t lanes, const Progress& progress) {
  DiskWalk walk(disk, progress, {});
  TRY(walk.begin());
  lanes = std::clamp<std::size_t>(lanes, 1, 64);
  TRY(walk.run(lanes, [&]() -> Result<> {
    UnitReader reader;
    while (const auto unit = TRY(walk.next())) {
      TRY(reader.read(disk, *unit));
      TRY(walk.finish(*unit, reader.subtrees(), {}));
    }
    return {};
  }));
  return walk.image_digest();
}

}  // namespace pinaco::store
