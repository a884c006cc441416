// How refusals are put together, and the size rules that every format shares.
#include "format/refuse.h"

namespace pinaco::format {

std::unexpected<Error> refuse_text(std::string_view code, Spot spot, std::string message) {
  return fail(Error{.kind = Kind::invalid,
                    .message = std::move(message),
                    .code = std::string(code),
                    .details = {Error{.message = std::string(spot.format), .code = "Format"},
                                Error{.message = fmt::format("{}", spot.byte), .code = "Offset"}}});
}

Result<> check_range(std::uint64_t offset, std::uint64_t length, std::uint64_t size_bytes) {
  if (offset <= size_bytes && length <= size_bytes - offset) return {};
  return fail(Kind::invalid,
              fmt::format("{} bytes from byte {} on are not inside the {} bytes there are", length,
                          offset, size_bytes));
}

Result<> check_disk_size(std::uint64_t size_bytes, Spot spot, std::string_view field) {
  if (size_bytes == 0) {
    return refuse(code::empty, spot,
                  "The {} {} is 0: the image holds no disk. Upload a disk of at "
                  "least 512 bytes.",
                  spot.format, field);
  }
  if (size_bytes > disk_bytes_max) {
    return refuse(code::too_large, spot,
                  "The {} {} is {} bytes, but a disk may have at most {} "
                  "bytes (32 TiB). Shrink the disk and convert it again.",
                  spot.format, field, size_bytes, disk_bytes_max);
  }
  if (size_bytes % sector_bytes != 0) {
    const auto next = (size_bytes / sector_bytes + 1) * sector_bytes;
    return refuse(code::not_aligned, spot,
                  "The {} {} is {} bytes, but a disk is a whole number of "
                  "512-byte sectors. Enlarge the disk to {} bytes, the next valid size.",
                  spot.format, field, size_bytes, next);
  }
  return {};
}

}  // namespace pinaco::format
