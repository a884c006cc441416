// A walk over a disk in units of 8 MiB by several lanes at once: each lane reads a unit, drops
// zero blocks and hashes the others; what the lanes made of the units comes out in disk order,
// segment by segment, with the image digest at the end.
//
// Threads: next and finish from every lane; a UnitReader belongs to one lane. Limits: a lane that
// runs ahead waits once it is segments_ahead_max segments before the slowest. Errors: the first
// one stops the walk and is what everybody gets.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/disk_reader.h"
#include "store/manifest.h"
#include "store/merkle.h"
#include "store/store.h"

namespace pinaco::store {

inline constexpr std::size_t unit_blocks = 2048;
inline constexpr std::size_t unit_bytes = unit_blocks * block_bytes;
inline constexpr unsigned unit_height = 11;
inline constexpr std::size_t segments_ahead_max = 4;

struct Unit {
  std::uint64_t number = 0;
  std::vector<Extent> data;      // in the disk, widened to whole blocks, without zero extents
  std::uint64_t data_bytes = 0;  // as the disk's extents count them
};

// A read unit: its blocks that are not zero, by position, with their digests.
class UnitReader {
 public:
  UnitReader();
  Result<> read(const DiskReader& disk, const Unit& unit);

  std::size_t blocks() const { return blocks_; }  // of the unit, zeros included
  const std::vector<std::uint32_t>& positions() const { return positions_; }
  const std::vector<Digest>& digests() const { return digests_; }
  const std::uint8_t* block_at(std::uint32_t position) const {
    return buffer_.get() + position * block_bytes;
  }
  std::vector<Subtree> subtrees();

 private:
  void scan(std::size_t first, std::size_t end);

  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t blocks_ = 0;
  std::vector<std::uint32_t> positions_;
  std::vector<Digest> digests_;
  std::vector<Digest> leaves_;
  std::vector<const std::uint8_t*> messages_;
};

class DiskWalk {
 public:
  // Called with the runs of each segment, in order, one at a time.
  using TakeSegment = std::function<void(std::span<const DraftRun> runs)>;

  DiskWalk(const DiskReader& disk, const Progress& progress, TakeSegment take);

  // Checks the disk's size; counts its data when there is somebody to tell.
  Result<> begin();
  // The next unit with data, or none at the end.
  Result<std::optional<Unit>> next();
  Result<> finish(const Unit& unit, std::vector<Subtree> subtrees, std::vector<DraftRun> runs);
  // Runs `lane` on so many threads; its first error stops all of them and is returned.
  Result<> run(std::size_t lanes, const std::function<Result<>()>& lane);
  void stop(const Error& why);
  Result<> check_running() const;

  std::uint64_t blocks() const { return blocks_; }
  std::uint64_t size_bytes() const { return blocks_ * block_bytes; }  // rounded up
  Digest image_digest() const;  // once next() has said none and all units are finished

 private:
  struct Done {
    std::vector<Subtree> subtrees;
    std::vector<DraftRun> runs;
  };
  struct OpenSegment {
    std::size_t missing = 0;  // units with data that are not finished
    std::map<std::uint64_t, Done> units;
  };

  Result<> plan_segment();
  Result<> open_segment(std::uint64_t segment, std::size_t units);
  void close_segments();
  void close_segment(std::uint64_t segment, OpenSegment& open);
  std::uint64_t blocks_of_unit(std::uint64_t unit) const;

  const DiskReader& disk_;
  const Progress& progress_;
  const TakeSegment take_;
  std::uint64_t blocks_ = 0;
  std::uint64_t segments_ = 0;
  std::uint64_t data_bytes_ = 0;

  std::mutex plan_mutex_;
  std::deque<Unit> planned_;
  std::uint64_t next_segment_ = 0;

  mutable std::mutex mutex_;  // taken after plan_mutex_
  std::condition_variable moved_;
  std::map<std::uint64_t, OpenSegment> open_;
  std::uint64_t closed_ = 0;  // segments
  Tree tree_;
  std::optional<Error> stopped_;

  std::mutex progress_mutex_;
  std::uint64_t done_bytes_ = 0;
};

}  // namespace pinaco::store
