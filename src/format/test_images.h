// Small valid images that tests then break, field by field. For tests only.
#pragma once

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>

#include "base/clock.h"
#include "format/format.h"
#include "format/vhd_footer.h"
#include "gtest/gtest.h"

namespace pinaco::format::testing {

inline constexpr std::uint64_t mib = std::uint64_t{1} << 20;
inline constexpr std::uint64_t gib = std::uint64_t{1} << 30;

template <typename T>
void set(Bytes& image, std::uint64_t at, std::uint64_t value) {
  store_be<T>(image, at, static_cast<T>(value));
}
inline void set_text(Bytes& image, std::uint64_t at, std::string_view text) {
  std::ranges::copy(as_bytes(text), image.begin() + static_cast<std::ptrdiff_t>(at));
}

// Where the parts of the QCOW2 skeleton are: header, refcount table, refcount block, L1, L2, and
// one data cluster, of 64 KiB each, for a disk of 64 MiB.
struct Qcow2Parts {
  std::uint32_t version = 3;
  std::uint32_t cluster_bits = 16;
  std::uint64_t disk_bytes = 64 * mib;

  std::uint64_t cluster() const { return std::uint64_t{1} << cluster_bits; }
  std::uint64_t refcounts() const { return cluster(); }
  std::uint64_t l1() const { return 3 * cluster(); }
  std::uint64_t l2() const { return 4 * cluster(); }
  std::uint64_t data() const { return 5 * cluster(); }
  std::uint64_t end() const { return 6 * cluster(); }
};

inline constexpr std::uint64_t copied = std::uint64_t{1} << 63;
inline constexpr std::uint64_t compressed = std::uint64_t{1} << 62;

inline Bytes qcow2_image(const Qcow2Parts& parts = {}) {
  Bytes image(parts.end());
  set<std::uint32_t>(image, 0, 0x514649fb);
  set<std::uint32_t>(image, 4, parts.version);
  set<std::uint32_t>(image, 20, parts.cluster_bits);
  set<std::uint64_t>(image, 24, parts.disk_bytes);
  set<std::uint32_t>(image, 36, 1);
  set<std::uint64_t>(image, 40, parts.l1());
  set<std::uint64_t>(image, 48, parts.refcounts());
  set<std::uint32_t>(image, 56, 1);
  if (parts.version == 3) {
    set<std::uint32_t>(image, 96, 4);
    set<std::uint32_t>(image, 100, 112);
  }
  set<std::uint64_t>(image, parts.refcounts(), 2 * parts.cluster());
  for (std::uint64_t i = 0; i < 6; ++i) set<std::uint16_t>(image, 2 * parts.cluster() + 2 * i, 1);
  set<std::uint64_t>(image, parts.l1(), parts.l2() | copied);
  set<std::uint64_t>(image, parts.l2(), parts.data() | copied);
  for (std::uint64_t i = 0; i < parts.cluster(); ++i) {
    image[parts.data() + i] = static_cast<std::uint8_t>(1 + i % 251);
  }
  return image;
}

inline Bytes some_id() {
  return Bytes(16, 0x5a);
}

inline void seal_footer(Bytes& image, std::uint64_t at) {
  set<std::uint32_t>(image, at + 64, vhd_checksum(ByteView(image).subspan(at, 512), 64));
}
inline void seal_header(Bytes& image, std::uint64_t at = 512) {
  set<std::uint32_t>(image, at + 36, vhd_checksum(ByteView(image).subspan(at, 1024), 36));
}

inline Bytes fixed_vhd(std::uint64_t disk_bytes = mib) {
  Bytes image(disk_bytes);
  for (std::uint64_t i = 0; i < disk_bytes; ++i) image[i] = static_cast<std::uint8_t>(i % 253);
  append(image, fixed_vhd_footer(disk_bytes, some_id()));
  return image;
}

// footer copy 0, header 512, BAT 1536, block 0 at 2048; a disk of 64 MiB with blocks of 2 MiB.
struct DynamicParts {
  std::uint64_t disk_bytes = 64 * mib;
  std::uint64_t block_bytes = 2 * mib;
  static constexpr std::uint64_t header = 512, bat = 1536, block = 2048;
  std::uint64_t footer() const { return block + 512 + block_bytes; }
};

inline Bytes dynamic_vhd(const DynamicParts& parts = {}) {
  Bytes image(parts.footer() + 512);
  const auto footer = vhd_footer(parts.disk_bytes, VhdType::dynamic, parts.header, some_id());
  std::ranges::copy(footer, image.begin());
  std::ranges::copy(footer, image.end() - 512);
  set_text(image, parts.header, "cxsparse");
  set<std::uint64_t>(image, parts.header + 8, ~std::uint64_t{0});
  set<std::uint64_t>(image, parts.header + 16, parts.bat);
  set<std::uint32_t>(image, parts.header + 24, 0x00010000);
  set<std::uint32_t>(image, parts.header + 28, parts.disk_bytes / parts.block_bytes);
  set<std::uint32_t>(image, parts.header + 32, parts.block_bytes);
  seal_header(image);
  std::fill_n(image.begin() + parts.bat, 512, std::uint8_t{0xff});
  set<std::uint32_t>(image, parts.bat, parts.block / 512);
  for (std::uint64_t i = 0; i < 512; ++i) image[parts.block + i] = 0xff;
  for (std::uint64_t i = 0; i < parts.block_bytes; ++i) {
    image[parts.block + 512 + i] = static_cast<std::uint8_t>(1 + i % 239);
  }
  return image;
}

// Reads all that the extents call data, and says whether the rest is covered.
inline Result<> read_all(const DiskReader& disk) {
  auto extents = disk.extents(0, disk.size_bytes());
  if (!extents) return std::unexpected(extents.error());
  std::uint64_t covered = 0;
  Bytes buffer;
  for (const auto& extent : *extents) {
    EXPECT_EQ(extent.offset, covered);
    covered += extent.length;
    if (extent.zero) continue;
    for (std::uint64_t at = 0; at < extent.length; at += mib) {
      buffer.resize(std::min(mib, extent.length - at));
      if (auto read = disk.read(extent.offset + at, buffer); !read) return read;
    }
  }
  EXPECT_EQ(covered, disk.size_bytes());
  return {};
}

// The error of opening and reading all of an image; an empty one when there is none.
inline Error verdict(std::shared_ptr<Source> source, std::optional<Format> stated) {
  auto opened = open_image(std::move(source), stated);
  if (!opened) return opened.error();
  const auto size_bytes = opened->disk->size_bytes();
  EXPECT_TRUE(size_bytes > 0 && size_bytes <= 32768 * gib && size_bytes % 512 == 0) << size_bytes;
  if (auto read = read_all(*opened->disk); !read) return read.error();
  return {};
}

class TempFolder {
 public:
  TempFolder() : path_(::testing::TempDir() + "format_XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// A disk with random data and random holes, the same for the same seed.
inline Bytes random_disk(std::uint64_t seed, std::uint64_t size_bytes) {
  Bytes disk(size_bytes);
  const auto random = seeded_random(seed);
  for (std::uint64_t at = 0; at < size_bytes;) {
    const auto length = std::min(512 * (1 + random->below(400)), size_bytes - at);
    const auto piece = MutableBytes(disk).subspan(at, length);
    switch (random->below(4)) {
      case 0:
        random->fill(piece);
        break;
      case 1:
        std::ranges::fill(piece, static_cast<std::uint8_t>(random->below(256)));
        break;
      default:
        break;  // zeros
    }
    at += length;
  }
  return disk;
}

// All bytes of the disk, read in pieces of random sizes; and the extents never lie.
inline void expect_same_disk(const DiskReader& disk, ByteView expected, std::uint64_t seed) {
  ASSERT_EQ(disk.size_bytes(), expected.size());
  const auto random = seeded_random(seed);
  Bytes piece;
  for (std::uint64_t at = 0; at < expected.size(); at += piece.size()) {
    const auto most = random->below(2) == 0 ? 5000 : 900'000;
    piece.resize(std::min<std::uint64_t>(1 + random->below(most), expected.size() - at));
    const auto read = disk.read(at, piece);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_TRUE(std::ranges::equal(piece, expected.subspan(at, piece.size()))) << "from " << at;
  }
  const auto extents = disk.extents(0, expected.size());
  ASSERT_TRUE(extents) << extents.error().message;
  std::uint64_t covered = 0;
  for (const auto& extent : *extents) {
    ASSERT_EQ(extent.offset, covered);
    covered += extent.length;
    ASSERT_LE(covered, expected.size());
    if (!extent.zero) continue;
    ASSERT_TRUE(is_zero(expected.subspan(extent.offset, extent.length))) << extent.offset;
  }
  ASSERT_EQ(covered, expected.size());
}

// A DiskReader over bytes, for writers.
inline std::unique_ptr<DiskReader> disk_of(Bytes bytes) {
  auto opened = open_image(in_memory(std::move(bytes)), Format::raw);
  EXPECT_TRUE(opened);
  return std::move(opened->disk);
}

}  // namespace pinaco::format::testing
