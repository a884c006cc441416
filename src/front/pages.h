// What page blobs have in common, be they behind signed links or in storage accounts: pages that
// are written, the list of those that are there, and reading a range. Inside this room only.
#pragma once

#include <functional>
#include <vector>

#include "base/disk_reader.h"
#include "front/blob_words.h"

namespace pinaco::front {

struct PageWrite {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool clear = false;
};
// Put Page, checked: whole pages inside the blob, a body as long as the range, its MD5.
Result<PageWrite> page_write_of(const http::Request& request, std::uint64_t size_bytes);

// Get Page Ranges, of a range or of the whole: pages are whole, a part of one counts. Refused with
// OutOfRangeInput when there are more than page_ranges_max.
inline constexpr std::size_t page_ranges_max = 100'000;
using ListExtents =
    std::function<Result<std::vector<Extent>>(std::uint64_t offset, std::uint64_t length)>;
Result<http::Reply> page_list(std::optional<Range> asked, std::uint64_t size_bytes,
                              const ListExtents& list);

// A range of something that reads as a body. `live` is asked now and then: what was revoked ends in
// the middle.
using ReadBytes = std::function<Result<>(std::uint64_t offset, MutableBytes into)>;
http::BodyStream stream_range(Range range, ReadBytes read, std::function<Result<bool>()> live);

}  // namespace pinaco::front
