// L2 entries and compressed clusters.
#include "format/qcow2_cluster.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "format/refuse.h"

namespace pinaco::format {
namespace {

constexpr std::string_view again = "Convert the image again from a good copy.";

struct Entry {
  const Qcow2Header& header;
  std::uint64_t value;
  std::uint64_t index;
  std::uint64_t at;
};

std::unexpected<Error> refuse_entry(const Entry& entry, std::string_view code,
                                    std::string_view why) {
  return refuse(code, {"qcow2", entry.at},
                "The QCOW2 L2 entry of cluster {} at byte {} is 0x{:016x}: {}.", entry.index,
                entry.at, entry.value, why);
}

std::unexpected<Error> refuse_past_end(const Entry& entry, std::uint64_t offset,
                                       std::uint64_t bytes) {
  return refuse_entry(
      entry, code::truncated,
      fmt::format("its {} bytes from byte {} on would pass the end of the file at byte {}. The "
                  "upload was cut short; upload it again",
                  bytes, offset, entry.header.file_bytes));
}

Result<Qcow2Cluster> parse_compressed(const Entry& entry) {
  const auto& header = entry.header;
  if (entry.value & qcow2_copied) {
    return refuse_entry(entry, code::metadata,
                        "a compressed cluster may not have bit 63. Convert the image again");
  }
  const auto offset_bits = 62 - (header.cluster_bits - 8);
  const auto offset = entry.value & ((std::uint64_t{1} << offset_bits) - 1);
  const auto more_sectors = (entry.value & (qcow2_compressed - 1)) >> offset_bits;
  const auto bytes = (more_sectors + 1) * sector_bytes - offset % sector_bytes;
  // The last sector of the file may be short: programs write compressed bytes without padding.
  const auto end = (header.file_bytes + sector_bytes - 1) / sector_bytes * sector_bytes;
  if (offset >= header.file_bytes || bytes > end - offset) {
    return refuse_past_end(entry, offset, bytes);
  }
  return Qcow2Cluster{ClusterKind::compressed, offset, bytes};
}

bool unpack_zlib(ByteView packed, MutableBytes into) {
  z_stream stream = {};
  // Raw deflate; QEMU packs with a window of 4 KiB.
  if (inflateInit2(&stream, -12) != Z_OK) return false;
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = into.data();
  stream.avail_out = static_cast<uInt>(into.size());
  const int status = inflate(&stream, Z_FINISH);
  const bool full = stream.avail_out == 0 && (status == Z_STREAM_END || status == Z_BUF_ERROR);
  inflateEnd(&stream);
  return full;
}

bool unpack_zstd(ByteView packed, MutableBytes into) {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (!context) return false;
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
  // A cluster has at most 2 MiB: a larger window would only cost memory.
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 22);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  ZSTD_outBuffer out{into.data(), into.size(), 0};
  while (out.pos < out.size) {
    const auto before = in.pos + out.pos;
    const auto left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left)) return false;
    if (in.pos + out.pos == before) return false;
  }
  return true;
}

}  // namespace

Result<Qcow2Cluster> parse_l2_entry(const Qcow2Header& header, std::uint64_t value,
                                    std::uint64_t index, std::uint64_t entry_at) {
  if (value == 0) return Qcow2Cluster{.kind = ClusterKind::absent};
  const Entry entry{header, value, index, entry_at};
  if (value & qcow2_compressed) return parse_compressed(entry);

  const std::uint64_t zero_flag = header.version >= 3 ? 1 : 0;
  const auto known = qcow2_offset_mask | qcow2_copied | zero_flag;
  if (value & ~known) {
    return refuse_entry(entry, code::metadata,
                        "reserved bits are set, which must be 0. Convert the image again");
  }
  const auto kind = (value & zero_flag) != 0 ? ClusterKind::zero : ClusterKind::data;
  const auto offset = value & qcow2_offset_mask;
  if (offset == 0) {
    if ((value & qcow2_copied) == 0) return Qcow2Cluster{};
    return refuse_entry(entry, code::overlap,
                        "it points to byte 0, where the header is. Convert the image again from a "
                        "good copy");
  }
  if (offset % header.cluster_bytes() != 0) {
    return refuse_entry(entry, code::metadata,
                        fmt::format("it points to byte {}, which is not a multiple of the cluster "
                                    "size of {} bytes. Convert the image again",
                                    offset, header.cluster_bytes()));
  }
  // The disk may end inside its last cluster, and then the file may too.
  const auto bytes =
      std::min(header.cluster_bytes(), header.size_bytes - (index << header.cluster_bits));
  if (offset > header.file_bytes || bytes > header.file_bytes - offset) {
    return refuse_past_end(entry, offset, bytes);
  }
  return Qcow2Cluster{kind, offset, bytes};
}

Result<> unpack_cluster(const Qcow2Header& header, ByteView packed, std::uint64_t index,
                        std::uint64_t host_offset, MutableBytes into) {
  const bool zstd = header.compression == Compression::zstd;
  if (zstd ? unpack_zstd(packed, into) : unpack_zlib(packed, into)) return {};
  return refuse(
      code::metadata, {"qcow2", host_offset},
      "The QCOW2 cluster {}, compressed at byte {}, does not unpack to {} bytes of {}: it "
      "is damaged. {}",
      index, host_offset, into.size(), zstd ? "zstd" : "deflate", again);
}

}  // namespace pinaco::format
