// What the store's tests share: made-up disks, temporary folders, regions over them, and a
// PackStore that fails when told.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/clock.h"
#include "store/store.h"

namespace pinaco::store {

// EXPECT_TRUE(good(result)) says the error when there is one.
template <typename T>
testing::AssertionResult good(const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << to_string(result.error().kind) << ": " << result.error().message;
}

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(testing::TempDir() + "/store.XXXXXX") {
    CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A disk in memory that knows where it is zero, in pieces of any alignment.
class MemoryDisk final : public DiskReader {
 public:
  explicit MemoryDisk(Bytes bytes, bool tells_zeros = true)
      : bytes_(std::move(bytes)), tells_zeros_(tells_zeros) {}
  std::uint64_t size_bytes() const override { return bytes_.size(); }
  const Bytes& bytes() const { return bytes_; }
  Bytes& bytes() { return bytes_; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    if (offset + into.size() > bytes_.size()) return fail(Kind::invalid, "outside");
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return {};
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    constexpr std::uint64_t step = 20'480;
    std::vector<Extent> extents;
    for (std::uint64_t at = offset; at < offset + length;) {
      const std::uint64_t end = std::min(offset + length, (at / step + 1) * step);
      const bool zero = tells_zeros_ && is_zero(ByteView(bytes_).subspan(at, end - at));
      extents.push_back({.offset = at, .length = end - at, .zero = zero});
      at = end;
    }
    return extents;
  }

 private:
  Bytes bytes_;
  bool tells_zeros_;
};

// Zeros, text-like and random stretches, and repeats of earlier ones. The first block is never
// zeros.
inline Bytes made_up_disk(std::uint64_t seed, std::size_t size) {
  const auto random = seeded_random(seed);
  Bytes bytes(size);
  for (std::size_t at = 0; at < size;) {
    std::size_t length = (1 + random->below(40)) * block_bytes;
    if (random->below(8) == 0) length = 1 + random->below(3 * block_bytes);
    length = std::min(length, size - at);
    const auto piece = MutableBytes(bytes).subspan(at, length);
    const std::uint64_t kind = at == 0 ? 2 : random->below(4);
    if (kind == 1) {
      std::uint64_t state = seed + at;
      for (auto& byte : piece) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        byte = static_cast<std::uint8_t>('a' + (state >> 62));
      }
    } else if (kind == 2) {
      random->fill(piece);
    } else if (kind == 3 && at > length) {
      const std::size_t from = random->below(at - length) / block_bytes * block_bytes;
      std::memcpy(piece.data(), bytes.data() + from, length);
    }
    at += length;
  }
  return bytes;
}

inline Bytes read_disk(const DiskReader& disk) {
  Bytes bytes(disk.size_bytes());
  const auto read = disk.read(0, bytes);
  EXPECT_TRUE(good(read));
  return bytes;
}

inline Bytes rounded_up(Bytes bytes) {
  bytes.resize((bytes.size() + block_bytes - 1) / block_bytes * block_bytes);
  return bytes;
}

// Fails the n-th call of a kind, or every call from it on.
class FaultyStore final : public PackStore {
 public:
  explicit FaultyStore(std::shared_ptr<PackStore> inner) : inner_(std::move(inner)) {}

  std::atomic<int> puts_until_failure = 1 << 30;
  mutable std::atomic<int> gets_until_failure = 1 << 30;
  std::atomic<bool> fails_once = false;  // otherwise for ever
  std::atomic<int> puts = 0;
  std::atomic<Kind> kind = Kind::busy;

  Result<> put(const ObjectName& name, std::span<const ByteView> parts) override {
    ++puts;
    const int left = --puts_until_failure;
    if (left == 0 || (left < 0 && !fails_once)) return fail(kind, "no space left on device");
    return inner_->put(name, parts);
  }
  Result<Bytes> get(const ObjectName& name, std::uint64_t offset,
                    std::uint64_t size) const override {
    const int left = --gets_until_failure;
    if (left == 0 || (left < 0 && !fails_once)) return fail(Kind::unavailable, "no answer");
    return inner_->get(name, offset, size);
  }
  Result<std::optional<std::uint64_t>> find_size(const ObjectName& name) const override {
    return inner_->find_size(name);
  }
  Result<std::vector<std::pair<ObjectName, std::uint64_t>>> list(ObjectKind which) const override {
    return inner_->list(which);
  }
  Result<> set_aside(const ObjectName& name) override { return inner_->set_aside(name); }
  Result<> restore(const ObjectName& name) override { return inner_->restore(name); }
  Result<std::uint64_t> purge(Seconds older_than) override { return inner_->purge(older_than); }

 private:
  const std::shared_ptr<PackStore> inner_;
};

// Regions whose places are folders "<zone>-<n>" of one temporary folder.
class StoreTest : public testing::Test {
 protected:
  std::shared_ptr<PackStore> folder(const std::string& name) {
    auto store = open_folder(temporary_.path() + "/" + name, clock_);
    CHECK(store.has_value());
    return std::move(*store);
  }
  std::shared_ptr<Region> region(const std::string& name,
                                 const std::vector<std::string>& places = {"1-1"}) {
    std::vector<Place> made;
    for (const std::string& place : places) {
      made.push_back({.zone = place.substr(0, place.find('-')),
                      .name = place,
                      .premium = place.ends_with("p"),
                      .packs = folder(name + "/" + place)});
    }
    return region_of(name, std::move(made));
  }
  std::shared_ptr<Region> region_of(const std::string& name, std::vector<Place> places) {
    auto opened = Region::open({.name = name,
                                .places = std::move(places),
                                .frames = make_frame_cache(8 << 20),
                                .index_cache_bytes = 8 << 20});
    CHECK(opened.has_value());
    return std::move(*opened);
  }
  // The files of objects under a folder, aside ones left out.
  std::vector<std::string> files(const std::string& name, std::string_view kind) const {
    std::vector<std::string> found;
    const std::string path = temporary_.path() + "/" + name + "/" + std::string(kind);
    if (!std::filesystem::exists(path)) return found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  TemporaryFolder temporary_;
  ManualClock clock_;
};

inline void flip_bit(const std::string& path, std::uint64_t bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(bit / 8));
  const int byte = file.get();
  CHECK(byte >= 0);
  file.seekp(static_cast<std::streamoff>(bit / 8));
  file.put(static_cast<char>(byte ^ (1 << bit % 8)));
}

}  // namespace pinaco::store
