// The disk-upload path: only fixed VHDs of whole MiB, refused in the words of the cloud.
#include "format/format.h"
#include "format/test_images.h"

namespace pinaco::format::testing {
namespace {

Error upload_error(Bytes image) {
  const auto opened = open_uploaded_vhd(in_memory(std::move(image)));
  if (opened) return {};
  EXPECT_EQ(opened.error().kind, Kind::invalid);
  return opened.error();
}

constexpr std::string_view cookie_message =
    "The specified cookie value in VHD footer indicates that the uploaded disk is not a supported "
    "VHD. Disk is expected to have cookie value 'conectix'.";

TEST(UploadedVhd, OfWholeMiBReadsAsItsDisk) {
  const auto disk = random_disk(4, 3 * mib);
  auto image = disk;
  append(image, fixed_vhd_footer(disk.size(), some_id()));
  const auto opened = open_uploaded_vhd(in_memory(image));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->variant, "fixed");
  expect_same_disk(*opened->disk, disk, 1);
}

TEST(UploadedVhd, MustHaveAWholeNumberOfMiB) {
  const auto error = upload_error(fixed_vhd(mib + 512));
  EXPECT_EQ(error.code, "InvalidParameter");
  EXPECT_EQ(error.message,
            "The VHD has an unsupported virtual size of 1049088 bytes. The size must be a whole "
            "number (in MBs). The next valid size is 2097152 bytes.");
}

TEST(UploadedVhd, WithoutCookieIsRefusedInTheWordsOfTheCloud) {
  const auto error = upload_error(random_disk(2, 2 * mib));
  EXPECT_EQ(error.code, "InvalidVhd");
  EXPECT_EQ(error.message, cookie_message);
}

TEST(UploadedVhd, ThatIsAnotherFormatIsNamed) {
  const auto error = upload_error(qcow2_image());
  EXPECT_EQ(error.code, "InvalidVhd");
  EXPECT_EQ(error.message, std::string(cookie_message) +
                               " The file is a QCOW2 disk image; convert it to a fixed VHD.");
}

TEST(UploadedVhd, ThatIsEmptyOrTinyIsRefused) {
  for (const std::size_t size : {0, 1, 511, 512, 513, 1023}) {
    EXPECT_EQ(upload_error(Bytes(size)).code, "InvalidVhd") << size;
  }
  EXPECT_EQ(upload_error(fixed_vhd_footer(0, some_id())).code, "InvalidVhd");
}

TEST(UploadedVhd, ThatIsDynamicIsTold) {
  const auto error = upload_error(dynamic_vhd());
  EXPECT_EQ(error.code, "InvalidVhd");
  EXPECT_EQ(error.message,
            "The uploaded disk is of Dynamic VHD type. Please retry with fixed VHD type.");
}

TEST(UploadedVhd, ThatIsDifferencingIsRefusedWithoutItsParent) {
  auto image = fixed_vhd();
  set<std::uint32_t>(image, mib + 60, 4);
  seal_footer(image, mib);
  EXPECT_EQ(upload_error(image).message,
            "The uploaded disk is of Differencing VHD type. Please retry with fixed VHD type.");
}

TEST(UploadedVhd, CutAtTheEndIsRefused) {
  for (const std::uint64_t cut : {1, 511, 512, 1000}) {
    auto image = fixed_vhd();
    image.resize(image.size() - cut);
    EXPECT_EQ(upload_error(image).code, "InvalidVhd") << cut;
  }
  auto image = dynamic_vhd();
  image.resize(image.size() - 512);
  const auto error = upload_error(image);
  EXPECT_EQ(error.code, "InvalidVhd");
  EXPECT_NE(error.message.find("cut short"), std::string::npos) << error.message;
}

TEST(UploadedVhd, CutInTheMiddleIsRefused) {
  auto image = fixed_vhd(2 * mib);
  image.erase(image.begin(), image.begin() + mib);
  const auto error = upload_error(image);
  EXPECT_EQ(error.code, "InvalidVhd");
  EXPECT_NE(error.message.find("only 1048576 bytes come before the footer"), std::string::npos);
}

TEST(UploadedVhd, WhoseFooterLiesAboutTheSizeIsRefused) {
  for (const std::uint64_t claimed :
       {std::uint64_t{0}, std::uint64_t{512}, 2 * mib, std::uint64_t{1} << 63}) {
    auto image = fixed_vhd(4 * mib);
    set<std::uint64_t>(image, 4 * mib + 48, claimed);
    seal_footer(image, 4 * mib);
    EXPECT_EQ(upload_error(image).code, "InvalidVhd") << claimed;
  }
}

TEST(UploadedVhd, WithADamagedFooterIsRefused) {
  auto image = fixed_vhd();
  image[mib + 70] ^= 1;
  const auto error = upload_error(image);
  EXPECT_EQ(error.code, "InvalidVhd");
  EXPECT_NE(error.message.find("'checksum' at byte 1048640"), std::string::npos) << error.message;
}

TEST(UploadedVhd, WhoseDiskPosesAsAnotherImageIsRefused) {
  auto image = fixed_vhd();
  set_text(image, 0, "QFI\xfb");
  EXPECT_EQ(upload_error(image).code, "InvalidVhd");
}

TEST(FixedVhdFooter, IsTheSameForTheSameInput) {
  EXPECT_EQ(fixed_vhd_footer(gib, some_id()), fixed_vhd_footer(gib, some_id()));
  EXPECT_NE(fixed_vhd_footer(gib, some_id()), fixed_vhd_footer(gib, Bytes(16)));
}

TEST(FixedVhdFooter, HasTheGeometryOfTheSpecification) {
  // Cylinders, heads and sectors, as qemu-img writes them for disks of these sizes.
  const auto geometry = [](std::uint64_t size_bytes) {
    return load_be<std::uint32_t>(fixed_vhd_footer(size_bytes, some_id()), 56);
  };
  EXPECT_EQ(geometry(64 * mib), 963u << 16 | 8 << 8 | 17);
  EXPECT_EQ(geometry(32768 * gib), 65535u << 16 | 16 << 8 | 255);
}

}  // namespace
}  // namespace pinaco::format::testing
