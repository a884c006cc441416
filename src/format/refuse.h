// Refusing an image: a code of the catalogue, a message for people, and where the fault was found.
//
// Messages say format, field, byte, the value found, what is allowed and what to do. They never
// carry bytes of the image: a name inside it may be a secret or an attack on whoever reads the log.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace pinaco::format {

inline constexpr std::uint64_t sector_bytes = 512;
inline constexpr std::uint64_t disk_bytes_max = std::uint64_t{32} << 40;
inline constexpr std::string_view formats_taken = "raw, VHD (fixed or dynamic) and QCOW2";

namespace code {
inline constexpr std::string_view checksum = "ImageChecksumMismatch";
inline constexpr std::string_view empty = "EmptyImage";
inline constexpr std::string_view format = "InvalidImageFormat";
inline constexpr std::string_view metadata = "ImageMetadataInvalid";
inline constexpr std::string_view mismatch = "ImageFormatMismatch";
inline constexpr std::string_view not_aligned = "ImageSizeNotAligned";
inline constexpr std::string_view overlap = "ImageMetadataOverlap";
inline constexpr std::string_view too_large = "ImageTooLarge";
inline constexpr std::string_view truncated = "ImageTruncated";
inline constexpr std::string_view unsafe = "UnsafeImageReference";
inline constexpr std::string_view unsupported = "UnsupportedImageFeature";
}  // namespace code

// Where in the bytes of the image a fault is; becomes the error's details.
struct Spot {
  std::string_view format;
  std::uint64_t byte = 0;
};

std::unexpected<Error> refuse_text(std::string_view code, Spot spot, std::string message);

template <typename... Args>
std::unexpected<Error> refuse(std::string_view code, Spot spot, fmt::format_string<Args...> text,
                              Args&&... args) {
  return refuse_text(code, spot, fmt::format(text, std::forward<Args>(args)...));
}

// A read outside a disk or a file is the reader's mistake, not the image's.
Result<> check_range(std::uint64_t offset, std::uint64_t length, std::uint64_t size_bytes);

// The rules every format shares: 512 bytes to 32 TiB in whole sectors.
Result<> check_disk_size(std::uint64_t size_bytes, Spot spot, std::string_view field);

}  // namespace pinaco::format
