// Rows v of the catalogue of malformed images: VHD.
#include "format/test_catalogue.h"

namespace pinaco::format::testing {
namespace {

constexpr std::uint64_t fixed_footer = mib;

Row fixed(std::string id, std::string fault, std::string code, std::function<void(Bytes&)> spoil) {
  return {std::move(id), std::move(fault), Format::vhd,
          [spoil] {
            auto image = fixed_vhd();
            spoil(image);
            return image;
          },
          std::move(code)};
}

template <typename T>
Row fixed_field(std::string id, std::string fault, std::string code, std::uint64_t at,
                std::uint64_t value) {
  return fixed(std::move(id), std::move(fault), std::move(code), [=](Bytes& image) {
    set<T>(image, fixed_footer + at, value);
    seal_footer(image, fixed_footer);
  });
}

std::vector<Row> fixed_vhd_rows() {
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  return {
      fixed("v00", "control fixed", "", [](Bytes&) {}),
      fixed("v01", "last byte cut", "ImageTruncated", [](Bytes& image) { image.pop_back(); }),
      fixed("v02", "cookie wrong", "InvalidImageFormat",
            [](Bytes& image) { image[fixed_footer] = 'C'; }),
      fixed("v03", "checksum bad", "ImageChecksumMismatch",
            [](Bytes& image) { image[fixed_footer + 64] ^= 1; }),
      fixed_field<u64>("v04", "size over file", "ImageTruncated", 48, mib + 512),
      fixed_field<u64>("v04-b", "size under file", "ImageMetadataInvalid", 48, mib - 512),
      fixed_field<u64>("v05", "size odd", "ImageSizeNotAligned", 48, mib - 100),
      fixed_field<u64>("v06", "size 2^63", "ImageTooLarge", 48, u64{1} << 63),
      fixed_field<u64>("v06b", "size 0", "EmptyImage", 48, 0),
      fixed_field<u32>("v07", "type 0", "ImageMetadataInvalid", 60, 0),
      fixed_field<u32>("v07b", "type 99", "ImageMetadataInvalid", 60, 99),
      fixed("v07c", "type 3 without header", "ImageMetadataInvalid",
            [](Bytes& image) {
              set<u32>(image, fixed_footer + 60, 3);
              seal_footer(image, fixed_footer);
            }),
      fixed("v07-d", "type 3 with copy but without header", "ImageMetadataInvalid",
            [](Bytes& image) {
              set<u32>(image, fixed_footer + 60, 3);
              seal_footer(image, fixed_footer);
              std::copy_n(image.begin() + fixed_footer, 512, image.begin());
            }),
      fixed("v21", "differencing", "UnsupportedImageFeature",
            [](Bytes& image) {
              set<u32>(image, fixed_footer + 60, 4);
              seal_footer(image, fixed_footer);
              set_text(image, 0, "/etc/passwd");
            }),
      fixed_field<u32>("v26", "version 2", "UnsupportedImageFeature", 12, 0x00020000),
      fixed_field<std::uint8_t>("v28-a", "saved state", "", 84, 1),
      fixed_field<u32>("v28-b", "reserved bit cleared", "", 8, 0),
      fixed_field<u64>("v28-c", "data offset of fixed", "", 16, 512),
  };
}

Row dynamic(std::string id, std::string fault, std::string code,
            std::function<void(Bytes&)> spoil) {
  return {std::move(id), std::move(fault), Format::vhd,
          [spoil] {
            auto image = dynamic_vhd();
            spoil(image);
            return image;
          },
          std::move(code)};
}

constexpr DynamicParts d;

// The same field of both footers.
template <typename T>
Row footers(std::string id, std::string fault, std::string code, std::uint64_t at,
            std::uint64_t value) {
  return dynamic(std::move(id), std::move(fault), std::move(code), [=](Bytes& image) {
    for (const std::uint64_t footer : {std::uint64_t{0}, d.footer()}) {
      set<T>(image, footer + at, value);
      seal_footer(image, footer);
    }
  });
}

template <typename T>
Row header(std::string id, std::string fault, std::string code, std::uint64_t at,
           std::uint64_t value) {
  return dynamic(std::move(id), std::move(fault), std::move(code), [=](Bytes& image) {
    set<T>(image, d.header + at, value);
    seal_header(image);
  });
}

Row bat(std::string id, std::string fault, std::string code, std::uint64_t sector) {
  return dynamic(std::move(id), std::move(fault), std::move(code),
                 [=](Bytes& image) { set<std::uint32_t>(image, d.bat, sector); });
}

std::vector<Row> dynamic_vhd_rows() {
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  return {
      dynamic("v00d", "control dynamic", "", [](Bytes&) {}),
      dynamic("v09", "header cookie", "ImageMetadataInvalid",
              [](Bytes& image) {
                image[d.header] = 'C';
                seal_header(image);
              }),
      dynamic("v10", "header checksum", "ImageChecksumMismatch",
              [](Bytes& image) { image[d.header + 36] ^= 1; }),
      footers<u64>("v08", "data offset past EOF", "ImageTruncated", 16, u64{1} << 40),
      footers<u64>("v08b", "data offset 0", "ImageMetadataInvalid", 16, 0),
      header<u64>("v11", "BAT past EOF", "ImageTruncated", 16, u64{1} << 40),
      header<u64>("v11-b", "BAT over header", "ImageMetadataOverlap", 16, 1024),
      header<u32>("v12", "entries max", "ImageMetadataInvalid", 28, 0xffffffff),
      header<u32>("v13", "entries 1", "ImageMetadataInvalid", 28, 1),
      header<u32>("v14", "block size 0", "ImageMetadataInvalid", 32, 0),
      header<u32>("v15", "block size 3", "ImageMetadataInvalid", 32, 3),
      header<u32>("v15b", "block size 256", "ImageMetadataInvalid", 32, 256),
      header<u32>("v16", "block size 2^31", "ImageMetadataInvalid", 32, u64{1} << 31),
      header<u32>("v16-b", "header version 2", "UnsupportedImageFeature", 24, 0x00020000),
      bat("v17", "BAT entry past EOF", "ImageTruncated", 0x00ffffff),
      dynamic("v18", "BAT entries identical", "ImageMetadataOverlap",
              [](Bytes& image) {
                for (u64 i = 0; i < 32; ++i) set<u32>(image, d.bat + 4 * i, d.block / 512);
              }),
      dynamic("v18-b", "blocks overlap by a sector", "ImageMetadataOverlap",
              [](Bytes& image) {
                image.insert(image.end() - 512, 2 * mib, std::uint8_t{0});
                set<u32>(image, d.bat + 4, (d.footer() - 512) / 512);
              }),
      bat("v19", "BAT entry to header", "ImageMetadataOverlap", 1),
      bat("v19b", "BAT entry to BAT", "ImageMetadataOverlap", 3),
      bat("v19-c", "BAT entry to footer copy", "ImageMetadataOverlap", 0),
      bat("v19-d", "block over footer", "ImageMetadataOverlap", d.block / 512 + 1),
      footers<u32>("v21", "differencing", "UnsupportedImageFeature", 60, 4),
      dynamic("v22", "footers disagree", "ImageMetadataInvalid",
              [](Bytes& image) {
                set<u64>(image, 48, 32 * mib);
                seal_footer(image, 0);
              }),
      dynamic("v22-b", "footers differ in timestamp", "",
              [](Bytes& image) {
                set<u32>(image, 24, 77);
                seal_footer(image, 0);
              }),
      dynamic("v22-c", "footer copy checksum", "ImageChecksumMismatch",
              [](Bytes& image) { image[64] ^= 1; }),
      dynamic("v24", "no trailing footer", "ImageTruncated",
              [](Bytes& image) { image.resize(d.footer()); }),
      footers<u32>("v26", "version 2", "UnsupportedImageFeature", 12, 0x00020000),
      footers<u64>("v27", "over 2040 GiB", "ImageTooLarge", 48, 2041 * gib),
      dynamic("v29-a", "data under clear bitmap", "ImageMetadataInvalid",
              [](Bytes& image) { image[d.block + 100] = 0x7f; }),
      dynamic("v29-b", "zeros under clear bitmap", "",
              [](Bytes& image) {
                for (u64 i = 0; i < 512; ++i) image[d.block + i] = 0;
                std::fill_n(image.begin() + d.block + 512, 2 * mib, std::uint8_t{0});
              }),
  };
}

class VhdCatalogue : public ::testing::TestWithParam<Row> {};

TEST_P(VhdCatalogue, GivesItsVerdictTheSameEachTime) {
  expect_verdict(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Fixed, VhdCatalogue, ::testing::ValuesIn(fixed_vhd_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(Dynamic, VhdCatalogue, ::testing::ValuesIn(dynamic_vhd_rows()), name_of);

}  // namespace
}  // namespace pinaco::format::testing
