// Where an image's bytes come from: one open file, or memory.
#include "format/format.h"
#include "format/refuse.h"
#include "os/files.h"

namespace pinaco::format {
namespace {

class FileSource final : public Source {
 public:
  FileSource(os::File file, std::uint64_t size_bytes)
      : file_(std::move(file)), size_bytes_(size_bytes) {}

  std::uint64_t size_bytes() const override { return size_bytes_; }

  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    TRY(check_range(offset, into.size(), size_bytes_));
    return file_.read_exact(offset, into);
  }

  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    TRY(check_range(offset, length, size_bytes_));
    std::vector<Extent> extents;
    for (const auto& span : TRY(file_.spans(offset, length))) {
      extents.push_back({span.offset, span.length, span.hole});
    }
    return extents;
  }

 private:
  const os::File file_;
  // As it was when opened: a file that grows does not change the image.
  const std::uint64_t size_bytes_;
};

class MemorySource final : public Source {
 public:
  explicit MemorySource(Bytes content) : content_(std::move(content)) {}

  std::uint64_t size_bytes() const override { return content_.size(); }

  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    TRY(check_range(offset, into.size(), content_.size()));
    if (!into.empty()) std::memcpy(into.data(), content_.data() + offset, into.size());
    return {};
  }

  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    TRY(check_range(offset, length, content_.size()));
    if (length == 0) return std::vector<Extent>{};
    return std::vector<Extent>{{offset, length, false}};
  }

 private:
  const Bytes content_;
};

}  // namespace

Result<std::shared_ptr<Source>> open_file(const std::string& path) {
  auto file = TRY(os::File::open_read(path));
  const auto size_bytes = TRY(file.size_bytes());
  return std::make_shared<FileSource>(std::move(file), size_bytes);
}

std::shared_ptr<Source> in_memory(Bytes content) {
  return std::make_shared<MemorySource>(std::move(content));
}

}  // namespace pinaco::format
