// Rows q of the catalogue of malformed images: QCOW2.
#include "format/test_catalogue.h"

namespace pinaco::format::testing {
namespace {

Row qcow2(std::string id, std::string fault, std::string code, std::function<void(Bytes&)> spoil,
          std::uint32_t version = 3) {
  return {std::move(id), std::move(fault), Format::qcow2,
          [spoil, version] {
            auto image = qcow2_image({.version = version});
            spoil(image);
            return image;
          },
          std::move(code)};
}

template <typename T>
Row qcow2_field(std::string id, std::string fault, std::string code, std::uint64_t at,
                std::uint64_t value) {
  return qcow2(std::move(id), std::move(fault), std::move(code),
               [=](Bytes& image) { set<T>(image, at, value); });
}

constexpr std::uint64_t l1 = 3 * 65536, l2 = 4 * 65536, data = 5 * 65536, end = 6 * 65536;

std::function<void(Bytes&)> backing(std::string name, std::uint64_t at = 1024,
                                    std::uint64_t length = 0) {
  return [=](Bytes& image) {
    set<std::uint64_t>(image, 8, at);
    set<std::uint32_t>(image, 16, length == 0 ? name.size() : length);
    if (at + name.size() <= image.size()) set_text(image, at, name);
  };
}

std::function<void(Bytes&)> extension(std::uint32_t type, std::string content,
                                      std::uint64_t length = 0) {
  return [=](Bytes& image) {
    set<std::uint32_t>(image, 112, type);
    set<std::uint32_t>(image, 116, length == 0 ? content.size() : length);
    set_text(image, 120, content);
  };
}

std::vector<Row> qcow2_header_rows() {
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  return {
      qcow2("q00", "control", "", [](Bytes&) {}),
      qcow2(
          "q00-a", "control version 2", "", [](Bytes&) {}, 2),
      qcow2_field<u32>("q01", "version 1", "UnsupportedImageFeature", 4, 1),
      qcow2_field<u32>("q02", "version 4", "UnsupportedImageFeature", 4, 4),
      qcow2_field<u32>("q03", "cluster bits 8", "ImageMetadataInvalid", 20, 8),
      qcow2_field<u32>("q04", "cluster bits 22", "ImageMetadataInvalid", 20, 22),
      qcow2_field<u32>("q05", "cluster bits max", "ImageMetadataInvalid", 20, 0xffffffff),
      qcow2_field<u32>("q05b", "cluster bits 0", "ImageMetadataInvalid", 20, 0),
      qcow2_field<u64>("q06", "size 0", "EmptyImage", 24, 0),
      qcow2_field<u64>("q07", "size 2^63", "ImageTooLarge", 24, u64{1} << 63),
      qcow2_field<u64>("q08", "size odd", "ImageSizeNotAligned", 24, 1000001),
      qcow2_field<u64>("q09", "size 8 EiB", "ImageTooLarge", 24, (u64{1} << 63) - 512),
      qcow2_field<u64>("q10", "size needs more L1", "ImageMetadataInvalid", 24, 1024 * mib),
      qcow2_field<u32>("q11", "l1 size max", "ImageMetadataInvalid", 36, 0xffffffff),
      qcow2_field<u32>("q11b", "l1 size 0", "ImageMetadataInvalid", 36, 0),
      qcow2_field<u64>("q12", "l1 offset unaligned", "ImageMetadataInvalid", 40, l1 + 8),
      qcow2_field<u64>("q13", "l1 offset past EOF", "ImageTruncated", 40, u64{1} << 40),
      qcow2_field<u64>("q14", "l1 offset 0", "ImageMetadataOverlap", 40, 0),
      qcow2_field<u64>("q15", "refcount table past EOF", "ImageTruncated", 48, u64{1} << 40),
      qcow2_field<u32>("q16", "refcount clusters max", "ImageMetadataInvalid", 56, 0xffffffff),
      qcow2_field<u32>("q16b", "refcount clusters 0", "ImageMetadataInvalid", 56, 0),
      qcow2_field<u32>("q17", "refcount order 7", "ImageMetadataInvalid", 96, 7),
      qcow2_field<u32>("q17b", "refcount order 63", "ImageMetadataInvalid", 96, 63),
      qcow2_field<u32>("q18", "header length max", "ImageMetadataInvalid", 100, 0xffffffff),
      qcow2_field<u32>("q19", "header length 103", "ImageMetadataInvalid", 100, 103),
      qcow2_field<u32>("q20", "snapshots max", "ImageMetadataInvalid", 60, 0xffffffff),
      qcow2("q20b", "snapshots past EOF", "ImageTruncated",
            [](Bytes& image) {
              set<u32>(image, 60, 1);
              set<u64>(image, 64, u64{1} << 40);
            }),
      qcow2_field<u64>("q21", "incompatible bit 40", "UnsupportedImageFeature", 72, u64{1} << 40),
      qcow2_field<u64>("q22", "dirty bit", "", 72, 1),
      qcow2_field<u64>("q23", "corrupt bit", "ImageMetadataInvalid", 72, 2),
      qcow2("q24", "data file with name", "UnsafeImageReference",
            [](Bytes& image) {
              extension(0x44415441, "/etc/passwd")(image);
              set<u64>(image, 72, 4);
            }),
      qcow2_field<u64>("q24b", "data file without name", "UnsafeImageReference", 72, 4),
      qcow2("q24-c", "data file name without bit", "UnsafeImageReference",
            extension(0x44415441, "/etc/passwd")),
      qcow2("q24-d", "raw external autoclear bit only", "",
            [](Bytes& image) { set<u64>(image, 88, 2); }),
      qcow2("q25", "backing file", "UnsafeImageReference", backing("/etc/passwd")),
      qcow2("q26", "backing json", "UnsafeImageReference",
            backing(R"(json:{"driver":"file","filename":"/etc/passwd"})")),
      qcow2("q27", "backing nbd", "UnsafeImageReference", backing("nbd://169.254.169.254:80/x")),
      qcow2("q27b", "backing relative", "UnsafeImageReference", backing("../../../../etc/passwd")),
      qcow2("q27-c", "backing in version 2", "UnsafeImageReference", backing("/etc/passwd"), 2),
      qcow2("q28", "backing size 1024", "ImageMetadataInvalid", backing("x", 1024, 1024)),
      qcow2("q28b", "backing in header", "ImageMetadataOverlap", backing("x", 80)),
      qcow2("q28c", "backing outside cluster", "ImageMetadataInvalid", backing("x", 65536)),
      qcow2_field<u32>("q29", "AES", "UnsupportedImageFeature", 32, 1),
      qcow2_field<u32>("q29b", "LUKS without header", "UnsupportedImageFeature", 32, 2),
      qcow2("q29-c", "LUKS header extension", "UnsupportedImageFeature",
            extension(0x0537be77, std::string(16, 'x'))),
      qcow2_field<u32>("q30", "crypt method 99", "UnsupportedImageFeature", 32, 99),
      qcow2_field<std::uint8_t>("q31", "compression without bit", "ImageMetadataInvalid", 104, 1),
      qcow2_field<u64>("q31-b", "compression bit without type", "ImageMetadataInvalid", 72, 8),
      qcow2("q32", "compression type 255", "UnsupportedImageFeature",
            [](Bytes& image) {
              set<u64>(image, 72, 8);
              image[104] = 255;
            }),
      qcow2("q33", "extension length", "ImageMetadataInvalid",
            extension(0x6803f857, "x", 0x7fffffff)),
      qcow2("q33-c", "extensions without end", "ImageMetadataInvalid",
            [](Bytes& image) {
              for (u64 at = 112; at < 65536; at += 8) set<u32>(image, at, 0x6803f857);
              set<u32>(image, 65536 - 8 + 4, 1);
            }),
      qcow2_field<u64>("q33b", "extended L2", "UnsupportedImageFeature", 72, 16),
  };
}

std::vector<Row> qcow2_table_rows() {
  using u64 = std::uint64_t;
  const auto entry = [](std::string id, std::string fault, std::string code, u64 at, u64 value) {
    return qcow2_field<u64>(std::move(id), std::move(fault), std::move(code), at, value);
  };
  return {
      entry("q35", "L1 to L1", "ImageMetadataOverlap", l1, l1 | copied),
      entry("q36", "L1 to header", "ImageMetadataOverlap", l1, copied),
      entry("q37", "L1 past EOF", "ImageTruncated", l1, (u64{1} << 40) | copied),
      entry("q38", "L1 unaligned", "ImageMetadataInvalid", l1, (l2 + 512) | copied),
      entry("q38-b", "L1 reserved bits", "ImageMetadataInvalid", l1, l2 | copied | 1),
      entry("q39", "L2 to L2", "ImageMetadataOverlap", l2, l2 | copied),
      entry("q39b", "L2 to header", "ImageMetadataOverlap", l2, copied),
      entry("q39-c", "L2 to refcount table", "ImageMetadataOverlap", l2, 65536 | copied),
      entry("q39-d", "L2 to refcount block", "ImageMetadataOverlap", l2, 2 * 65536 | copied),
      entry("q39-e", "L2 to L1", "ImageMetadataOverlap", l2, l1 | copied),
      entry("q40", "L2 past EOF", "ImageTruncated", l2, (u64{1} << 40) | copied),
      entry("q40-b", "L2 at EOF", "ImageTruncated", l2, end | copied),
      entry("q41", "L2 unaligned", "ImageMetadataInvalid", l2, (data + 512) | copied),
      qcow2("q42", "all L2 to one cluster", "ImageMetadataOverlap",
            [](Bytes& image) {
              for (u64 i = 0; i < 1024; ++i) set<u64>(image, l2 + i * 8, data | copied);
            }),
      entry("q42-b", "two L2 to one cluster", "ImageMetadataOverlap", l2 + 800, data | copied),
      entry("q43", "L2 reserved bits", "ImageMetadataInvalid", l2, data | copied | 0x1e),
      entry("q43-b", "L2 high reserved bits", "ImageMetadataInvalid", l2, data | u64{1} << 58),
      qcow2(
          "q43-c", "zero flag in version 2", "ImageMetadataInvalid",
          [](Bytes& image) { set<u64>(image, l2, data | copied | 1); }, 2),
      entry("q43-d", "zero flag with place", "", l2, data | copied | 1),
      entry("q43-e", "zero flag without place", "", l2 + 8, 1),
      entry("q43-f", "zero flag past EOF", "ImageTruncated", l2 + 8, end | 1),
      entry("q44", "compressed past EOF", "ImageTruncated", l2, compressed | (end + 4096)),
      entry("q44-b", "compressed crosses EOF", "ImageTruncated", l2,
            compressed | u64{2} << 54 | (end - 1024)),
      entry("q44-c", "compressed with copied bit", "ImageMetadataInvalid", l2,
            compressed | copied | data),
      qcow2("q44-d", "compressed in L2 table", "ImageMetadataOverlap",
            [](Bytes& image) { set<u64>(image, l2 + 8, compressed | (l2 + 4096)); }),
      qcow2("q44-e", "two compressed at one byte", "ImageMetadataOverlap",
            [](Bytes& image) {
              set<u64>(image, l2, compressed | (data + 5));
              set<u64>(image, l2 + 8, compressed | (data + 5));
            }),
      qcow2("q44-f", "compressed share a sector and more", "ImageMetadataOverlap",
            [](Bytes& image) {
              set<u64>(image, l2, compressed | u64{3} << 54 | data);
              set<u64>(image, l2 + 8, compressed | (data + 1030));
            }),
      entry("q45", "junk zlib", "ImageMetadataInvalid", l2, compressed | u64{9} << 54 | data),
      qcow2("q45-b", "junk zstd", "ImageMetadataInvalid",
            [](Bytes& image) {
              set<u64>(image, 72, 8);
              image[104] = 1;
              set<u64>(image, l2, compressed | u64{9} << 54 | data);
            }),
      qcow2("q47", "cut at 40", "ImageTruncated", [](Bytes& image) { image.resize(40); }),
      qcow2("q47-b", "cut at 100", "ImageTruncated", [](Bytes& image) { image.resize(100); }),
      qcow2("q48", "cut in L2", "ImageTruncated", [](Bytes& image) { image.resize(l2 + 4096); }),
      qcow2("q48b", "cut in data", "ImageTruncated", [](Bytes& image) { image.resize(end - 1); }),
      qcow2("q48-c", "disk and file end in data", "",
            [](Bytes& image) {
              set<u64>(image, 24, 512);
              image.resize(data + 512);
            }),
      {"q49", "empty", Format::qcow2, [] { return Bytes(); }, "EmptyImage"},
      {"q50", "one byte", Format::qcow2, [] { return Bytes(1); }, "InvalidImageFormat"},
      qcow2_field<u64>("q51", "64 TiB", "ImageTooLarge", 24, u64{64} << 40),
      qcow2("q52", "every L1 to one L2 to one cluster", "ImageMetadataOverlap",
            [](Bytes& image) {
              set<u64>(image, 24, u64{1} << 40);
              set<std::uint32_t>(image, 36, 2048);
              for (u64 i = 0; i < 2048; ++i) set<u64>(image, l1 + i * 8, l2 | copied);
              for (u64 i = 0; i < 8192; ++i) set<u64>(image, l2 + i * 8, data | copied);
            }),
      entry("q53-a", "refcount block unaligned", "ImageMetadataInvalid", 65536, 2 * 65536 + 512),
      entry("q53-b", "refcount block past EOF", "ImageTruncated", 65536, u64{1} << 40),
      entry("q53-c", "refcount block is L1", "ImageMetadataOverlap", 65536, l1),
  };
}

// A snapshot whose L1 table shares the active L2 table: legal. Cluster 6 is its table, 7 its L1.
Bytes snapshot_image() {
  auto image = qcow2_image();
  image.resize(8 * 65536);
  set<std::uint32_t>(image, 60, 1);
  set<std::uint64_t>(image, 64, end);
  set<std::uint64_t>(image, end, 7 * 65536);
  set<std::uint32_t>(image, end + 8, 1);
  set<std::uint16_t>(image, end + 12, 1);
  set<std::uint16_t>(image, end + 14, 4);
  set<std::uint32_t>(image, end + 36, 16);
  set<std::uint64_t>(image, 7 * 65536, l2);
  return image;
}

std::vector<Row> snapshot_rows() {
  const auto row = [](std::string id, std::string fault, std::string code,
                      std::function<void(Bytes&)> spoil) {
    return Row{std::move(id), std::move(fault), Format::qcow2,
               [spoil] {
                 auto image = snapshot_image();
                 spoil(image);
                 return image;
               },
               std::move(code)};
  };
  return {
      row("q54-a", "snapshot shares L2", "", [](Bytes&) {}),
      row("q54-b", "snapshot L1 past EOF", "ImageTruncated",
          [](Bytes& image) { set<std::uint64_t>(image, end, std::uint64_t{1} << 40); }),
      row("q54-c", "snapshot extra data huge", "ImageMetadataInvalid",
          [](Bytes& image) { set<std::uint32_t>(image, end + 36, 0xffffffff); }),
      row("q54-d", "snapshot L1 size huge", "ImageMetadataInvalid",
          [](Bytes& image) { set<std::uint32_t>(image, end + 8, 0xffffffff); }),
      row("q54-e", "snapshot L1 is active L1", "ImageMetadataOverlap",
          [](Bytes& image) { set<std::uint64_t>(image, end, l1); }),
      row("q54-f", "L2 points to snapshot table", "ImageMetadataOverlap",
          [](Bytes& image) { set<std::uint64_t>(image, l2, end | copied); }),
      row("q54-g", "more snapshots than bytes", "ImageTruncated",
          [](Bytes& image) { set<std::uint32_t>(image, 60, 65536); }),
      row("q54-h", "snapshot table is data", "ImageMetadataOverlap",
          [](Bytes& image) {
            std::copy_n(image.begin() + end, 64, image.begin() + data);
            set<std::uint64_t>(image, 64, data);
          }),
  };
}

// 30,000 compressed clusters of 2 MiB, 64 bytes apart, in a file of 12 MiB.
Bytes bomb() {
  const Qcow2Parts parts{.cluster_bits = 21, .disk_bytes = 512 * gib};
  auto image = qcow2_image(parts);
  for (std::uint64_t i = 0; i < 30'000; ++i) {
    set<std::uint64_t>(image, parts.l2() + i * 8, compressed | (parts.data() + i * 64));
  }
  return image;
}

std::vector<Row> bomb_rows() {
  return {{"q55-a", "expands without bound", Format::qcow2, bomb, "ImageTooLarge"}};
}

class Qcow2Catalogue : public ::testing::TestWithParam<Row> {};

TEST_P(Qcow2Catalogue, GivesItsVerdictTheSameEachTime) {
  expect_verdict(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Header, Qcow2Catalogue, ::testing::ValuesIn(qcow2_header_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(Tables, Qcow2Catalogue, ::testing::ValuesIn(qcow2_table_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(Snapshots, Qcow2Catalogue, ::testing::ValuesIn(snapshot_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(Bombs, Qcow2Catalogue, ::testing::ValuesIn(bomb_rows()), name_of);

}  // namespace
}  // namespace pinaco::format::testing
