// Reads past the end of the disk below are zeros.
#include "app/padded_disk.h"

#include <algorithm>

namespace pinaco::app {

std::uint64_t padded_bytes(std::uint64_t size_bytes) {
  constexpr std::uint64_t mib = 1 << 20;
  return std::max((size_bytes + mib - 1) / mib * mib, 20 * mib);
}

Result<> PaddedDisk::read(std::uint64_t offset, MutableBytes into) const {
  if (offset > size_bytes_ || into.size() > size_bytes_ - offset) {
    return fail(Kind::invalid, "A read goes past the end of the disk.");
  }
  const std::uint64_t end = disk_.size_bytes();
  const auto there = static_cast<std::size_t>(
      offset >= end ? 0 : std::min<std::uint64_t>(into.size(), end - offset));
  if (there > 0) TRY(disk_.read(offset, into.first(there)));
  std::ranges::fill(into.subspan(there), std::uint8_t{0});
  return {};
}

Result<std::vector<Extent>> PaddedDisk::extents(std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_bytes_ || length > size_bytes_ - offset) {
    return fail(Kind::invalid, "A range goes past the end of the disk.");
  }
  const std::uint64_t end = disk_.size_bytes();
  std::vector<Extent> result;
  const std::uint64_t there = offset >= end ? 0 : std::min(length, end - offset);
  if (there > 0) result = TRY(disk_.extents(offset, there));
  if (there < length) {
    result.push_back({.offset = offset + there, .length = length - there, .zero = true});
  }
  return result;
}

}  // namespace pinaco::app
