// A disk that is a piece of a source as it stands: a raw image, or the data of a fixed VHD.
#pragma once

#include "format/format.h"

namespace pinaco::format {

// The first size_bytes of the source.
std::unique_ptr<DiskReader> plain_disk(std::shared_ptr<Source> source, std::uint64_t size_bytes);
Result<Opened> open_raw(std::shared_ptr<Source> source);

// Collects extents in order, joining neighbours of one kind.
class ExtentList {
 public:
  void add(std::uint64_t offset, std::uint64_t length, bool zero) {
    if (length == 0) return;
    if (!extents_.empty() && extents_.back().zero == zero) {
      extents_.back().length += length;
    } else {
      extents_.push_back({offset, length, zero});
    }
  }
  // What the source says of `length` bytes from `from` on, as seen at `offset` of the disk.
  Result<> add_from(const Source& source, std::uint64_t from, std::uint64_t offset,
                    std::uint64_t length);
  std::vector<Extent> take() { return std::move(extents_); }

 private:
  std::vector<Extent> extents_;
};

}  // namespace pinaco::format
