// Raw images: the bytes are the disk.
#include "format/raw.h"

#include "format/refuse.h"

namespace pinaco::format {
namespace {

class PlainDisk final : public DiskReader {
 public:
  PlainDisk(std::shared_ptr<Source> source, std::uint64_t size_bytes)
      : source_(std::move(source)), size_bytes_(size_bytes) {}

  std::uint64_t size_bytes() const override { return size_bytes_; }

  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    TRY(check_range(offset, into.size(), size_bytes_));
    return source_->read(offset, into);
  }

  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    TRY(check_range(offset, length, size_bytes_));
    return source_->extents(offset, length);
  }

 private:
  const std::shared_ptr<Source> source_;
  const std::uint64_t size_bytes_;
};

}  // namespace

std::unique_ptr<DiskReader> plain_disk(std::shared_ptr<Source> source, std::uint64_t size_bytes) {
  return std::make_unique<PlainDisk>(std::move(source), size_bytes);
}

Result<Opened> open_raw(std::shared_ptr<Source> source) {
  const auto size_bytes = source->size_bytes();
  TRY(check_disk_size(size_bytes, {"raw image", 0}, "file size"));
  return Opened{.format = Format::raw, .disk = plain_disk(std::move(source), size_bytes)};
}

Result<> ExtentList::add_from(const Source& source, std::uint64_t from, std::uint64_t offset,
                              std::uint64_t length) {
  for (const auto& extent : TRY(source.extents(from, length))) {
    add(offset + (extent.offset - from), extent.length, extent.zero);
  }
  return {};
}

}  // namespace pinaco::format
