// Dynamic VHD: a table (BAT) says where each block of the disk lies in the file.
//
//   0            512              table_offset                     end - 512
//   | footer copy | dynamic header | BAT: u32 sectors | blocks ... | footer |
//   block = bitmap of its sectors, rounded up to a sector | block_size bytes
//
// Nothing may be used twice: blocks, BAT, header and footers are checked to be disjoint before
// anything is read, so that reading a disk costs no more than its file holds.
#include <algorithm>

#include "format/raw.h"
#include "format/refuse.h"
#include "format/vhd.h"

namespace pinaco::format {
namespace {

constexpr std::uint64_t header_bytes = 1024;
constexpr std::uint64_t entries_max = std::uint64_t{1} << 24;  // 64 MiB of BAT
constexpr std::uint64_t block_bytes_min = std::uint64_t{64} << 10;
constexpr std::uint64_t block_bytes_max = std::uint64_t{256} << 20;
constexpr std::uint32_t unused = 0xffffffff;

struct Layout {
  std::uint64_t disk_bytes = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t bitmap_bytes = 0;
  std::uint64_t header_at = 0;
  std::uint64_t bat_at = 0;
  std::uint64_t bat_bytes = 0;  // as the header says, in whole sectors
  std::uint64_t blocks = 0;     // that the disk needs
  std::uint64_t file_bytes = 0;

  std::uint64_t stored_bytes() const { return bitmap_bytes + block_bytes; }
};

class DynamicDisk final : public DiskReader {
 public:
  DynamicDisk(std::shared_ptr<Source> source, const Layout& layout, std::vector<std::uint32_t> bat)
      : source_(std::move(source)), layout_(layout), bat_(std::move(bat)) {}

  std::uint64_t size_bytes() const override { return layout_.disk_bytes; }

  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    TRY(check_range(offset, into.size(), layout_.disk_bytes));
    while (!into.empty()) {
      const auto block = offset / layout_.block_bytes;
      const auto inside = offset % layout_.block_bytes;
      const auto length = std::min<std::uint64_t>(into.size(), layout_.block_bytes - inside);
      const auto piece = into.first(length);
      if (bat_[block] == unused) {
        std::ranges::fill(piece, std::uint8_t{0});
      } else {
        const auto at = bat_[block] * sector_bytes;
        TRY(source_->read(at + layout_.bitmap_bytes + inside, piece));
        TRY(check_bitmap(block, at, inside, piece));
      }
      offset += length;
      into = into.subspan(length);
    }
    return {};
  }

  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    TRY(check_range(offset, length, layout_.disk_bytes));
    ExtentList list;
    for (const auto end = offset + length; offset < end;) {
      const auto block = offset / layout_.block_bytes;
      const auto inside = offset % layout_.block_bytes;
      const auto piece = std::min(end - offset, layout_.block_bytes - inside);
      if (bat_[block] == unused) {
        list.add(offset, piece, true);
      } else {
        const auto from = bat_[block] * sector_bytes + layout_.bitmap_bytes + inside;
        TRY(list.add_from(*source_, from, offset, piece));
      }
      offset += piece;
    }
    return list.take();
  }

 private:
  // A sector that the bitmap calls unwritten reads as zeros. Some programs obey the bitmap and
  // some do not, so bytes under a clear bit would be two different disks: refused.
  Result<> check_bitmap(std::uint64_t block, std::uint64_t at, std::uint64_t inside,
                        ByteView piece) const {
    const auto first = inside / sector_bytes;
    const auto last = (inside + piece.size() - 1) / sector_bytes;
    Bytes bitmap(last / 8 - first / 8 + 1);
    TRY(source_->read(at + first / 8, bitmap));
    for (auto sector = first; sector <= last; ++sector) {
      const auto bits = bitmap[sector / 8 - first / 8];
      if (bits == 0xff && sector % 8 == 0) {
        sector += 7;
        continue;
      }
      if (bits & (0x80 >> sector % 8)) continue;
      const auto start = std::max(sector * sector_bytes, inside);
      const auto end = std::min((sector + 1) * sector_bytes, inside + piece.size());
      if (is_zero(piece.subspan(start - inside, end - start))) continue;
      return refuse(code::metadata, {"vhd", at + sector / 8},
                    "The bitmap of VHD block {} at byte {} says that sector {} of the block was "
                    "never written, but the sector holds data. Convert the image again.",
                    block, at, sector);
    }
    return {};
  }

  const std::shared_ptr<Source> source_;
  const Layout layout_;
  const std::vector<std::uint32_t> bat_;  // sector of each block's bitmap, or unused
};

// The copy at the start must be the same disk as the footer at the end.
Result<> check_copy(const Source& source, const VhdFooter& footer,
                    std::vector<std::string>& warnings) {
  const auto copy = TRY(read_vhd_footer(source, 0));
  if (!copy.has_cookie()) {
    return refuse(code::metadata, {"vhd", 0},
                  "The VHD is dynamic, but byte 0 does not begin a copy of the footer with the "
                  "cookie 'conectix'. Convert the image again.");
  }
  if (copy.checksum() != copy.right_checksum()) {
    return refuse(
        code::checksum, {"vhd", 64},
        "The VHD footer copy's field 'checksum' at byte 64 is 0x{:08x}, but its bytes sum "
        "to 0x{:08x}: it was damaged. Upload the image again, or convert it again.",
        copy.checksum(), copy.right_checksum());
  }
  struct Field {
    std::string_view name;
    std::size_t at, bytes;
  };
  constexpr std::array fields = {Field{"file_format_version", 12, 4}, Field{"data_offset", 16, 8},
                                 Field{"current_size", 48, 8}, Field{"disk_type", 60, 4},
                                 Field{"unique_id", 68, 16}};
  for (const auto& field : fields) {
    const auto here = ByteView(copy.bytes).subspan(field.at, field.bytes);
    const auto there = ByteView(footer.bytes).subspan(field.at, field.bytes);
    if (std::ranges::equal(here, there)) continue;
    return refuse(code::metadata, {"vhd", field.at},
                  "The two VHD footers disagree: the field '{}' at byte {} and the one at byte {} "
                  "must be equal. The image was not closed properly; convert it again.",
                  field.name, field.at, footer.at + field.at);
  }
  if (copy.bytes != footer.bytes) {
    warnings.emplace_back("The two VHD footers differ in fields that do not change the disk.");
  }
  return {};
}

Result<> check_header(const VhdFooter& footer, ByteView header, Layout& layout) {
  const auto at = layout.header_at;
  if (as_text(header.first(8)) != "cxsparse") {
    return refuse(code::metadata, {"vhd", at},
                  "The VHD dynamic header field 'cookie' at byte {} is not 'cxsparse', or the "
                  "footer field 'data_offset' at byte {} does not point to the header. Convert the "
                  "image again.",
                  at, footer.at + 16);
  }
  if (const auto right = vhd_checksum(header, 36); load_be<std::uint32_t>(header, 36) != right) {
    return refuse(
        code::checksum, {"vhd", at + 36},
        "The VHD dynamic header field 'checksum' at byte {} is 0x{:08x}, but the header's "
        "bytes sum to 0x{:08x}: it was damaged. Upload the image again, or convert it.",
        at + 36, load_be<std::uint32_t>(header, 36), right);
  }
  if (const auto version = load_be<std::uint32_t>(header, 24); version >> 16 != 1) {
    return refuse(code::unsupported, {"vhd", at + 24},
                  "The VHD dynamic header field 'header_version' at byte {} is 0x{:08x}, but only "
                  "version 1 (0x00010000) is known. Convert the image.",
                  at + 24, version);
  }
  layout.block_bytes = load_be<std::uint32_t>(header, 32);
  if (layout.block_bytes < block_bytes_min || layout.block_bytes > block_bytes_max ||
      !std::has_single_bit(layout.block_bytes)) {
    return refuse(code::metadata, {"vhd", at + 32},
                  "The VHD dynamic header field 'block_size' at byte {} is {}, but it must be a "
                  "power of two from {} to {}. Convert the image again.",
                  at + 32, layout.block_bytes, block_bytes_min, block_bytes_max);
  }
  const auto bitmap_bytes = layout.block_bytes / sector_bytes / 8;
  layout.bitmap_bytes = (bitmap_bytes + sector_bytes - 1) / sector_bytes * sector_bytes;
  layout.blocks = (layout.disk_bytes + layout.block_bytes - 1) / layout.block_bytes;
  const std::uint64_t entries = load_be<std::uint32_t>(header, 28);
  if (entries < layout.blocks || entries > entries_max) {
    return refuse(
        code::metadata, {"vhd", at + 28},
        "The VHD dynamic header field 'max_table_entries' at byte {} is {}, but a disk of "
        "{} bytes with blocks of {} bytes needs {} and the table may have at most {}. "
        "Convert the image again, with larger blocks if it needs more.",
        at + 28, entries, layout.disk_bytes, layout.block_bytes, layout.blocks, entries_max);
  }
  layout.bat_bytes = (entries * 4 + sector_bytes - 1) / sector_bytes * sector_bytes;
  layout.bat_at = load_be<std::uint64_t>(header, 16);
  if (layout.bat_at > footer.at || layout.bat_bytes > footer.at - layout.bat_at) {
    return refuse(code::truncated, {"vhd", at + 16},
                  "The VHD dynamic header field 'table_offset' at byte {} is {}: the {} bytes of "
                  "the block table (BAT) there do not lie before the footer at byte {}. The upload "
                  "was cut short, or the image must be converted again.",
                  at + 16, layout.bat_at, layout.bat_bytes, footer.at);
  }
  return {};
}

Result<Layout> read_layout(const Source& source, const VhdFooter& footer) {
  Layout layout{.disk_bytes = footer.current_size(), .header_at = footer.data_offset()};
  layout.file_bytes = source.size_bytes();
  const auto field_at = footer.at + 16;
  if (layout.header_at == ~std::uint64_t{0}) {
    return refuse(code::metadata, {"vhd", field_at},
                  "The VHD footer field 'data_offset' at byte {} is all ones, but a dynamic disk "
                  "(type 3) needs the byte of its dynamic header there. Convert the image again.",
                  field_at);
  }
  if (layout.header_at > layout.file_bytes || header_bytes > layout.file_bytes - layout.header_at) {
    return refuse(
        code::truncated, {"vhd", field_at},
        "The VHD footer field 'data_offset' at byte {} is {}: a dynamic header of 1024 "
        "bytes there would pass the end of the file at byte {}. The upload was cut short, "
        "or the image must be converted again.",
        field_at, layout.header_at, layout.file_bytes);
  }
  Bytes header(header_bytes);
  TRY(source.read(layout.header_at, header));
  TRY(check_header(footer, header, layout));
  return layout;
}

std::unexpected<Error> refuse_overlap(std::uint64_t byte, std::string_view what) {
  return refuse(code::overlap, {"vhd", byte},
                "The VHD is inconsistent: {}. Every part of the file may be used once. Convert the "
                "image again from a good copy.",
                what);
}

struct Piece {
  std::uint64_t at = 0;
  std::uint64_t bytes = 0;
  std::string_view name;
};

Result<> check_blocks(const Layout& layout, const std::vector<std::uint32_t>& bat) {
  std::array<Piece, 4> fixed = {{{0, sector_bytes, "footer copy"},
                                 {layout.header_at, header_bytes, "dynamic header"},
                                 {layout.bat_at, layout.bat_bytes, "block table (BAT)"},
                                 {layout.file_bytes - sector_bytes, sector_bytes, "footer"}}};
  std::ranges::sort(fixed, {}, &Piece::at);
  for (std::size_t i = 1; i < fixed.size(); ++i) {
    if (fixed[i - 1].at + fixed[i - 1].bytes <= fixed[i].at) continue;
    return refuse_overlap(fixed[i].at, fmt::format("the {} and the {} overlap at byte {}",
                                                   fixed[i - 1].name, fixed[i].name, fixed[i].at));
  }
  std::vector<std::uint32_t> used;
  for (std::size_t i = 0; i < bat.size(); ++i) {
    if (bat[i] == unused) continue;
    const auto at = bat[i] * sector_bytes;
    const auto entry_at = layout.bat_at + i * 4;
    if (at > layout.file_bytes || layout.stored_bytes() > layout.file_bytes - at) {
      return refuse(
          code::truncated, {"vhd", entry_at},
          "The VHD block table entry {} at byte {} is {}: the block of {} bytes from byte "
          "{} on would pass the end of the file at byte {}. The upload was cut short; "
          "upload it again.",
          i, entry_at, bat[i], layout.stored_bytes(), at, layout.file_bytes);
    }
    for (const auto& piece : fixed) {
      if (at + layout.stored_bytes() <= piece.at || at >= piece.at + piece.bytes) continue;
      return refuse_overlap(entry_at,
                            fmt::format("the block table entry {} at byte {} is {}, so that the "
                                        "block from byte {} on overlaps the {} at byte {}",
                                        i, entry_at, bat[i], at, piece.name, piece.at));
    }
    used.push_back(bat[i]);
    // More blocks than fit means that some are shared: found before the list can grow further.
    if (used.size() * layout.stored_bytes() > layout.file_bytes) {
      return refuse_overlap(entry_at,
                            fmt::format("the first {} entries of the block table use more "
                                        "bytes than the file has, so blocks are shared",
                                        i + 1));
    }
  }
  std::ranges::sort(used);
  for (std::size_t i = 1; i < used.size(); ++i) {
    if ((used[i] - used[i - 1]) * sector_bytes >= layout.stored_bytes()) continue;
    return refuse_overlap(used[i] * sector_bytes,
                          fmt::format("two entries of the block table (BAT) use the bytes from {} "
                                      "on",
                                      used[i] * sector_bytes));
  }
  return {};
}

}  // namespace

Result<Opened> open_dynamic_vhd(std::shared_ptr<Source> source, const VhdFooter& footer) {
  Opened opened{.format = Format::vhd, .variant = "dynamic"};
  TRY(check_copy(*source, footer, opened.warnings));
  const auto layout = TRY(read_layout(*source, footer));
  Bytes table(layout.blocks * 4);
  TRY(source->read(layout.bat_at, table));
  std::vector<std::uint32_t> bat(layout.blocks);
  for (std::size_t i = 0; i < bat.size(); ++i) bat[i] = load_be<std::uint32_t>(table, i * 4);
  table = {};
  TRY(check_blocks(layout, bat));
  add_footer_warnings(footer, opened.warnings);
  opened.disk = std::make_unique<DynamicDisk>(std::move(source), layout, std::move(bat));
  return opened;
}

}  // namespace pinaco::format
