// Writing dynamic VHDs: footer copy, dynamic header, block table, then each block that holds data
// in disk order, and the footer. Blocks have 2 MiB, as every reader expects.
#include "format/refuse.h"
#include "format/vhd_footer.h"
#include "format/write.h"

namespace pinaco::format {
namespace {

constexpr std::uint64_t block_bytes = chunk_bytes;
constexpr std::uint64_t bitmap_bytes = 512;
constexpr std::uint64_t header_at = 512;
constexpr std::uint64_t header_bytes = 1024;
constexpr std::uint64_t bat_at = header_at + header_bytes;

Bytes dynamic_header(std::uint32_t blocks) {
  Bytes header(header_bytes);
  const auto cookie = as_bytes("cxsparse");
  std::copy(cookie.begin(), cookie.end(), header.begin());
  store_be<std::uint64_t>(header, 8, ~std::uint64_t{0});
  store_be<std::uint64_t>(header, 16, bat_at);
  store_be<std::uint32_t>(header, 24, 0x00010000);
  store_be<std::uint32_t>(header, 28, blocks);
  store_be<std::uint32_t>(header, 32, static_cast<std::uint32_t>(block_bytes));
  store_be<std::uint32_t>(header, 36, vhd_checksum(header, 36));
  return header;
}

}  // namespace

Result<> write_dynamic_vhd(const DiskReader& disk, const os::File& file,
                           const std::function<bool(std::uint64_t)>& progress) {
  const auto size_bytes = disk.size_bytes();
  const auto blocks = (size_bytes + block_bytes - 1) / block_bytes;
  // The rest of the table's last sector is unused entries, too.
  Bytes bat((blocks * 4 + sector_bytes - 1) / sector_bytes * sector_bytes, 0xff);
  const Bytes bitmap(bitmap_bytes, 0xff);
  ContentId id(size_bytes);
  auto end = bat_at + bat.size();
  TRY(each_chunk(disk, progress, [&](std::uint64_t offset, ByteView bytes) -> Result<> {
    id.add(offset, bytes);
    store_be<std::uint32_t>(bat, offset / block_bytes * 4,
                            static_cast<std::uint32_t>(end / sector_bytes));
    TRY(file.write_exact(end, bitmap));
    TRY(write_sparse(file, end + bitmap_bytes, bytes));
    end += bitmap_bytes + block_bytes;
    return {};
  }));
  const auto footer = vhd_footer(size_bytes, VhdType::dynamic, header_at, id.first_16());
  TRY(file.write_exact(0, footer));
  TRY(file.write_exact(header_at, dynamic_header(static_cast<std::uint32_t>(blocks))));
  TRY(file.write_exact(bat_at, bat));
  return file.write_exact(end, footer);
}

}  // namespace pinaco::format
