// Stating and finding formats, and what readers promise whatever the format.
#include "format/detect.h"

#include <thread>

#include "format/test_images.h"

namespace pinaco::format::testing {
namespace {

TEST(ParseFormat, TakesTheNamesOfPeopleAndOfQemu) {
  EXPECT_EQ(parse_format("raw").value(), Format::raw);
  EXPECT_EQ(parse_format("VHD").value(), Format::vhd);
  EXPECT_EQ(parse_format("vpc").value(), Format::vhd);
  EXPECT_EQ(parse_format("qcow2").value(), Format::qcow2);
  const auto refused = parse_format("vhdx");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::invalid);
  for (const auto format : {Format::raw, Format::vhd, Format::qcow2}) {
    EXPECT_EQ(parse_format(to_string(format)).value(), format);
  }
}

TEST(OpenImage, FindsTheFormatThatIsNotStated) {
  EXPECT_EQ(open_image(in_memory(qcow2_image()), {})->format, Format::qcow2);
  EXPECT_EQ(open_image(in_memory(fixed_vhd()), {})->variant, "fixed");
  EXPECT_EQ(open_image(in_memory(dynamic_vhd()), {})->variant, "dynamic");
  EXPECT_EQ(open_image(in_memory(random_disk(1, mib)), {})->format, Format::raw);
}

TEST(OpenImage, TakesABrokenPartitionTableAsADisk) {
  Bytes disk(mib, 0xee);
  disk[510] = 0x55;
  disk[511] = 0xaa;
  set_text(disk, 512, "EFI PART");
  EXPECT_TRUE(open_image(in_memory(disk), {}));
}

TEST(OpenImage, RefusesEachStatedFormatForEachOther) {
  const std::vector<std::pair<Format, Bytes>> images = {{Format::raw, random_disk(1, mib)},
                                                        {Format::vhd, fixed_vhd()},
                                                        {Format::vhd, dynamic_vhd()},
                                                        {Format::qcow2, qcow2_image()}};
  for (const auto& [actual, image] : images) {
    for (const auto stated : {Format::raw, Format::vhd, Format::qcow2}) {
      const auto opened = open_image(in_memory(image), stated);
      ASSERT_EQ(opened.has_value(), actual == stated);
      if (opened) continue;
      EXPECT_EQ(opened.error().code,
                actual == Format::raw ? "InvalidImageFormat" : "ImageFormatMismatch");
    }
  }
}

TEST(OpenImage, RefusesTheSameUnsizedRawFileWithTheNextValidSize) {
  const auto opened = open_image(in_memory(Bytes(1000)), Format::raw);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("1024 bytes, the next valid size"), std::string::npos)
      << opened.error().message;
}

TEST(OpenImage, RefusesReadsOutsideTheDisk) {
  for (const auto& image :
       {random_disk(1, 64 * mib), fixed_vhd(64 * mib), dynamic_vhd(), qcow2_image()}) {
    const auto opened = open_image(in_memory(image), {});
    ASSERT_TRUE(opened);
    ASSERT_EQ(opened->disk->size_bytes(), 64 * mib);
    Bytes two(2);
    EXPECT_TRUE(opened->disk->read(64 * mib - 2, two));
    EXPECT_TRUE(opened->disk->read(64 * mib, MutableBytes()));
    for (const auto offset : {64 * mib - 1, 64 * mib, ~std::uint64_t{0}}) {
      const auto read = opened->disk->read(offset, two);
      ASSERT_FALSE(read);
      EXPECT_EQ(read.error().kind, Kind::invalid);
      EXPECT_FALSE(opened->disk->extents(offset, 2));
    }
    EXPECT_TRUE(opened->disk->extents(64 * mib, 0)->empty());
  }
}

TEST(OpenImage, ReportsTheDirtyBitAsAWarning) {
  auto image = qcow2_image();
  set<std::uint64_t>(image, 72, 1);
  const auto opened = open_image(in_memory(image), {});
  ASSERT_TRUE(opened);
  ASSERT_EQ(opened->warnings.size(), 1u);
  EXPECT_NE(opened->warnings[0].find("dirty bit"), std::string::npos);
}

TEST(OpenImage, KeepsZeroClustersAsZeroExtents) {
  auto image = qcow2_image();
  const Qcow2Parts parts;
  set<std::uint64_t>(image, parts.l2(), parts.data() | copied | 1);
  const auto opened = open_image(in_memory(image), {});
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->disk->extents(0, 64 * mib).value(), (std::vector<Extent>{{0, 64 * mib, true}}));
  Bytes piece(4096, 1);
  ASSERT_TRUE(opened->disk->read(0, piece));
  EXPECT_TRUE(is_zero(piece));
}

TEST(OpenImage, NamesFormatFieldByteValueAndRange) {
  auto image = dynamic_vhd();
  set<std::uint32_t>(image, 512 + 28, 0xffffffff);
  seal_header(image);
  const auto opened = open_image(in_memory(image), {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message,
            "The VHD dynamic header field 'max_table_entries' at byte 540 is 4294967295, but a "
            "disk of 67108864 bytes with blocks of 2097152 bytes needs 32 and the table may have "
            "at most 16777216. Convert the image again, with larger blocks if it needs more.");
}

TEST(Readers, AreReadByManyThreadsAtOnce) {
  for (const auto& image : {dynamic_vhd(), qcow2_image()}) {
    const auto opened = open_image(in_memory(image), {});
    ASSERT_TRUE(opened);
    Bytes expected(mib);
    ASSERT_TRUE(opened->disk->read(0, expected));
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        Bytes piece(1000);
        for (std::uint64_t at = i * 100; at + 1000 <= mib; at += 5000) {
          ASSERT_TRUE(opened->disk->read(at, piece));
          ASSERT_TRUE(std::ranges::equal(piece, ByteView(expected).subspan(at, 1000)));
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace pinaco::format::testing
