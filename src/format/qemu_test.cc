// Images that qemu-img makes are read as the disks they were made from.
#include "format/format.h"
#include "format/test_tools.h"

namespace pinaco::format::testing {
namespace {

struct Making {
  std::string name;
  std::string target;   // qemu-img's name of the format
  std::string options;  // -o
  std::string variant;
  bool compress = false;
  std::uint64_t size_bytes = 5 * mib + 3 * 512;
};

void PrintTo(const Making& making, std::ostream* out) {
  *out << making.name;
}

std::vector<Making> makings() {
  return {
      {"v2", "qcow2", "compat=0.10", "v2"},
      {"v2_compressed", "qcow2", "compat=0.10", "v2", true},
      {"v3", "qcow2", "compat=1.1", "v3"},
      {"v3_clusters_512", "qcow2", "cluster_size=512", "v3"},
      {"v3_clusters_4K", "qcow2", "cluster_size=4096", "v3"},
      {"v3_clusters_2M", "qcow2", "cluster_size=2097152", "v3"},
      {"v3_zlib", "qcow2", "compression_type=zlib", "v3", true},
      {"v3_zlib_512", "qcow2", "cluster_size=512", "v3", true, mib},
      {"v3_zlib_2M", "qcow2", "cluster_size=2097152", "v3", true},
      {"v3_zstd", "qcow2", "compression_type=zstd", "v3", true},
      {"v3_zstd_4K", "qcow2", "compression_type=zstd,cluster_size=4096", "v3", true},
      {"v3_zstd_2M", "qcow2", "compression_type=zstd,cluster_size=2097152", "v3", true},
      {"v3_preallocated_metadata", "qcow2", "preallocation=metadata", "v3"},
      {"v3_preallocated_falloc", "qcow2", "preallocation=falloc", "v3"},
      {"v3_preallocated_full", "qcow2", "preallocation=full", "v3"},
      {"v3_lazy_refcounts", "qcow2", "lazy_refcounts=on", "v3"},
      {"v3_refcounts_1", "qcow2", "refcount_bits=1", "v3"},
      {"v3_refcounts_2", "qcow2", "refcount_bits=2", "v3"},
      {"v3_refcounts_4", "qcow2", "refcount_bits=4", "v3"},
      {"v3_refcounts_8", "qcow2", "refcount_bits=8", "v3"},
      {"v3_refcounts_32", "qcow2", "refcount_bits=32", "v3"},
      {"v3_refcounts_64", "qcow2", "refcount_bits=64", "v3"},
      {"v3_one_cluster", "qcow2", "compat=1.1", "v3", false, 65536},
      {"v3_a_cluster_and_a_sector", "qcow2", "compat=1.1", "v3", false, 65536 + 512},
      {"v3_a_cluster_less_a_sector", "qcow2", "compat=1.1", "v3", true, 65536 - 512},
      {"v3_one_sector", "qcow2", "compat=1.1", "v3", false, 512},
      {"vhd_fixed", "vpc", "subformat=fixed,force_size=on", "fixed"},
      {"vhd_dynamic", "vpc", "subformat=dynamic,force_size=on", "dynamic"},
      {"vhd_dynamic_whole_blocks", "vpc", "subformat=dynamic,force_size=on", "dynamic", false,
       6 * mib},
  };
}

class MadeByQemu : public ::testing::TestWithParam<Making> {};

TEST_P(MadeByQemu, ReadsAsTheDiskItWasMadeFrom) {
  NEED_TOOL("qemu-img");
  const auto& making = GetParam();
  const TempFolder folder;
  const auto disk = random_disk(making.size_bytes + making.options.size(), making.size_bytes);
  write_file(folder.file("raw"), disk);
  std::vector<std::string> words = {"qemu-img", "convert",     "-f", "raw",
                                    "-O",       making.target, "-o", making.options};
  if (making.compress) words.push_back("-c");
  words.push_back(folder.file("raw"));
  words.push_back(folder.file("image"));
  ASSERT_EQ(run(words), 0);

  const auto stated = making.target == "vpc" ? Format::vhd : Format::qcow2;
  for (const auto& given : {std::optional<Format>(), std::optional<Format>(stated)}) {
    auto source = open_file(folder.file("image"));
    ASSERT_TRUE(source) << source.error().message;
    const auto opened = open_image(*source, given);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->format, stated);
    EXPECT_EQ(opened->variant, making.variant);
    EXPECT_TRUE(opened->warnings.empty()) << opened->warnings[0];
    expect_same_disk(*opened->disk, disk, 7);
  }
}

INSTANTIATE_TEST_SUITE_P(All, MadeByQemu, ::testing::ValuesIn(makings()),
                         [](const auto& row) { return row.param.name; });

class QemuIo : public ::testing::Test {
 protected:
  // The disk after these qemu-io commands, as qemu sees it, is what we read.
  void expect_as_qemu(const std::string& options, const std::vector<std::string>& commands) {
    const auto image = folder_.file("image");
    ASSERT_EQ(run({"qemu-img", "create", "-q", "-f", "qcow2", "-o", options, image, "4M"}), 0);
    std::vector<std::string> words = {"qemu-io", "-f", "qcow2", "-d", "unmap"};
    for (const auto& command : commands) {
      words.push_back("-c");
      words.push_back(command);
    }
    words.push_back(image);
    ASSERT_EQ(run(words), 0);
    expect_as_qemu_converts();
  }

  void expect_as_qemu_converts() {
    const auto image = folder_.file("image");
    const auto raw = folder_.file("raw");
    ASSERT_EQ(run({"qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, raw}), 0);
    const auto opened = open_image(open_file(image).value(), Format::qcow2);
    ASSERT_TRUE(opened) << opened.error().message;
    const auto disk = read_file(raw);
    ASSERT_FALSE(is_zero(disk));
    expect_same_disk(*opened->disk, disk, 3);
  }

  TempFolder folder_;
};

TEST_F(QemuIo, ZeroClustersOverDataReadAsZeros) {
  NEED_TOOL("qemu-io");
  expect_as_qemu("compat=1.1", {"write -P 7 0 3M", "write -z 512K 640K", "write -zu 2M 128K",
                                "discard 2560K 192K", "write -P 9 600K 4K"});
}

TEST_F(QemuIo, DiscardedClustersOfVersion2ReadAsZeros) {
  NEED_TOOL("qemu-io");
  expect_as_qemu("compat=0.10", {"write -P 7 0 3M", "discard 512K 640K"});
}

TEST_F(QemuIo, CompressedBetweenPlainClustersReadsAsWritten) {
  NEED_TOOL("qemu-io");
  expect_as_qemu("compression_type=zstd",
                 {"write -P 1 0 64K", "write -c -P 2 64K 64K", "write -P 3 128K 64K",
                  "write -c -P 4 192K 64K", "write -P 5 100K 1K"});
}

// What a guest wrote above the disk that it began with, as QEMU sees both.
TEST_F(QemuIo, AnOverlayReadsAsTheDiskBelowWithWhatWasWritten) {
  NEED_TOOL("qemu-io");
  const auto below = folder_.file("below");
  const auto image = folder_.file("overlay");
  const auto raw = folder_.file("raw");
  write_file(below, random_disk(11, 3 * mib + 512));  // shorter than the overlay
  ASSERT_EQ(run({"qemu-img", "create", "-q", "-f", "qcow2", image, "4M"}), 0);
  const std::string both = "driver=qcow2,file.filename=" + image +
                           ",discard=unmap,backing.driver=raw,backing.file.filename=" + below;
  ASSERT_EQ(run({"qemu-io", "--image-opts", both, "-c", "write -P 7 70000 1000", "-c",
                 "write -z 1M 128K", "-c", "write -P 9 3100K 200K", "-c", "discard 2M 64K"}),
            0);
  ASSERT_EQ(run({"qemu-img", "convert", "--image-opts", "-O", "raw", both, raw}), 0);
  const std::shared_ptr<const DiskReader> base =
      open_image(open_file(below).value(), Format::raw).value().disk;
  const auto opened = open_overlay(open_file(image).value(), base);
  ASSERT_TRUE(opened) << opened.error().message;
  expect_same_disk(**opened, read_file(raw), 5);
  // Without the disk below the rest is zeros.
  const auto alone = open_overlay(open_file(image).value(), nullptr);
  ASSERT_TRUE(alone) << alone.error().message;
  Bytes block(512, 1);
  ASSERT_TRUE((*alone)->read(2 * mib + 128 * 1024, block));
  EXPECT_TRUE(is_zero(block));
}

TEST_F(QemuIo, SnapshotsDoNotChangeTheCurrentDisk) {
  NEED_TOOL("qemu-io");
  expect_as_qemu("compat=1.1", {"write -P 1 0 2M"});
  const auto image = folder_.file("image");
  ASSERT_EQ(run({"qemu-img", "snapshot", "-c", "first", image}), 0);
  ASSERT_EQ(run({"qemu-io", "-f", "qcow2", "-c", "write -P 2 1M 2M", image}), 0);
  ASSERT_EQ(run({"qemu-img", "snapshot", "-c", "second", image}), 0);
  expect_as_qemu_converts();
  const auto opened = open_image(open_file(image).value(), {});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_EQ(opened->warnings.size(), 1u);
  EXPECT_NE(opened->warnings[0].find("2 internal snapshots"), std::string::npos);
}

TEST_F(QemuIo, BitmapsAreIgnoredWithAWarning) {
  NEED_TOOL("qemu-io");
  expect_as_qemu("compat=1.1", {"write -P 1 0 2M"});
  const auto image = folder_.file("image");
  ASSERT_EQ(run({"qemu-img", "bitmap", "--add", "-f", "qcow2", image, "b0"}), 0);
  ASSERT_EQ(run({"qemu-io", "-f", "qcow2", "-c", "write -P 2 1M 2M", image}), 0);
  expect_as_qemu_converts();
  const auto opened = open_image(open_file(image).value(), {});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->warnings.size(), 1u);
}

TEST(QemuImg, BackingFilesAreNeverFollowed) {
  NEED_TOOL("qemu-img");
  const TempFolder folder;
  write_file(folder.file("canary"), random_disk(1, mib));
  ASSERT_EQ(run({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b",
                 folder.file("canary"), folder.file("image")}),
            0);
  const auto opened = open_image(open_file(folder.file("image")).value(), {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "UnsafeImageReference");
  EXPECT_EQ(opened.error().message.find("canary"), std::string::npos);
}

TEST(QemuImg, VhdsRoundedToCylindersReadWithZerosAtTheEnd) {
  NEED_TOOL("qemu-img");
  const TempFolder folder;
  auto disk = random_disk(8, 5 * mib + 512);
  write_file(folder.file("raw"), disk);
  for (const std::string variant : {"fixed", "dynamic"}) {
    ASSERT_EQ(run({"qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=" + variant,
                   folder.file("raw"), folder.file(variant)}),
              0);
    const auto opened = open_image(open_file(folder.file(variant)).value(), Format::vhd);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->variant, variant);
    ASSERT_GT(opened->disk->size_bytes(), 5 * mib + 512);
    disk.resize(opened->disk->size_bytes());
    expect_same_disk(*opened->disk, disk, 2);
  }
}

TEST(QemuImg, SparseDisksOfManySizesOpenAtOnce) {
  NEED_TOOL("qemu-img");
  const TempFolder folder;
  for (const std::string size : {"127G", "1T", "2040G", "4095G", "32T"}) {
    const auto image = folder.file(size);
    ASSERT_EQ(run({"qemu-img", "create", "-q", "-f", "qcow2", image, size}), 0);
    const auto opened = open_image(open_file(image).value(), {});
    ASSERT_TRUE(opened) << opened.error().message;
    const auto size_bytes = opened->disk->size_bytes();
    const auto extents = opened->disk->extents(0, size_bytes);
    ASSERT_TRUE(extents);
    EXPECT_EQ(*extents, (std::vector<Extent>{{0, size_bytes, true}}));
  }
}

TEST(QemuImg, ForeignDiskFormatsAreRefusedByName) {
  NEED_TOOL("qemu-img");
  const TempFolder folder;
  for (const std::string name : {"vhdx", "vmdk", "vdi", "qed", "parallels"}) {
    const auto image = folder.file(name);
    ASSERT_EQ(run({"qemu-img", "create", "-q", "-f", name, image, "8M"}), 0);
    const auto found = open_image(open_file(image).value(), {});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, "UnsupportedImageFeature");
    EXPECT_TRUE(found.error().message.find("raw, VHD (fixed or dynamic) and QCOW2") !=
                std::string::npos)
        << found.error().message;
    for (const auto stated : {Format::raw, Format::vhd, Format::qcow2}) {
      const auto mismatch = open_image(open_file(image).value(), stated);
      ASSERT_FALSE(mismatch);
      EXPECT_EQ(mismatch.error().code, "ImageFormatMismatch") << mismatch.error().message;
    }
  }
}

}  // namespace
}  // namespace pinaco::format::testing
