// Walking all tables of a QCOW2 file once, claiming each cluster for one owner.
#include "format/qcow2_map.h"

#include <algorithm>

#include "format/qcow2_cluster.h"
#include "format/refuse.h"

namespace pinaco::format {
namespace {

constexpr std::uint64_t clusters_max = std::uint64_t{1} << 29;
constexpr std::uint64_t compressed_max = std::uint64_t{1} << 23;
constexpr std::uint64_t snapshot_extra_max = 1024;
constexpr std::uint64_t snapshot_l1_max = std::uint64_t{1} << 22;
constexpr std::uint64_t entries_at_once = 8192;
// Honest deflate never packs tighter than 1032 to 1; zstd can, but not in an image of use.
constexpr std::uint64_t expansion_max = 4096;
constexpr std::uint64_t expansion_free = std::uint64_t{1} << 30;
constexpr std::string_view again = "Convert the image again from a good copy.";

// What points somewhere: "L1 entry" 5 at byte 262184.
struct Pointer {
  std::string_view what;
  std::uint64_t index = 0;
  std::uint64_t byte = 0;

  std::string text() const {
    if (what.starts_with("header")) return fmt::format("The QCOW2 {} at byte {}", what, byte);
    return fmt::format("The QCOW2 {} {} at byte {}", what, index, byte);
  }
};

class Mapper {
 public:
  Mapper(const Source& source, const Qcow2Header& header) : source_(source), header_(header) {}

  Result<std::vector<std::uint64_t>> run() {
    if (header_.file_bytes >> header_.cluster_bits >= clusters_max) {
      return refuse(code::too_large, {"qcow2", 20},
                    "The QCOW2 file of {} bytes has clusters of {} bytes, but at most {} clusters "
                    "are taken. Convert the image with larger clusters.",
                    header_.file_bytes, header_.cluster_bytes(), clusters_max);
    }
    used_.resize(((header_.file_bytes >> header_.cluster_bits) + 64) / 64);
    TRY(claim({"header", 0, 0}, 0, header_.cluster_bytes()));
    TRY(claim({"header field refcount_table_offset", 0, 48}, header_.refcount_offset,
              header_.refcount_bytes));
    TRY(claim({"header field l1_table_offset", 0, 40}, header_.l1_offset, header_.l1_entries * 8));
    TRY(claim_refcount_blocks());
    TRY(claim_snapshots());
    auto l1 = TRY(claim_l2_tables());
    for (std::uint64_t i = 0; i < l1.size(); ++i) {
      if (l1[i] != 0) TRY(claim_clusters(i, l1[i]));
    }
    TRY(check_compressed());
    return l1;
  }

 private:
  bool is_used(std::uint64_t cluster) const { return used_[cluster / 64] >> cluster % 64 & 1; }

  // `bytes` may pass the end of the file: tables at its end need not fill their cluster.
  Result<> claim(const Pointer& by, std::uint64_t offset, std::uint64_t bytes) {
    const auto first = offset >> header_.cluster_bits;
    const auto last = (std::min(offset + bytes, header_.file_bytes) - 1) >> header_.cluster_bits;
    for (auto cluster = first; cluster <= last; ++cluster) {
      if (is_used(cluster)) return refuse_shared(by, offset, cluster << header_.cluster_bits);
      used_[cluster / 64] |= std::uint64_t{1} << cluster % 64;
    }
    return {};
  }

  std::unexpected<Error> refuse_shared(const Pointer& by, std::uint64_t offset,
                                       std::uint64_t shared) const {
    const auto inside = [&](std::uint64_t from, std::uint64_t bytes) {
      return shared >= from && shared < from + bytes;
    };
    std::string_view owner = "another table or cluster";
    if (shared == 0) {
      owner = "the header";
    } else if (inside(header_.l1_offset, header_.l1_entries * 8)) {
      owner = "the L1 table";
    } else if (inside(header_.refcount_offset, header_.refcount_bytes)) {
      owner = "the refcount table";
    }
    return refuse(code::overlap, {"qcow2", by.byte},
                  "{} points to byte {}, but the cluster at byte {} is already used by {}; every "
                  "cluster may be used once. {}",
                  by.text(), offset, shared, owner, again);
  }

  // Checks a table's entry that points to a whole cluster; false when it points nowhere.
  Result<bool> check_pointer(const Pointer& by, std::uint64_t entry, std::uint64_t reserved,
                             std::uint64_t bytes) const {
    if (entry == 0) return false;
    const auto offset = entry & qcow2_offset_mask;
    if (entry & reserved) {
      return refuse(code::metadata, {"qcow2", by.byte},
                    "{} is 0x{:016x}: reserved bits are set, which must be 0. {}", by.text(), entry,
                    again);
    }
    if (offset % header_.cluster_bytes() != 0) {
      return refuse(
          code::metadata, {"qcow2", by.byte},
          "{} points to byte {}, which is not a multiple of the cluster size of {} bytes. "
          "{}",
          by.text(), offset, header_.cluster_bytes(), again);
    }
    if (offset > header_.file_bytes || bytes > header_.file_bytes - offset) {
      return refuse(code::truncated, {"qcow2", by.byte},
                    "{} points to byte {}, but the file ends at byte {}. The upload was cut short; "
                    "upload it again.",
                    by.text(), offset, header_.file_bytes);
    }
    return true;
  }

  Result<> claim_refcount_blocks() {
    Bytes table(header_.refcount_bytes);
    TRY(source_.read(header_.refcount_offset, table));
    for (std::uint64_t i = 0; i < table.size() / 8; ++i) {
      const auto entry = load_be<std::uint64_t>(table, i * 8);
      const Pointer by{"refcount table entry", i, header_.refcount_offset + i * 8};
      // Counts are never read, so that a block cut by the end of the file does no harm.
      if (!TRY(check_pointer(by, entry, ~qcow2_offset_mask, 1))) continue;
      TRY(claim(by, entry & qcow2_offset_mask, header_.cluster_bytes()));
    }
    return {};
  }

  // Snapshot: 40 bytes, extra data, identifier, name; padded to 8 bytes.
  Result<> claim_snapshots() {
    auto at = header_.snapshots_offset;
    for (std::uint32_t i = 0; i < header_.snapshots; ++i) {
      const Pointer by{"snapshot", i, at};
      if (at > header_.file_bytes || 40 > header_.file_bytes - at) return refuse_snapshots(by);
      Bytes head(40);
      TRY(source_.read(at, head));
      const std::uint64_t extra = load_be<std::uint32_t>(head, 36);
      const std::uint64_t l1_entries = load_be<std::uint32_t>(head, 8);
      if (extra > snapshot_extra_max || l1_entries > snapshot_l1_max) {
        return refuse(code::metadata, {"qcow2", at},
                      "{} has {} bytes of extra data and {} L1 entries, but at most {} and {} are "
                      "taken. {}",
                      by.text(), extra, l1_entries, snapshot_extra_max, snapshot_l1_max, again);
      }
      const auto l1_offset = load_be<std::uint64_t>(head, 0);
      if (l1_entries != 0) {
        if (TRY(check_pointer(by, l1_offset, ~qcow2_offset_mask, l1_entries * 8))) {
          TRY(claim(by, l1_offset, l1_entries * 8));
        }
      }
      const std::uint64_t names =
          std::uint64_t{load_be<std::uint16_t>(head, 12)} + load_be<std::uint16_t>(head, 14);
      at += (40 + extra + names + 7) / 8 * 8;
    }
    if (at == header_.snapshots_offset) return {};
    const Pointer by{"header field snapshots_offset", 0, 64};
    // The last name need not be padded.
    if (at - 7 > header_.file_bytes) return refuse_snapshots(by);
    return claim(by, header_.snapshots_offset, at - header_.snapshots_offset);
  }

  std::unexpected<Error> refuse_snapshots(const Pointer& by) const {
    return refuse(code::truncated, {"qcow2", by.byte},
                  "{} would pass the end of the file at byte {}. The upload was cut short; upload "
                  "it again.",
                  by.text(), header_.file_bytes);
  }

  Result<std::vector<std::uint64_t>> claim_l2_tables() {
    Bytes table(header_.l1_needed() * 8);
    TRY(source_.read(header_.l1_offset, table));
    std::vector<std::uint64_t> l1(header_.l1_needed());
    for (std::uint64_t i = 0; i < l1.size(); ++i) {
      const auto entry = load_be<std::uint64_t>(table, i * 8);
      const Pointer by{"L1 entry", i, header_.l1_offset + i * 8};
      const auto reserved = ~(qcow2_offset_mask | qcow2_copied);
      if (!TRY(check_pointer(by, entry, reserved, header_.cluster_bytes()))) continue;
      l1[i] = entry & qcow2_offset_mask;
      TRY(claim(by, l1[i], header_.cluster_bytes()));
    }
    return l1;
  }

  Result<> claim_clusters(std::uint64_t l1_index, std::uint64_t table_at) {
    const auto first = l1_index << header_.l2_bits();
    const auto count = std::min(header_.l2_entries(), header_.clusters() - first);
    Bytes part(std::min(count, entries_at_once) * 8);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto inside = i % entries_at_once;
      if (inside == 0) {
        part.resize(std::min(count - i, entries_at_once) * 8);
        TRY(source_.read(table_at + i * 8, part));
      }
      const auto entry = load_be<std::uint64_t>(part, inside * 8);
      if (entry == 0) continue;
      const auto cluster = TRY(parse_l2_entry(header_, entry, first + i, table_at + i * 8));
      if (cluster.kind == ClusterKind::compressed) {
        TRY(add_compressed(cluster, table_at + i * 8));
      } else if (cluster.host_bytes != 0) {
        TRY(claim({"L2 entry", first + i, table_at + i * 8}, cluster.host_offset,
                  cluster.host_bytes));
      }
    }
    return {};
  }

  Result<> add_compressed(const Qcow2Cluster& cluster, std::uint64_t entry_at) {
    const auto expanded = (compressed_.size() + 1) << header_.cluster_bits;
    if (compressed_.size() == compressed_max ||
        expanded > header_.file_bytes * expansion_max + expansion_free) {
      return refuse(code::too_large, {"qcow2", entry_at},
                    "The QCOW2 image has {} compressed clusters or more, but at most {} are taken, "
                    "and they may expand to at most {} times the file of {} bytes. Convert the "
                    "image with larger clusters or without compression.",
                    compressed_.size() + 1, compressed_max, expansion_max, header_.file_bytes);
    }
    // 48 bits of offset and 14 of sectors; see file_bytes_max and cluster_bits.
    const auto sectors = (cluster.host_bytes + sector_bytes - 1) / sector_bytes;
    compressed_.push_back(cluster.host_offset << 14 | sectors);
    return {};
  }

  // Compressed clusters lie byte to byte: one may begin in the sector in which the one before
  // ends, but no two at the same byte, and none in a cluster that something else uses.
  Result<> check_compressed() {
    std::ranges::sort(compressed_);
    std::uint64_t end_before = 0;
    std::uint64_t start_before = ~std::uint64_t{0};
    for (const auto packed : compressed_) {
      const auto start = packed >> 14;
      const auto end = (start / sector_bytes + (packed & 0x3fff)) * sector_bytes;
      if (start == start_before || start + sector_bytes <= end_before) {
        return refuse(code::overlap, {"qcow2", start},
                      "The QCOW2 image has two compressed clusters that share bytes, from byte {} "
                      "on; every cluster may be used once. {}",
                      start, again);
      }
      const auto last = (std::min(end, header_.file_bytes) - 1) >> header_.cluster_bits;
      for (auto cluster = start >> header_.cluster_bits; cluster <= last; ++cluster) {
        if (!is_used(cluster)) continue;
        return refuse(
            code::overlap, {"qcow2", start},
            "The QCOW2 image has a compressed cluster at byte {} that reaches into the "
            "cluster at byte {}, which is used otherwise; every cluster may be used once. "
            "{}",
            start, cluster << header_.cluster_bits, again);
      }
      start_before = start;
      end_before = std::max(end_before, end);
    }
    return {};
  }

  const Source& source_;
  const Qcow2Header& header_;
  std::vector<std::uint64_t> used_;        // a bit for each cluster of the file
  std::vector<std::uint64_t> compressed_;  // byte offset << 14 | sectors touched
};

}  // namespace

Result<std::vector<std::uint64_t>> map_qcow2(const Source& source, const Qcow2Header& header) {
  return Mapper(source, header).run();
}

}  // namespace pinaco::format
