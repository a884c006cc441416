// One cluster of a QCOW2 disk: what its L2 entry says, and unpacking it when compressed.
#pragma once

#include "format/qcow2_header.h"

namespace pinaco::format {

// absent: not here; zeros, or what lies below an overlay.
enum class ClusterKind { absent, zero, data, compressed };

struct Qcow2Cluster {
  ClusterKind kind = ClusterKind::zero;
  // Where it lies; a zero cluster may still own a place in the file (host_bytes not 0).
  std::uint64_t host_offset = 0;
  std::uint64_t host_bytes = 0;  // of a compressed one: at most, up to the end of a sector
};

// Reads L2 entry `entry`, found at byte entry_at, of guest cluster `index`. What it points to
// lies in the file.
Result<Qcow2Cluster> parse_l2_entry(const Qcow2Header& header, std::uint64_t entry,
                                    std::uint64_t index, std::uint64_t entry_at);

// Fills `into`, a whole cluster, from its compressed bytes (which may be followed by others).
Result<> unpack_cluster(const Qcow2Header& header, ByteView packed, std::uint64_t index,
                        std::uint64_t host_offset, MutableBytes into);

}  // namespace pinaco::format
