// Sending a disk's bytes to a page blob: only chunks with data, only those that have not arrived,
// several at once.
#pragma once

#include <functional>
#include <vector>

#include "app/page_blob.h"

namespace pinaco::app {

inline constexpr std::uint64_t chunk_bytes = page_bytes_max;

struct UploadPlan {
  std::vector<std::uint64_t> chunks;  // offsets of those to send, unless they turn out to be zero
  std::uint64_t total_bytes = 0;      // of all chunks that may hold data
  std::uint64_t arrived_bytes = 0;    // of them, what is there from an earlier attempt
};
// A chunk that arrived only in part is sent again, whole.
Result<UploadPlan> plan_upload(const DiskReader& disk, const std::vector<Extent>& arrived);

struct Uploaded {
  std::uint64_t sent_bytes = 0;
  std::uint64_t zero_bytes = 0;  // read, found to be zeros, not sent
};
struct UploadOptions {
  std::size_t lanes = 4;
  // Called from any lane with the bytes done, of plan.total_bytes; an error ends the upload.
  std::function<Result<>(std::uint64_t done_bytes)> progress = {};
};
Result<Uploaded> upload_chunks(const DiskReader& disk, const PageBlob& blob, const UploadPlan& plan,
                               const UploadOptions& options);

}  // namespace pinaco::app
