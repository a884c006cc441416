// Fuzzing the readers: any bytes, opened as each format, and what opens is read.
//
// The first byte says what the bytes are stated to be, and whether checksums are repaired first:
// random VHDs would otherwise all end at the checksum.
#include <algorithm>

#include "format/format.h"
#include "format/vhd_footer.h"

namespace pinaco::format {
namespace {

constexpr std::uint64_t read_bytes_max = 4 << 20;

void repair(Bytes& image, std::uint64_t at, std::size_t bytes, std::size_t checksum_at) {
  if (at > image.size() || bytes > image.size() - at) return;
  const auto sum = vhd_checksum(ByteView(image).subspan(at, bytes), checksum_at);
  store_be<std::uint32_t>(image, at + checksum_at, sum);
}

void repair_checksums(Bytes& image) {
  if (image.size() < 512) return;
  repair(image, 0, 512, 64);
  repair(image, image.size() - 512, 512, 64);
  repair(image, load_be<std::uint64_t>(image, image.size() - 512 + 16), 1024, 36);
}

void read_some(const DiskReader& disk) {
  const auto size_bytes = disk.size_bytes();
  CHECK(size_bytes > 0 && size_bytes % 512 == 0);
  const auto extents = disk.extents(0, size_bytes);
  if (!extents) return;
  std::uint64_t covered = 0;
  std::uint64_t left = read_bytes_max;
  Bytes piece;
  for (const auto& extent : *extents) {
    CHECK(extent.offset == covered && extent.length > 0);
    covered += extent.length;
    piece.resize(std::min({extent.length, left, std::uint64_t{100'000}}));
    left -= piece.size();
    if (piece.empty()) continue;
    const bool read = disk.read(extent.offset, piece).has_value();
    CHECK(!read || !extent.zero || is_zero(piece));
  }
  CHECK(covered == size_bytes);
}

void try_one(const Bytes& image, std::optional<Format> stated) {
  const auto opened = open_image(in_memory(image), stated);
  if (opened) {
    read_some(*opened->disk);
  } else {
    CHECK(!opened.error().code.empty() && !opened.error().message.empty());
  }
}

}  // namespace
}  // namespace pinaco::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaco::format;
  if (size == 0) return 0;
  pinaco::Bytes image(data + 1, data + size);
  if (data[0] & 4) repair_checksums(image);
  constexpr std::optional<Format> stated[] = {{}, Format::raw, Format::vhd, Format::qcow2};
  try_one(image, stated[data[0] & 3]);
  if (const auto opened = open_uploaded_vhd(in_memory(image)); opened) read_some(*opened->disk);
  return 0;
}
