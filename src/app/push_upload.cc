// The upload's plan and its lanes.
#include "app/push_upload.h"

#include <algorithm>
#include <atomic>

#include "os/lanes.h"

namespace pinaco::app {
namespace {

constexpr std::uint64_t window_bytes = std::uint64_t{1} << 30;  // of extents asked for at once

std::uint64_t chunk_length(std::uint64_t size_bytes, std::uint64_t offset) {
  return std::min(chunk_bytes, size_bytes - offset);
}

// Whether one of the sorted ranges covers the chunk; they are merged, so one must do it alone.
bool covers(const std::vector<Extent>& ranges, std::uint64_t offset, std::uint64_t length) {
  const auto after = std::ranges::upper_bound(ranges, offset, {}, &Extent::offset);
  if (after == ranges.begin()) return false;
  const auto& range = *std::prev(after);
  return range.offset + range.length >= offset + length;
}

}  // namespace

Result<UploadPlan> plan_upload(const DiskReader& disk, const std::vector<Extent>& arrived) {
  const std::uint64_t size = disk.size_bytes();
  UploadPlan plan;
  std::uint64_t next = 0;  // the first chunk not yet looked at
  const auto take = [&](std::uint64_t chunk) {
    const auto length = chunk_length(size, chunk);
    plan.total_bytes += length;
    if (covers(arrived, chunk, length)) {
      plan.arrived_bytes += length;
    } else {
      plan.chunks.push_back(chunk);
    }
  };
  for (std::uint64_t at = 0; at < size; at += window_bytes) {
    const auto extents = TRY(disk.extents(at, std::min(window_bytes, size - at)));
    for (const auto& extent : extents) {
      if (extent.zero) continue;
      const auto end = extent.offset + extent.length;
      auto chunk = std::max(next, extent.offset / chunk_bytes * chunk_bytes);
      for (; chunk < end; chunk += chunk_bytes) take(chunk);
      next = chunk;
    }
  }
  return plan;
}

Result<Uploaded> upload_chunks(const DiskReader& disk, const PageBlob& blob, const UploadPlan& plan,
                               const UploadOptions& options) {
  std::atomic<std::uint64_t> sent = 0;
  std::atomic<std::uint64_t> zero = 0;
  TRY(os::for_each(plan.chunks.size(), options.lanes, [&](std::size_t i) -> Result<> {
    const auto offset = plan.chunks[i];
    Bytes bytes(chunk_length(disk.size_bytes(), offset));
    TRY(disk.read(offset, bytes));
    if (is_zero(bytes)) {
      zero += bytes.size();
    } else {
      TRY(blob.put(offset, bytes));
      sent += bytes.size();
    }
    if (options.progress) TRY(options.progress(plan.arrived_bytes + sent + zero));
    return {};
  }));
  return Uploaded{.sent_bytes = sent, .zero_bytes = zero};
}

}  // namespace pinaco::app
