// An empty QCOW2 version 3 (QEMU's docs/interop/qcow2.txt), clusters of 64 KiB:
//
//   cluster 0      header
//   cluster 1      refcount table, one entry: the block that follows
//   cluster 2      refcount block: 1 for each cluster of this file
//   cluster 3 ...  L1 table, all zero: every read goes to the backing disk
#include "machine/overlay.h"

#include <fmt/format.h>

#include <algorithm>

#include "os/files.h"

namespace pinaco::machine {
namespace {

constexpr std::uint32_t cluster_bits = 16;
constexpr std::uint64_t cluster_bytes = std::uint64_t{1} << cluster_bits;
constexpr std::uint64_t l2_reach_bytes = cluster_bytes * (cluster_bytes / 8);
constexpr std::uint64_t disk_bytes_max = std::uint64_t{64} << 40;

Bytes header(std::uint64_t disk_bytes, std::uint32_t l1_entries) {
  Bytes bytes(104);
  store_be<std::uint32_t>(bytes, 0, 0x514649fb);  // "QFI\xfb"
  store_be<std::uint32_t>(bytes, 4, 3);           // version
  store_be<std::uint32_t>(bytes, 20, cluster_bits);
  store_be<std::uint64_t>(bytes, 24, disk_bytes);
  store_be<std::uint32_t>(bytes, 36, l1_entries);
  store_be<std::uint64_t>(bytes, 40, 3 * cluster_bytes);  // L1 table
  store_be<std::uint64_t>(bytes, 48, 1 * cluster_bytes);  // refcount table
  store_be<std::uint32_t>(bytes, 56, 1);                  // its clusters
  store_be<std::uint32_t>(bytes, 96, 4);                  // refcounts of 16 bits
  store_be<std::uint32_t>(bytes, 100, 104);               // length of this header
  return bytes;
}

// Sizes of everything, for a disk.
struct Layout {
  std::uint64_t size = 0;
  std::uint32_t l1_entries = 0;
  std::uint64_t clusters = 0;
};

Layout layout_of(std::uint64_t disk_bytes) {
  // QEMU counts in sectors; a torn last one reads as zeros from the backing disk.
  const std::uint64_t size = (disk_bytes + 511) / 512 * 512;
  const auto l1_entries = static_cast<std::uint32_t>((size + l2_reach_bytes - 1) / l2_reach_bytes);
  const std::uint64_t l1_clusters =
      (l1_entries * std::uint64_t{8} + cluster_bytes - 1) / cluster_bytes;
  return {.size = size, .l1_entries = l1_entries, .clusters = 3 + l1_clusters};
}

}  // namespace

Result<> create_overlay(const std::string& path, std::uint64_t disk_bytes) {
  if (disk_bytes == 0 || disk_bytes > disk_bytes_max) {
    return fail(Kind::invalid,
                fmt::format("An overlay needs a disk of 1 byte to 64 TiB, not {}.", disk_bytes));
  }
  const auto layout = layout_of(disk_bytes);
  Bytes table(8);
  store_be<std::uint64_t>(table, 0, 2 * cluster_bytes);
  Bytes refcounts(2 * layout.clusters);
  for (std::uint64_t i = 0; i < layout.clusters; ++i) {
    store_be<std::uint16_t>(refcounts, 2 * i, 1);
  }
  // What is not written is a hole and reads as zeros.
  if (TRY(os::exists(path))) {
    return fail(Kind::conflict, fmt::format("The overlay '{}' is there already.", path));
  }
  // Whole or not there, also after a kill.
  const auto part = path + ".part";
  (void)os::remove_file(part);
  const auto file = TRY(os::File::create(part));
  TRY(file.resize(layout.clusters * cluster_bytes));
  TRY(file.write_exact(0, header(layout.size, layout.l1_entries)));
  TRY(file.write_exact(1 * cluster_bytes, table));
  TRY(file.write_exact(2 * cluster_bytes, refcounts));
  return os::rename_file(part, path);
}

Result<bool> is_empty_overlay(const std::string& path, std::uint64_t disk_bytes) {
  // The first write of any kind makes the file longer.
  const auto file = TRY(os::File::open_read(path));
  const auto layout = layout_of(disk_bytes);
  Bytes begin(48);
  if (TRY(file.size_bytes()) != layout.clusters * cluster_bytes) return false;
  TRY(file.read_exact(0, begin));
  return std::ranges::equal(begin, ByteView(header(layout.size, layout.l1_entries)).first(48));
}

}  // namespace pinaco::machine
