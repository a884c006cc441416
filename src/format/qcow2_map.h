// The check that no byte of a QCOW2 file is used twice by the active disk.
//
// A file in which many entries point to one cluster is small to upload and endless to read, and
// an entry that points into a table lets the disk rewrite its own map. Both are found here before
// anything is read from the disk. Work and memory are bounded by the file: a bit for each of its
// clusters (at most 64 MiB), 8 bytes for each compressed cluster (at most 64 MiB).
// Snapshots may share clusters with the active disk; only their tables are claimed.
#pragma once

#include "format/qcow2_header.h"

namespace pinaco::format {

// The L1 table, as far as the disk needs it: byte offsets of L2 tables, 0 when there is none.
Result<std::vector<std::uint64_t>> map_qcow2(const Source& source, const Qcow2Header& header);

}  // namespace pinaco::format
