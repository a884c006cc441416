// VHD footers: reading, checking and making them.
#include "format/vhd_footer.h"

#include <algorithm>

#include "format/refuse.h"

namespace pinaco::format {
namespace {

constexpr std::uint32_t version_1_0 = 0x00010000;
constexpr std::size_t checksum_at = 64;

// Cylinders, heads and sectors by the appendix of the specification. Only old firmware reads
// them; they stop at about 127 GiB.
std::uint32_t geometry(std::uint64_t size_bytes) {
  auto sectors = std::min<std::uint64_t>(size_bytes / sector_bytes, 65535ULL * 16 * 255);
  std::uint64_t per_track = 0;
  std::uint64_t heads = 0;
  std::uint64_t cylinders_x_heads = 0;
  if (sectors >= 65535ULL * 16 * 63) {
    per_track = 255;
    heads = 16;
    cylinders_x_heads = sectors / per_track;
  } else {
    per_track = 17;
    cylinders_x_heads = sectors / per_track;
    heads = std::max<std::uint64_t>((cylinders_x_heads + 1023) / 1024, 4);
    if (cylinders_x_heads >= heads * 1024 || heads > 16) {
      per_track = 31;
      heads = 16;
      cylinders_x_heads = sectors / per_track;
    }
    if (cylinders_x_heads >= heads * 1024) {
      per_track = 63;
      heads = 16;
      cylinders_x_heads = sectors / per_track;
    }
  }
  return static_cast<std::uint32_t>((cylinders_x_heads / heads) << 16 | heads << 8 | per_track);
}

}  // namespace

std::uint32_t vhd_checksum(ByteView bytes, std::size_t at) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i < at || i >= at + 4) sum += bytes[i];
  }
  return ~sum;
}

std::uint32_t VhdFooter::right_checksum() const {
  return vhd_checksum(bytes, checksum_at);
}

Result<VhdFooter> read_vhd_footer(const Source& source, std::uint64_t at) {
  VhdFooter footer;
  footer.at = at;
  TRY(source.read(at, footer.bytes));
  return footer;
}

Result<> check_vhd_footer(const VhdFooter& footer) {
  if (!footer.has_cookie()) {
    return refuse(code::format, {"vhd", footer.at},
                  "The VHD footer field 'cookie' at byte {} is not 'conectix'. Check that the "
                  "upload is whole and that it is a VHD.",
                  footer.at);
  }
  if (footer.checksum() != footer.right_checksum()) {
    return refuse(code::checksum, {"vhd", footer.at + checksum_at},
                  "The VHD footer field 'checksum' at byte {} is 0x{:08x}, but the footer's bytes "
                  "sum to 0x{:08x}: the footer was damaged. Upload the image again, or convert it "
                  "again.",
                  footer.at + checksum_at, footer.checksum(), footer.right_checksum());
  }
  if (footer.version() >> 16 != version_1_0 >> 16) {
    return refuse(code::unsupported, {"vhd", footer.at + 12},
                  "The VHD footer field 'file_format_version' at byte {} is 0x{:08x}, but only "
                  "version 1 (0x00010000) is known. Convert the image.",
                  footer.at + 12, footer.version());
  }
  const auto type_at = footer.at + 60;
  if (footer.is(VhdType::differencing)) {
    return refuse(code::unsupported, {"vhd", type_at},
                  "The VHD footer field 'disk_type' at byte {} is 4, a differencing disk: it needs "
                  "a parent, which is never opened. Merge it into a fixed (2) or dynamic (3) disk.",
                  type_at);
  }
  if (!footer.is(VhdType::fixed) && !footer.is(VhdType::dynamic)) {
    return refuse(
        code::metadata, {"vhd", type_at},
        "The VHD footer field 'disk_type' at byte {} is {}, but it must be 2 (fixed) or 3 "
        "(dynamic). Convert the image again.",
        type_at, footer.type());
  }
  const auto size_at = footer.at + 48;
  TRY(check_disk_size(footer.current_size(), {"vhd", size_at},
                      fmt::format("footer field 'current_size' at byte {}", size_at)));
  if (footer.is(VhdType::dynamic) && footer.current_size() > dynamic_vhd_bytes_max) {
    return refuse(
        code::too_large, {"vhd", size_at},
        "The VHD footer field 'current_size' at byte {} is {}, but a dynamic VHD may have "
        "at most {} bytes (2040 GiB). Use a fixed VHD or QCOW2.",
        size_at, footer.current_size(), dynamic_vhd_bytes_max);
  }
  return {};
}

void add_footer_warnings(const VhdFooter& footer, std::vector<std::string>& warnings) {
  if (footer.saved_state()) {
    warnings.push_back(
        "The VHD is marked as belonging to a machine in saved state: its file systems may not have "
        "been shut down.");
  }
  if ((footer.features() & 2) == 0) {
    warnings.push_back("The VHD footer field 'features' lacks the bit that is always set (0x2).");
  }
  if (footer.is(VhdType::fixed) && footer.data_offset() != ~std::uint64_t{0}) {
    warnings.push_back("The VHD footer field 'data_offset' of a fixed disk is not all ones.");
  }
}

Bytes vhd_footer(std::uint64_t size_bytes, VhdType type, std::uint64_t data_offset,
                 ByteView unique_16_bytes) {
  CHECK(size_bytes % sector_bytes == 0);
  CHECK(unique_16_bytes.size() == 16);
  Bytes footer(sector_bytes);
  std::ranges::copy(as_bytes(vhd_cookie), footer.begin());
  store_be<std::uint32_t>(footer, 8, 2);
  store_be<std::uint32_t>(footer, 12, version_1_0);
  store_be<std::uint64_t>(footer, 16, data_offset);
  // The timestamp stays 0, so that the same disk gives the same file. Of the creators, QEMU
  // believes the exact size only for those it knows; for others it rounds to cylinders.
  std::ranges::copy(as_bytes("qem2"), footer.begin() + 28);
  store_be<std::uint32_t>(footer, 32, 0x00010000);
  std::ranges::copy(as_bytes("Wi2k"), footer.begin() + 36);
  store_be<std::uint64_t>(footer, 40, size_bytes);
  store_be<std::uint64_t>(footer, 48, size_bytes);
  store_be<std::uint32_t>(footer, 56, geometry(size_bytes));
  store_be<std::uint32_t>(footer, 60, static_cast<std::uint32_t>(type));
  std::ranges::copy(unique_16_bytes, footer.begin() + 68);
  store_be<std::uint32_t>(footer, checksum_at, vhd_checksum(footer, checksum_at));
  return footer;
}

Bytes fixed_vhd_footer(std::uint64_t size_bytes, ByteView unique_16_bytes) {
  return vhd_footer(size_bytes, VhdType::fixed, ~std::uint64_t{0}, unique_16_bytes);
}

}  // namespace pinaco::format
