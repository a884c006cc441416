// The depot: regions by name, stored disks as readers.
#include <fmt/format.h>

#include <algorithm>

#include "work/work.h"

namespace pinaco::work {
namespace {

// A disk that is longer than what is stored: the rest is zeros.
class LongerDisk final : public DiskReader {
 public:
  LongerDisk(std::shared_ptr<DiskReader> stored, std::uint64_t size_bytes)
      : stored_(std::move(stored)), size_bytes_(size_bytes) {}

  std::uint64_t size_bytes() const override { return size_bytes_; }

  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    const auto stored = TRY(stored_part(offset, into));
    if (!stored.empty()) TRY(stored_->read(offset, stored));
    std::ranges::fill(into.subspan(stored.size()), std::uint8_t{0});
    return {};
  }

  Result<bool> read_now(std::uint64_t offset, MutableBytes into) const override {
    const auto stored = TRY(stored_part(offset, into));
    if (!stored.empty() && !TRY(stored_->read_now(offset, stored))) return false;
    std::ranges::fill(into.subspan(stored.size()), std::uint8_t{0});
    return true;
  }

  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    const std::uint64_t stored = stored_->size_bytes();
    std::vector<Extent> result;
    if (offset < stored) {
      result = TRY(stored_->extents(offset, std::min(length, stored - offset)));
    }
    if (offset + length > stored) {
      const std::uint64_t from = std::max(offset, stored);
      result.push_back({.offset = from, .length = offset + length - from, .zero = true});
    }
    return result;
  }

 private:
  // What of `into` the stored disk fills.
  Result<MutableBytes> stored_part(std::uint64_t offset, MutableBytes into) const {
    if (offset > size_bytes_ || into.size() > size_bytes_ - offset) {
      return fail(Kind::invalid, "The range lies outside the disk.");
    }
    const std::uint64_t stored = stored_->size_bytes();
    if (offset >= stored) return into.first(0);
    return into.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), stored - offset)));
  }

  std::shared_ptr<DiskReader> stored_;
  std::uint64_t size_bytes_;
};

}  // namespace

Depot::Depot(std::vector<std::shared_ptr<store::Region>> regions, std::unique_ptr<Uploads> uploads,
             std::unique_ptr<Uploads> blobs)
    : regions_(std::move(regions)), uploads_(std::move(uploads)), blobs_(std::move(blobs)) {}

std::shared_ptr<store::Region> Depot::find_region(std::string_view name) const {
  for (const auto& region : regions_) {
    if (region->name() == name) return region;
  }
  return nullptr;
}

Result<std::shared_ptr<DiskReader>> Depot::open_disk(const Json& content, std::string_view region,
                                                     std::uint64_t size_bytes) const {
  const auto here = find_region(region);
  if (here == nullptr) {
    return fail(Kind::not_found, fmt::format("This server has no region '{}'.", region));
  }
  std::vector<std::shared_ptr<const store::Region>> elsewhere;
  for (const auto& other : regions_) {
    if (other != here) elsewhere.push_back(other);
  }
  const auto manifest = TRY(Digest::parse(string_at(content, "manifest")));
  auto disk = TRY(here->open_disk(manifest, std::move(elsewhere)));
  // A stored disk is whole blocks; the disk itself may end inside its last one.
  const auto exact = static_cast<std::uint64_t>(int_at(content, "sizeBytes"));
  const std::uint64_t size = std::max(size_bytes, exact);
  if (size == disk->size_bytes()) return disk;
  return std::make_shared<LongerDisk>(std::move(disk), size);
}

}  // namespace pinaco::work
