// Exports: what we write, we read back, and so does qemu-img.
#include <sys/stat.h>

#include "format/format.h"
#include "format/test_tools.h"
#include "os/files.h"

namespace pinaco::format::testing {
namespace {

struct Export {
  std::string name;
  WriteOptions options;
  std::string qemu;  // qemu-img's name of the format
  std::string variant;
};

void PrintTo(const Export& target, std::ostream* out) {
  *out << target.name;
}

std::vector<Export> exports() {
  return {
      {"raw", {.format = Format::raw}, "raw", ""},
      {"fixed_vhd", {.format = Format::vhd}, "vpc", "fixed"},
      {"dynamic_vhd", {.format = Format::vhd, .variant = Variant::dynamic_vhd}, "vpc", "dynamic"},
      {"qcow2", {.format = Format::qcow2}, "qcow2", "v3"}};
}

constexpr std::uint64_t sizes[] = {512, 4096 + 512, 2 * mib, 7 * mib + 1536};

class Exported : public ::testing::TestWithParam<Export> {
 protected:
  TempFolder folder_;
};

TEST_P(Exported, ReadsBackAsTheSameDisk) {
  const auto& target = GetParam();
  for (const auto size_bytes : sizes) {
    const auto path = folder_.file(std::to_string(size_bytes));
    const auto disk = random_disk(size_bytes, size_bytes);
    const auto written = write_image(*disk_of(disk), path, target.options);
    ASSERT_TRUE(written) << written.error().message;
    const auto opened = open_image(open_file(path).value(), target.options.format);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->variant, target.variant);
    EXPECT_TRUE(opened->warnings.empty());
    expect_same_disk(*opened->disk, disk, 5);
  }
}

TEST_P(Exported, IsAcceptedByQemuImgAsTheSameDisk) {
  NEED_TOOL("qemu-img");
  const auto& target = GetParam();
  const auto raw = folder_.file("raw"), path = folder_.file("image"), back = folder_.file("back");
  for (const auto size_bytes : sizes) {
    const auto disk = random_disk(size_bytes + 1, size_bytes);
    write_file(raw, disk);
    ASSERT_TRUE(write_image(*disk_of(disk), path, target.options));
    EXPECT_EQ(run({"qemu-img", "compare", "-q", "-f", "raw", "-F", target.qemu, raw, path}), 0);
    ASSERT_EQ(run({"qemu-img", "convert", "-f", target.qemu, "-O", "raw", path, back}), 0);
    EXPECT_TRUE(read_file(back) == disk) << size_bytes;
    if (target.qemu == "qcow2") {
      EXPECT_EQ(run({"qemu-img", "check", "-q", "-f", "qcow2", path}), 0);
    }
    ASSERT_TRUE(os::remove_file(path));
  }
}

TEST_P(Exported, IsTheSameFileEachTime) {
  const auto disk = disk_of(random_disk(9, 3 * mib));
  ASSERT_TRUE(write_image(*disk, folder_.file("a"), GetParam().options));
  ASSERT_TRUE(write_image(*disk, folder_.file("b"), GetParam().options));
  EXPECT_EQ(read_file(folder_.file("a")), read_file(folder_.file("b")));
}

TEST_P(Exported, LeavesHolesOut) {
  Bytes disk(64 * mib);
  disk[10 * mib + 5] = 1;
  const auto path = folder_.file("image");
  ASSERT_TRUE(write_image(*disk_of(disk), path, GetParam().options));
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, static_cast<std::int64_t>(mib));
}

TEST_P(Exported, DoesNotReplaceAFile) {
  const auto path = folder_.file("image");
  write_file(path, as_bytes("mine"));
  const auto written = write_image(*disk_of(Bytes(mib)), path, GetParam().options);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, Kind::conflict);
  EXPECT_EQ(as_text(read_file(path)), "mine");
}

TEST_P(Exported, LeavesNothingWhenCancelled) {
  const auto path = folder_.file("image");
  auto options = GetParam().options;
  std::vector<std::uint64_t> seen;
  options.progress = [&](std::uint64_t done) {
    seen.push_back(done);
    return seen.size() < 2;
  };
  const auto written = write_image(*disk_of(Bytes(8 * mib, 1)), path, options);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, Kind::cancelled);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{2 * mib, 4 * mib}));
  EXPECT_FALSE(os::exists(path).value());
}

class BrokenDisk final : public DiskReader {
 public:
  std::uint64_t size_bytes() const override { return 8 * mib; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    if (offset >= 4 * mib) return fail(Kind::corrupt, "a block is not what it was");
    std::ranges::fill(into, std::uint8_t{1});
    return {};
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    return std::vector<Extent>{{offset, length, false}};
  }
};

TEST_P(Exported, LeavesNothingWhenTheDiskCannotBeRead) {
  const auto path = folder_.file("image");
  const auto written = write_image(BrokenDisk(), path, GetParam().options);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, Kind::corrupt);
  EXPECT_FALSE(os::exists(path).value());
}

INSTANTIATE_TEST_SUITE_P(All, Exported, ::testing::ValuesIn(exports()),
                         [](const auto& row) { return row.param.name; });

// A disk of any size with one block of data at its end.
class HugeDisk final : public DiskReader {
 public:
  explicit HugeDisk(std::uint64_t size_bytes) : size_bytes_(size_bytes) {}
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    for (auto& byte : into) byte = offset++ >= size_bytes_ - 4096 ? 0x77 : 0;
    return {};
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    const auto data = std::clamp(size_bytes_ - 4096, offset, offset + length);
    std::vector<Extent> extents;
    if (data > offset) extents.push_back({offset, data - offset, true});
    if (data < offset + length) extents.push_back({data, offset + length - data, false});
    return extents;
  }

 private:
  const std::uint64_t size_bytes_;
};

TEST(Exports, CostWhatTheDiskHoldsNotWhatItSpans) {
  const TempFolder folder;
  const HugeDisk disk(32768 * gib);
  const auto path = folder.file("image");
  const auto written = write_image(disk, path, {.format = Format::qcow2});
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_LT(std::filesystem::file_size(path), 2 * mib);
  const auto opened = open_image(open_file(path).value(), Format::qcow2);
  ASSERT_TRUE(opened) << opened.error().message;
  Bytes last(8192);
  ASSERT_TRUE(opened->disk->read(disk.size_bytes() - 8192, last));
  EXPECT_EQ(last[4095], 0);
  EXPECT_EQ(last[4096], 0x77);
}

TEST(Exports, ADynamicVhdHasAtMost2040GiB) {
  const TempFolder folder;
  const WriteOptions options{.format = Format::vhd, .variant = Variant::dynamic_vhd};
  const auto written = write_image(HugeDisk(2041 * gib), folder.file("image"), options);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, "ImageTooLarge");
  EXPECT_FALSE(os::exists(folder.file("image")).value());
  EXPECT_TRUE(write_image(HugeDisk(2040 * gib), folder.file("image"), options));
}

TEST(Exports, OnlyVhdHasADynamicVariant) {
  const TempFolder folder;
  const auto written = write_image(HugeDisk(mib), folder.file("image"),
                                   {.format = Format::raw, .variant = Variant::dynamic_vhd});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, Kind::invalid);
}

}  // namespace
}  // namespace pinaco::format::testing
