// Rows r of the catalogue of malformed images: raw, and what poses as raw.
#include "format/test_catalogue.h"

namespace pinaco::format::testing {
namespace {

Row raw(std::string id, std::string fault, std::string code, std::function<Bytes()> build) {
  return {std::move(id), std::move(fault), Format::raw, std::move(build), std::move(code)};
}

Row marked(std::string id, std::string what, std::uint64_t at, std::string mark) {
  return raw(std::move(id), std::move(what), "ImageFormatMismatch", [=] {
    Bytes image(mib);
    set_text(image, at, mark);
    return image;
  });
}

std::vector<Row> raw_rows() {
  using namespace std::string_literals;
  return {
      raw("r00", "control", "", [] { return random_disk(1, mib); }),
      raw("r01", "empty", "EmptyImage", [] { return Bytes(); }),
      raw("r02", "size not in sectors", "ImageSizeNotAligned", [] { return Bytes(1000); }),
      // Whole MiB are a rule of uploads only: see upload_test.cc.
      raw("r03", "size not in MiB", "", [] { return Bytes(mib + 512); }),
      raw("r05", "is qcow2 with data file", "ImageFormatMismatch",
          [] {
            auto image = qcow2_image();
            set<std::uint64_t>(image, 72, 4);
            return image;
          }),
      marked("r06", "VMDK descriptor", 0, "# Disk DescriptorFile\nversion=1\n"),
      marked("r06-b", "VMDK descriptor with comments", 0, "# x\n\n  # y\nversion=1\nRW 1 FLAT\n"),
      marked("r06-c", "VMDK sparse", 0, "KDMV"),
      marked("r07", "gzip", 0, "\x1f\x8b\x08"),
      marked("r07-b", "xz", 0, "\xfd\x37zXZ\0"s),
      marked("r07-c", "zstd", 0, "\x28\xb5\x2f\xfd"),
      marked("r07-d", "bzip2", 0, "BZh91AY&SY"),
      marked("r07-e", "zip", 0, "PK\x03\x04"),
      marked("r07-f", "tar", 257, "ustar"),
      marked("r07-g", "ISO", 32769, "CD001"),
      marked("r07-h", "VDI", 64, "\x7f\x10\xda\xbe"),
      marked("r07-i", "VHDX", 0, "vhdxfile"),
      marked("r07-j", "QED", 0, "QED\0"s),
      marked("r07-k", "Parallels", 0, "WithouFreSpacExt"),
      marked("r07-l", "LUKS", 0, "LUKS\xba\xbe"),
      marked("r07-m", "DMG", mib - 512, "koly"),
      marked("r07-n", "VHD footer", mib - 512, "conectix"),
      marked("r07-o", "VHD head", 0, "conectix"),
      raw("r08", "qcow2 head and VHD tail", "ImageFormatMismatch",
          [] {
            auto image = qcow2_image();
            append(image, fixed_vhd_footer(image.size(), some_id()));
            return image;
          }),
  };
}

class RawCatalogue : public ::testing::TestWithParam<Row> {};

TEST_P(RawCatalogue, GivesItsVerdictTheSameEachTime) {
  expect_verdict(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Raw, RawCatalogue, ::testing::ValuesIn(raw_rows()), name_of);

}  // namespace
}  // namespace pinaco::format::testing
