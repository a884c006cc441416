// The 512-byte footer that makes a file a VHD, and its checksum. Big-endian.
//
//   0 cookie "conectix"   8 features   12 version 1.0   16 data offset (dynamic header, or all
//  24 timestamp          28 creator: application, version, system   ones)
//  40 original size      48 current size      56 geometry     60 type: 2 fixed, 3 dynamic,
//  64 checksum           68 identifier        84 saved state     4 differencing
//
// Source: Microsoft, Virtual Hard Disk Image Format Specification (2006).
#pragma once

#include <array>

#include "format/format.h"

namespace pinaco::format {

inline constexpr std::string_view vhd_cookie = "conectix";
inline constexpr std::uint64_t dynamic_vhd_bytes_max = std::uint64_t{2040} << 30;

enum class VhdType : std::uint32_t { fixed = 2, dynamic = 3, differencing = 4 };

struct VhdFooter {
  std::array<std::uint8_t, 512> bytes = {};
  std::uint64_t at = 0;  // where in the file it was read

  bool has_cookie() const { return as_text(ByteView(bytes).first(8)) == vhd_cookie; }
  std::uint32_t features() const { return load_be<std::uint32_t>(bytes, 8); }
  std::uint32_t version() const { return load_be<std::uint32_t>(bytes, 12); }
  std::uint64_t data_offset() const { return load_be<std::uint64_t>(bytes, 16); }
  std::uint64_t current_size() const { return load_be<std::uint64_t>(bytes, 48); }
  std::uint32_t type() const { return load_be<std::uint32_t>(bytes, 60); }
  std::uint32_t checksum() const { return load_be<std::uint32_t>(bytes, 64); }
  std::uint32_t right_checksum() const;
  bool is(VhdType wanted) const { return type() == static_cast<std::uint32_t>(wanted); }
  bool saved_state() const { return bytes[84] != 0; }
};

// One's complement of the sum of all bytes but the four of the checksum itself.
std::uint32_t vhd_checksum(ByteView bytes, std::size_t checksum_at);

Result<VhdFooter> read_vhd_footer(const Source& source, std::uint64_t at);

// Cookie, checksum, version, type and size, in this order; not how they fit the file.
Result<> check_vhd_footer(const VhdFooter& footer);

// What is odd in a valid footer but changes no byte of the disk.
void add_footer_warnings(const VhdFooter& footer, std::vector<std::string>& warnings);

Bytes vhd_footer(std::uint64_t size_bytes, VhdType type, std::uint64_t data_offset,
                 ByteView unique_16_bytes);

}  // namespace pinaco::format
