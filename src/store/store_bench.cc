// Measures the store with real images: bench_store [--folder F] [--lanes N] [--synthetic GIB]
// [--index-cache MIB] [--imports-only] IMAGE...
//
// Imports each raw image in order into a fresh region, copies each to a second region, reads the
// last one back, and compares how many blocks were stored with what a full index would store.
// Lines are tab-separated for tools/bench_store.sh.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <unordered_set>

#include "base/clock.h"
#include "base/text.h"
#include "os/files.h"
#include "os/lanes.h"
#include "store/disk_walk.h"
#include "store/store.h"

namespace pinaco::store {
namespace {

class RawFile final : public DiskReader {
 public:
  RawFile(os::File file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  static Result<std::shared_ptr<DiskReader>> open(const std::string& path) {
    auto file = TRY(os::File::open_read(path));
    const std::uint64_t size = TRY(file.size_bytes());
    return std::make_shared<RawFile>(std::move(file), size);
  }
  std::uint64_t size_bytes() const override { return size_; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    return file_.read_exact(offset, into);
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    std::vector<Extent> extents;
    for (const auto& span : TRY(file_.spans(offset, length))) {
      extents.push_back({.offset = span.offset, .length = span.length, .zero = span.hole});
    }
    return extents;
  }

 private:
  const os::File file_;
  const std::uint64_t size_;
};

// Every eighth 64 MiB holds data: half of each block is chance, half repeats.
class SyntheticDisk final : public DiskReader {
 public:
  explicit SyntheticDisk(std::uint64_t size) : size_(size) {}
  std::uint64_t size_bytes() const override { return size_; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    for (std::size_t i = 0; i < into.size(); i += 8) {
      const std::uint64_t word = (offset + i) / 8;
      std::uint64_t mixed = (word % 512 < 256 ? word : word / 512) * 0x9e3779b97f4a7c15U;
      mixed ^= mixed >> 29;
      store_le<std::uint64_t>(into, i, mixed * 0xbf58476d1ce4e5b9U + 1);
    }
    return {};
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    std::vector<Extent> extents;
    for (std::uint64_t at = offset; at < offset + length;) {
      const std::uint64_t end = std::min(offset + length, (at / step + 1) * step);
      extents.push_back({.offset = at, .length = end - at, .zero = at / step % 8 != 0});
      at = end;
    }
    return extents;
  }

 private:
  static constexpr std::uint64_t step = 64 << 20;
  const std::uint64_t size_;
};

struct Meter {
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  double cpu_start = cpu();

  static double cpu() {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  static long peak_mib() {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
  }
  double cpu_seconds() const { return cpu() - cpu_start; }
  double wall_seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
};

struct Arguments {
  std::string folder;
  std::size_t lanes = 2;
  std::uint64_t synthetic_bytes = 0;
  std::uint64_t index_cache_bytes = 64 << 20;
  bool imports_only = false;
  std::vector<std::string> images;
};

Result<std::shared_ptr<Region>> open_region(const Arguments& arguments, const std::string& name) {
  std::shared_ptr<PackStore> packs =
      TRY(open_folder(arguments.folder + "/" + name, system_clock()));
  return Region::open({.name = name,
                       .places = {{.zone = "1", .name = name + "-1", .packs = std::move(packs)}},
                       .index_cache_bytes = arguments.index_cache_bytes});
}

// New blocks of each image with an index of all blocks.
Result<std::vector<std::uint64_t>> full_index(
    const std::vector<std::shared_ptr<DiskReader>>& disks) {
  std::unordered_set<Digest> seen;
  std::vector<std::uint64_t> fresh;
  for (const auto& disk : disks) {
    DiskWalk walk(*disk, {}, {});
    UnitReader reader;
    TRY(walk.begin());
    const std::size_t before = seen.size();
    while (const auto unit = TRY(walk.next())) {
      TRY(reader.read(*disk, *unit));
      seen.insert(reader.digests().begin(), reader.digests().end());
      TRY(walk.finish(*unit, {}, {{.count = static_cast<std::uint32_t>(reader.blocks())}}));
    }
    fresh.push_back(seen.size() - before);
  }
  return fresh;
}

// Anywhere in the data, as likely in a large extent as it is large.
class Anywhere {
 public:
  Anywhere(const std::vector<Extent>& data, std::size_t size) {
    for (const Extent& extent : data) {
      if (extent.length < size) continue;
      extents_.push_back(extent);
      ends_.push_back((ends_.empty() ? 0 : ends_.back()) + (extent.length - size) / block_bytes +
                      1);
    }
  }
  bool is_empty() const { return ends_.empty(); }
  std::uint64_t offset(Random& random) const {
    const std::uint64_t drawn = random.below(ends_.back());
    const auto end = std::ranges::upper_bound(ends_, drawn);
    return extents_[static_cast<std::size_t>(end - ends_.begin())].offset +
           (*end - 1 - drawn) * block_bytes;
  }

 private:
  std::vector<Extent> extents_;
  std::vector<std::uint64_t> ends_;
};

Result<> read_random(const DiskReader& disk, const std::vector<Extent>& data, std::size_t size,
                     std::size_t threads) {
  constexpr std::size_t reads = 8000;
  const Anywhere anywhere(data, size);
  if (anywhere.is_empty()) return {};
  const Meter meter;
  TRY(os::for_each(threads, threads, [&](std::size_t lane) -> Result<> {
    const auto random = seeded_random(lane + size);
    Bytes into(size);
    for (std::size_t i = 0; i < reads / threads; ++i) {
      TRY(disk.read(anywhere.offset(*random), into));
    }
    return {};
  }));
  fmt::print("random\t{} KiB, {} threads\t{:.0f} reads/s\t{:.3f} GB/s\t{:.2f} s CPU\n", size >> 10,
             threads, reads / meter.wall_seconds(),
             static_cast<double>(reads * size) / meter.wall_seconds() / 1e9, meter.cpu_seconds());
  return {};
}

Result<> read_all(const DiskReader& disk) {
  const auto extents = TRY(disk.extents(0, disk.size_bytes()));
  const Meter meter;
  Bytes into(1 << 20);
  std::uint64_t sum = 0;
  std::vector<Extent> data;
  for (const Extent& extent : extents) {
    if (extent.zero) continue;
    data.push_back(extent);
    for (std::uint64_t at = 0; at < extent.length; at += into.size()) {
      const auto part = std::min<std::uint64_t>(into.size(), extent.length - at);
      TRY(disk.read(extent.offset + at, MutableBytes(into).first(part)));
      sum += part;
    }
  }
  fmt::print("sequential\t{:.3f} GB/s\t{:.2f} s CPU for {} MB\n",
             static_cast<double>(sum) / meter.wall_seconds() / 1e9, meter.cpu_seconds(),
             sum / 1'000'000);
  for (const std::size_t threads : {1, 2}) {
    TRY(read_random(disk, data, 4096, threads));
    TRY(read_random(disk, data, 65536, threads));
  }
  return {};
}

Result<> run(const Arguments& arguments) {
  std::vector<std::shared_ptr<DiskReader>> disks;
  std::vector<std::string> names;
  for (const std::string& path : arguments.images) {
    disks.push_back(TRY(RawFile::open(path)));
    names.push_back(path.substr(path.rfind('/') + 1));
  }
  if (arguments.synthetic_bytes > 0) {
    disks.push_back(std::make_shared<SyntheticDisk>(arguments.synthetic_bytes));
    names.push_back("synthetic");
  }
  const auto first = TRY(open_region(arguments, "first"));
  std::vector<Written> written;
  fmt::print(
      "import\tname\tCPU s\twall s\tpeak MiB\tdata blocks\tnew blocks\tstored bytes\truns\t"
      "manifest bytes\n");
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const Meter meter;
    written.push_back(TRY(first->write(*disks[i], {.lanes = arguments.lanes})));
    const double cpu = meter.cpu_seconds();
    const double wall = meter.wall_seconds();
    const Written& w = written.back();
    const auto description = TRY(first->describe(w.manifest));
    const auto manifest_bytes = TRY(
        first->places()[0].packs->find_size({.kind = ObjectKind::manifest, .digest = w.manifest}));
    fmt::print("import\t{}\t{:.3f}\t{:.3f}\t{}\t{}\t{}\t{}\t{}\t{}\n", names[i], cpu, wall,
               Meter::peak_mib(), w.data_blocks, w.new_blocks, w.stored_bytes, description.runs,
               *manifest_bytes);
  }
  if (arguments.imports_only) return {};
  const auto second = TRY(open_region(arguments, "second"));
  fmt::print("copy\tname\tCPU s\twall s\tmoved bytes\ttotal bytes\n");
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const Meter meter;
    const auto copied = TRY(second->copy_from(*first, written[i].manifest, {}));
    fmt::print("copy\t{}\t{:.3f}\t{:.3f}\t{}\t{}\n", names[i], meter.cpu_seconds(),
               meter.wall_seconds(), copied.moved_bytes, copied.total_bytes);
  }
  for (std::size_t i = 0; i < disks.size(); ++i) {
    fmt::print("read\t{}\n", names[i]);
    TRY(read_all(*TRY(second->open_disk(written[i].manifest))));
  }
  const auto fresh = TRY(full_index(disks));
  std::uint64_t found = 0;
  std::uint64_t could = 0;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    found += written[i].data_blocks - written[i].new_blocks;
    could += written[i].data_blocks - fresh[i];
    fmt::print("dedup\t{}\tnew {}\twith a full index {}\n", names[i], written[i].new_blocks,
               fresh[i]);
  }
  fmt::print("dedup\tall\tfound\t{:.2f}\t% of the duplicates that a full index finds\n",
             could == 0 ? 100.0 : 100.0 * static_cast<double>(found) / static_cast<double>(could));
  return {};
}

Arguments parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const auto number = [&] {
      return i + 1 < count ? parse_int(words[++i], 1, 1 << 20).value_or(0) : 0;
    };
    if (word == "--folder" && i + 1 < count) {
      arguments.folder = words[++i];
    } else if (word == "--lanes") {
      arguments.lanes = static_cast<std::size_t>(number());
    } else if (word == "--synthetic") {
      arguments.synthetic_bytes = static_cast<std::uint64_t>(number()) << 30;
    } else if (word == "--index-cache") {
      arguments.index_cache_bytes = static_cast<std::uint64_t>(number()) << 20;
    } else if (word == "--imports-only") {
      arguments.imports_only = true;
    } else {
      arguments.images.push_back(word);
    }
  }
  return arguments;
}

}  // namespace
}  // namespace pinaco::store

int main(int count, char** words) {
  auto arguments = pinaco::store::parse(count, words);
  const char* temporary = std::getenv("TMPDIR");
  if (arguments.folder.empty()) arguments.folder = temporary != nullptr ? temporary : "/tmp";
  arguments.folder += "/bench_store.XXXXXX";
  if (mkdtemp(arguments.folder.data()) == nullptr) {
    fmt::print(stderr, "Cannot make a folder {}\n", arguments.folder);
    return 1;
  }
  const auto result = pinaco::store::run(arguments);
  if (!result) fmt::print(stderr, "{}\n", result.error().message);
  std::filesystem::remove_all(arguments.folder);
  return result ? 0 : 1;
}
