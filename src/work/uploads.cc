// Files of uploads under way: sparse, written where the client says, synced before the answer.
#include <fmt/format.h>

#include "os/files.h"
#include "work/work.h"

namespace pinaco::work {
namespace {

// An upload that has no file yet: all zeros.
class NothingYet final : public format::Source {
 public:
  explicit NothingYet(std::uint64_t size_bytes) : size_bytes_(size_bytes) {}
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<> read(std::uint64_t, MutableBytes into) const override {
    std::ranges::fill(into, std::uint8_t{0});
    return {};
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    return std::vector<Extent>{{.offset = offset, .length = length, .zero = true}};
  }

 private:
  std::uint64_t size_bytes_;
};

Result<> check_range(std::uint64_t size_bytes, std::uint64_t offset, std::uint64_t length) {
  if (offset <= size_bytes && length <= size_bytes - offset) return {};
  return fail(Error{.kind = Kind::invalid,
                    .message = fmt::format("The range {}-{} lies outside the blob of {} bytes.",
                                           offset, offset + length, size_bytes),
                    .code = "InvalidPageRange"});
}

}  // namespace

Result<std::unique_ptr<Uploads>> Uploads::open(const std::string& folder) {
  TRY(os::make_folders(folder));
  return std::unique_ptr<Uploads>(new Uploads(folder));
}

Result<std::string> Uploads::make(const std::string& id, std::uint64_t size_bytes) {
  const std::string name = path(id);
  const std::lock_guard lock(mutex_);
  if (TRY(os::exists(name))) return name;
  const os::File file = TRY(os::File::create(name));
  TRY(file.resize(size_bytes));
  TRY(file.sync());
  TRY(os::sync_folder(folder_));
  return name;
}

Result<> Uploads::write(const std::string& id, std::uint64_t size_bytes, std::uint64_t offset,
                        ByteView bytes) {
  TRY(check_range(size_bytes, offset, bytes.size()));
  const os::File file = TRY(os::File::open_write(TRY(make(id, size_bytes))));
  TRY(file.write_exact(offset, bytes));
  return file.sync();
}

Result<> Uploads::clear(const std::string& id, std::uint64_t size_bytes, std::uint64_t offset,
                        std::uint64_t length) {
  TRY(check_range(size_bytes, offset, length));
  const os::File file = TRY(os::File::open_write(TRY(make(id, size_bytes))));
  TRY(file.punch(offset, length));
  return file.sync();
}

Result<std::shared_ptr<format::Source>> Uploads::source(const std::string& id,
                                                        std::uint64_t size_bytes) {
  if (!TRY(os::exists(path(id)))) {
    return std::shared_ptr<format::Source>(std::make_shared<NothingYet>(size_bytes));
  }
  return format::open_file(path(id));
}

std::shared_mutex& Uploads::writing(const std::string& id) {
  return writing_[std::hash<std::string>()(id) % writing_.size()];
}

Result<> Uploads::remove(const std::string& id) {
  return os::remove_file(path(id));
}

Result<std::vector<std::string>> Uploads::list() const {
  std::vector<std::string> ids;
  for (const auto& name : TRY(os::list_folder(folder_))) {
    if (name.ends_with(".vhd")) ids.push_back(name.substr(0, name.size() - 4));
  }
  return ids;
}

}  // namespace pinaco::work
