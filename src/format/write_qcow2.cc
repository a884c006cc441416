// Writing QCOW2 version 3, uncompressed, with clusters of 64 KiB.
//
//   header | L1 table | data and L2 tables as they come | refcount blocks | refcount table
//
// An L2 table is written behind the last data cluster it maps. Refcounts come last, when the
// number of clusters is known: each is 1.
#include <algorithm>

#include "format/qcow2_header.h"
#include "format/write.h"

namespace pinaco::format {
namespace {

constexpr std::uint32_t cluster_bits = 16;
constexpr std::uint64_t cluster_bytes = std::uint64_t{1} << cluster_bits;
constexpr std::uint64_t table_entries = cluster_bytes / 8;
constexpr std::uint64_t counts_in_block = cluster_bytes / 2;  // of 16 bits
constexpr std::uint32_t header_length = 112;

std::uint64_t parts(std::uint64_t whole, std::uint64_t part) {
  return (whole + part - 1) / part;
}

class Writer {
 public:
  Writer(const os::File& file, std::uint64_t size_bytes)
      : file_(file),
        size_bytes_(size_bytes),
        l1_(parts(size_bytes, cluster_bytes * table_entries) * 8),
        next_(1 + parts(l1_.size(), cluster_bytes)) {}

  Result<> add(std::uint64_t offset, ByteView bytes) {
    while (!bytes.empty()) {
      const auto length = std::min<std::uint64_t>(cluster_bytes, bytes.size());
      if (!is_zero(bytes.first(length))) TRY(add_cluster(offset, bytes.first(length)));
      bytes = bytes.subspan(length);
      offset += length;
    }
    return {};
  }

  Result<> finish() {
    TRY(finish_table());
    TRY(file_.write_exact(cluster_bytes, l1_));
    // The refcount blocks count themselves and their table.
    std::uint64_t blocks = 0, table_clusters = 0, total = next_;
    for (std::uint64_t before = 0; before != total;) {
      before = total;
      blocks = parts(total, counts_in_block);
      table_clusters = parts(blocks * 8, cluster_bytes);
      total = next_ + blocks + table_clusters;
    }
    Bytes table(table_clusters * cluster_bytes);
    for (std::uint64_t i = 0; i < blocks; ++i) {
      Bytes block(cluster_bytes);
      const auto counts = std::min(counts_in_block, total - i * counts_in_block);
      for (std::uint64_t j = 0; j < counts; ++j) store_be<std::uint16_t>(block, j * 2, 1);
      store_be<std::uint64_t>(table, i * 8, next_ * cluster_bytes);
      TRY(file_.write_exact(next_++ * cluster_bytes, block));
    }
    TRY(file_.write_exact(next_ * cluster_bytes, table));
    return file_.write_exact(0, header(next_ * cluster_bytes, table_clusters));
  }

 private:
  Result<> add_cluster(std::uint64_t offset, ByteView bytes) {
    const auto cluster = offset / cluster_bytes;
    const auto l1_index = cluster / table_entries;
    if (!l2_.empty() && l1_index != l1_index_) TRY(finish_table());
    if (l2_.empty()) l2_.resize(cluster_bytes);
    l1_index_ = l1_index;
    store_be<std::uint64_t>(l2_, cluster % table_entries * 8, next_ * cluster_bytes | qcow2_copied);
    return write_sparse(file_, next_++ * cluster_bytes, bytes);
  }

  Result<> finish_table() {
    if (l2_.empty()) return {};
    store_be<std::uint64_t>(l1_, l1_index_ * 8, next_ * cluster_bytes | qcow2_copied);
    TRY(file_.write_exact(next_++ * cluster_bytes, l2_));
    l2_.clear();
    return {};
  }

  Bytes header(std::uint64_t refcount_table_at, std::uint64_t refcount_clusters) const {
    Bytes bytes(cluster_bytes);
    store_be<std::uint32_t>(bytes, 0, 0x514649fb);
    store_be<std::uint32_t>(bytes, 4, 3);
    store_be<std::uint32_t>(bytes, 20, cluster_bits);
    store_be<std::uint64_t>(bytes, 24, size_bytes_);
    store_be<std::uint32_t>(bytes, 36, static_cast<std::uint32_t>(l1_.size() / 8));
    store_be<std::uint64_t>(bytes, 40, cluster_bytes);
    store_be<std::uint64_t>(bytes, 48, refcount_table_at);
    store_be<std::uint32_t>(bytes, 56, static_cast<std::uint32_t>(refcount_clusters));
    store_be<std::uint32_t>(bytes, 96, 4);
    store_be<std::uint32_t>(bytes, 100, header_length);
    return bytes;
  }

  const os::File& file_;
  const std::uint64_t size_bytes_;
  Bytes l1_;
  Bytes l2_;  // of l1_index_; empty: none begun
  std::uint64_t l1_index_ = 0;
  std::uint64_t next_;  // the first cluster of the file that is free
};

}  // namespace

Result<> write_qcow2(const DiskReader& disk, const os::File& file,
                     const std::function<bool(std::uint64_t)>& progress) {
  Writer writer(file, disk.size_bytes());
  TRY(each_chunk(disk, progress,
                 [&](std::uint64_t offset, ByteView bytes) { return writer.add(offset, bytes); }));
  return writer.finish();
}

}  // namespace pinaco::format
