// The disk of a version or a disk, read over its signed link: fetched ahead in large pieces by
// several lanes, because whoever writes an image asks for small ones in order.
#pragma once

#include <memory>

#include "app/page_blob.h"
#include "base/disk_reader.h"

namespace pinaco::app {

// Threads: any number may read. Lifetime: shares the blob. Limits: holds at most 3 × lanes pieces
// of 4 MiB. The link serves the disk as a fixed VHD; its footer is not part of the disk.
Result<std::unique_ptr<DiskReader>> open_link(std::shared_ptr<const PageBlob> blob,
                                              std::uint64_t size_bytes, std::size_t lanes);

}  // namespace pinaco::app
