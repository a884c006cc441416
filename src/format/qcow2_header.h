// The header of a QCOW2 image: everything that says where its tables are. Big-endian.
//
//   0 magic "QFI\xfb"     4 version             8 backing name   16 its length   20 cluster_bits
//  24 size               32 crypt_method       36 l1_size        40 l1_table_offset
//  48 refcount table     56 its clusters       60 nb_snapshots   64 snapshots_offset
//  version 3 only:       72 incompatible, 80 compatible, 88 autoclear features
//  96 refcount_order    100 header_length     104 compression_type
//
// Source: QEMU, docs/interop/qcow2.txt.
#pragma once

#include "format/format.h"

namespace pinaco::format {

enum class Compression : std::uint8_t { zlib = 0, zstd = 1 };

struct Qcow2Header {
  std::uint32_t version = 0;
  std::uint32_t cluster_bits = 0;
  std::uint64_t size_bytes = 0;  // of the disk
  std::uint64_t file_bytes = 0;
  std::uint64_t l1_offset = 0;
  std::uint64_t l1_entries = 0;  // that the file has; at least l1_needed()
  std::uint64_t refcount_offset = 0;
  std::uint64_t refcount_bytes = 0;
  std::uint64_t snapshots_offset = 0;
  std::uint32_t snapshots = 0;
  std::uint32_t header_length = 0;
  Compression compression = Compression::zlib;

  std::uint64_t cluster_bytes() const { return std::uint64_t{1} << cluster_bits; }
  std::uint32_t l2_bits() const { return cluster_bits - 3; }  // entries of a table, as a power
  std::uint64_t l2_entries() const { return std::uint64_t{1} << l2_bits(); }
  std::uint64_t clusters() const { return (size_bytes + cluster_bytes() - 1) >> cluster_bits; }
  std::uint64_t l1_needed() const { return (clusters() + l2_entries() - 1) >> l2_bits(); }
};

inline constexpr std::uint64_t qcow2_offset_mask = 0x00fffffffffffe00;
inline constexpr std::uint64_t qcow2_copied = std::uint64_t{1} << 63;
inline constexpr std::uint64_t qcow2_compressed = std::uint64_t{1} << 62;

// Reads and checks the header and its extensions. Everything it points to lies in the file;
// whether two tables overlap is for qcow2_map.h.
Result<Qcow2Header> read_qcow2_header(const Source& source, std::vector<std::string>& warnings);

}  // namespace pinaco::format
