// A manifest: a disk as runs of zeros or of (pack, first slot), in segments of 1 GiB that are
// coded one by one; the byte layout is in docs/formats.md. Its name is its SHA-256.
//
// Threads: a Manifest may be read from any thread; a ManifestWriter belongs to one. Lifetime:
// segments handed out live on their own. Limits: disk_bytes_max, manifest_bytes_max; at most
// 16 MiB of decoded segments are kept. Errors: corrupt for any bytes that are not a manifest.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/digest.h"
#include "store/store.h"

namespace pinaco::store {

inline constexpr std::uint64_t segment_blocks = std::uint64_t{1} << 18;
inline constexpr std::size_t manifest_bytes_max = 256 << 20;
inline constexpr std::uint32_t no_pack = 0xffffffff;  // a run of zeros

// A line of the pack table. Two lines may name one pack: `base` is added to the slots of the
// runs, so that runs written before two packs were merged need not change.
struct PackLine {
  Digest pack;
  std::uint32_t base = 0;
  bool operator==(const PackLine&) const = default;
};

struct Run {
  std::uint32_t first = 0;  // block, counted from the start of the segment
  std::uint32_t count = 0;
  std::uint32_t line = no_pack;  // of the pack table
  std::uint32_t slot = 0;        // base included
};

using Segment = std::vector<Run>;  // covers the segment without gaps

class Manifest {
 public:
  static Result<std::shared_ptr<const Manifest>> parse(Bytes bytes, const Digest& name);

  const Digest& name() const { return name_; }
  const Digest& image() const { return image_; }
  std::uint64_t size_bytes() const { return size_bytes_; }
  std::uint64_t blocks() const { return size_bytes_ / block_bytes; }
  std::uint64_t data_blocks() const { return data_blocks_; }
  std::uint64_t runs() const { return runs_; }
  const std::vector<PackLine>& lines() const { return lines_; }
  std::vector<Digest> packs() const;  // each once, in order of first use
  const Bytes& bytes() const { return bytes_; }

  std::size_t segments() const { return parts_.size(); }
  Result<std::shared_ptr<const Segment>> segment(std::size_t number) const;

 private:
  struct Part {
    std::size_t offset = 0;
    std::uint32_t stored_bytes = 0;  // 0: all zeros
    std::uint32_t raw_bytes = 0;
    std::uint32_t runs = 0;
  };
  Result<Segment> decode(std::size_t number) const;
  std::uint64_t blocks_of(std::size_t number) const;

  Bytes bytes_;
  Digest name_;
  Digest image_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t data_blocks_ = 0;
  std::uint64_t runs_ = 0;
  std::vector<PackLine> lines_;
  std::vector<Part> parts_;

  struct Decoded {
    std::size_t number = 0;
    std::shared_ptr<const Segment> segment;
  };
  mutable std::mutex mutex_;
  mutable std::list<Decoded> decoded_;  // the last used first
  mutable std::size_t decoded_runs_ = 0;
};

// The run of `segment` that holds block `block` (counted from its start).
const Run& run_at(const Segment& segment, std::uint64_t block);

// A run as it is collected: `ref` stands for a pack that may have no name yet.
struct DraftRun {
  std::uint32_t count = 0;
  std::uint32_t ref = no_pack;
  std::uint32_t slot = 0;
};

// Appends `run`, as part of the last one where it goes on.
void append_run(std::vector<DraftRun>& runs, const DraftRun& run);

class ManifestWriter {
 public:
  // The next segment, from left to right.
  void add(std::span<const DraftRun> runs);
  // `line_of` says what became of each ref.
  std::uint64_t data_blocks() const { return data_blocks_; }
  Bytes finish(std::uint64_t size_bytes, const Digest& image,
               const std::function<PackLine(std::uint32_t ref)>& line_of) const;

 private:
  struct Part {
    std::uint32_t stored_bytes = 0;
    std::uint32_t raw_bytes = 0;
    std::uint32_t runs = 0;
  };
  std::uint32_t line_number(std::uint32_t ref);

  std::unordered_map<std::uint32_t, std::uint32_t> numbers_;  // ref → line
  std::vector<std::uint32_t> refs_;                           // by line
  std::vector<Part> parts_;
  Bytes body_;
  std::uint64_t data_blocks_ = 0;
  std::uint64_t runs_ = 0;
};

}  // namespace pinaco::store
