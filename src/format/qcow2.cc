// Reading a QCOW2 disk: L1 entry, L2 entry, cluster.
//
// The L1 table is held; L2 entries are read when wanted, as many as the request covers, so that
// readers share no lock and hold no tables. Only unpacked compressed clusters are kept, a few.
#include "format/qcow2.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "format/qcow2_cluster.h"
#include "format/qcow2_map.h"
#include "format/raw.h"
#include "format/refuse.h"

namespace pinaco::format {
namespace {

constexpr std::uint64_t entries_at_once = 8192;

// A piece of the disk that lies in one piece in the file, or is zeros, or is in one compressed
// cluster.
struct Run {
  std::uint64_t offset = 0;  // on the disk
  std::uint64_t length = 0;
  ClusterKind kind = ClusterKind::zero;
  std::uint64_t host_offset = 0;  // of `offset`; of a compressed one, of its packed bytes
  std::uint64_t host_bytes = 0;   // of a compressed one

  bool continues(const Run& before) const {
    if (before.length == 0 || kind != before.kind) return false;
    if (kind == ClusterKind::compressed) return false;
    return kind != ClusterKind::data || host_offset == before.host_offset + before.length;
  }
};

// The clusters unpacked last: a reader that wants small pieces unpacks each cluster once.
class Unpacked {
 public:
  bool copy(std::uint64_t index, std::uint64_t inside, MutableBytes into) {
    auto& slot = slots_[index % slots_.size()];
    const std::lock_guard lock(slot.mutex);
    if (slot.index != index) return false;
    std::memcpy(into.data(), slot.bytes.data() + inside, into.size());
    return true;
  }
  void keep(std::uint64_t index, Bytes bytes) {
    auto& slot = slots_[index % slots_.size()];
    const std::lock_guard lock(slot.mutex);
    slot.index = index;
    slot.bytes = std::move(bytes);
  }

 private:
  struct Slot {
    std::mutex mutex;
    std::uint64_t index = ~std::uint64_t{0};
    Bytes bytes;
  };
  std::array<Slot, 4> slots_;
};

class Qcow2Disk final : public DiskReader {
 public:
  Qcow2Disk(std::shared_ptr<Source> source, const Qcow2Header& header,
            std::vector<std::uint64_t> l1, std::shared_ptr<const DiskReader> below)
      : source_(std::move(source)), header_(header), l1_(std::move(l1)), below_(std::move(below)) {}

  std::uint64_t size_bytes() const override { return header_.size_bytes; }

  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    TRY(check_range(offset, into.size(), header_.size_bytes));
    return walk(offset, into.size(), [&](const Run& run) -> Result<> {
      const auto piece = into.subspan(run.offset - offset, run.length);
      switch (run.kind) {
        case ClusterKind::data:
          return source_->read(run.host_offset, piece);
        case ClusterKind::compressed:
          return read_compressed(run, piece);
        case ClusterKind::absent:
          return read_below(run.offset, piece);
        case ClusterKind::zero:
          break;
      }
      std::ranges::fill(piece, std::uint8_t{0});
      return {};
    });
  }

  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    TRY(check_range(offset, length, header_.size_bytes));
    ExtentList list;
    TRY(walk(offset, length, [&](const Run& run) -> Result<> {
      if (run.kind == ClusterKind::data) {
        // Preallocated clusters are often holes of the file.
        return list.add_from(*source_, run.host_offset, run.offset, run.length);
      }
      if (run.kind == ClusterKind::absent) return list_below(run.offset, run.length, list);
      list.add(run.offset, run.length, run.kind == ClusterKind::zero);
      return {};
    }));
    return list.take();
  }

 private:
  // How many of the bytes from `offset` on the disk below has; it may be smaller than this one.
  std::uint64_t bytes_below(std::uint64_t offset, std::uint64_t length) const {
    if (below_ == nullptr || offset >= below_->size_bytes()) return 0;
    return std::min(length, below_->size_bytes() - offset);
  }

  Result<> read_below(std::uint64_t offset, MutableBytes into) const {
    const auto length = bytes_below(offset, into.size());
    std::ranges::fill(into.subspan(length), std::uint8_t{0});
    return length == 0 ? Result<>() : below_->read(offset, into.first(length));
  }

  Result<> list_below(std::uint64_t offset, std::uint64_t length, ExtentList& list) const {
    const auto known = bytes_below(offset, length);
    if (known != 0) {
      for (const auto& extent : TRY(below_->extents(offset, known))) {
        list.add(extent.offset, extent.length, extent.zero);
      }
    }
    list.add(offset + known, length - known, true);
    return {};
  }

  // Calls visit with the runs of [offset, offset + length), in order and joined.
  template <typename Visit>
  Result<> walk(std::uint64_t offset, std::uint64_t length, const Visit& visit) const {
    const auto end = offset + length;
    const auto table_bits = header_.cluster_bits + header_.l2_bits();
    Run pending;
    const auto add = [&](const Run& run) -> Result<> {
      if (run.continues(pending)) {
        pending.length += run.length;
        return {};
      }
      const auto done = std::exchange(pending, run);
      return done.length == 0 ? Result<>{} : visit(done);
    };
    while (offset < end) {
      const auto l1_index = offset >> table_bits;
      const auto table_end = std::min(end, (l1_index + 1) << table_bits);
      if (l1_[l1_index] == 0) {
        TRY(add({.offset = offset, .length = table_end - offset, .kind = ClusterKind::absent}));
        offset = table_end;
        continue;
      }
      TRY(walk_table(l1_[l1_index], offset, table_end, add));
    }
    return pending.length == 0 ? Result<>{} : visit(pending);
  }

  // Goes on in one L2 table, for at most entries_at_once clusters.
  template <typename Add>
  Result<> walk_table(std::uint64_t table_at, std::uint64_t& offset, std::uint64_t table_end,
                      const Add& add) const {
    const auto first = offset >> header_.cluster_bits;
    const auto last = (table_end - 1) >> header_.cluster_bits;
    const auto count = std::min(last - first + 1, entries_at_once);
    const auto entries_from = table_at + (first & (header_.l2_entries() - 1)) * 8;
    Bytes entries(count * 8);
    TRY(source_->read(entries_from, entries));
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto index = first + i;
      const auto entry = load_be<std::uint64_t>(entries, i * 8);
      // Checked again: the file may have changed since it was opened.
      const auto cluster = TRY(parse_l2_entry(header_, entry, index, entries_from + i * 8));
      const auto inside = offset & (header_.cluster_bytes() - 1);
      Run run{.offset = offset,
              .length = std::min(header_.cluster_bytes() - inside, table_end - offset),
              .kind = cluster.kind};
      if (run.kind == ClusterKind::data) run.host_offset = cluster.host_offset + inside;
      if (run.kind == ClusterKind::compressed) {
        run.host_offset = cluster.host_offset;
        run.host_bytes = cluster.host_bytes;
      }
      TRY(add(run));
      offset += run.length;
    }
    return {};
  }

  Result<> read_compressed(const Run& run, MutableBytes into) const {
    const auto index = run.offset >> header_.cluster_bits;
    const auto inside = run.offset & (header_.cluster_bytes() - 1);
    if (unpacked_.copy(index, inside, into)) return {};
    Bytes packed(std::min(run.host_bytes, header_.file_bytes - run.host_offset));
    TRY(source_->read(run.host_offset, packed));
    if (into.size() == header_.cluster_bytes()) {
      return unpack_cluster(header_, packed, index, run.host_offset, into);
    }
    Bytes cluster(header_.cluster_bytes());
    TRY(unpack_cluster(header_, packed, index, run.host_offset, cluster));
    std::memcpy(into.data(), cluster.data() + inside, into.size());
    unpacked_.keep(index, std::move(cluster));
    return {};
  }

  const std::shared_ptr<Source> source_;
  const Qcow2Header header_;
  const std::vector<std::uint64_t> l1_;
  const std::shared_ptr<const DiskReader> below_;
  mutable Unpacked unpacked_;
};

}  // namespace

Result<Opened> open_qcow2(std::shared_ptr<Source> source, std::shared_ptr<const DiskReader> below) {
  Opened opened{.format = Format::qcow2};
  const auto header = TRY(read_qcow2_header(*source, opened.warnings));
  opened.variant = header.version == 2 ? "v2" : "v3";
  auto l1 = TRY(map_qcow2(*source, header));
  opened.disk =
      std::make_unique<Qcow2Disk>(std::move(source), header, std::move(l1), std::move(below));
  return opened;
}

Result<std::shared_ptr<DiskReader>> open_overlay(std::shared_ptr<Source> source,
                                                 std::shared_ptr<const DiskReader> below) {
  auto opened = TRY(open_qcow2(std::move(source), std::move(below)));
  return std::shared_ptr<DiskReader>(std::move(opened.disk));
}

}  // namespace pinaco::format
