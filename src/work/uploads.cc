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

// A file that is shorter than it should be was being made when we were cut, or the disk was full:
// nothing was written to it yet.
Result<os::File> Uploads::open_whole(const std::string& id, std::uint64_t size_bytes, bool make) {
  const std::string name = path(id);
  const std::lock_guard lock(mutex_);
  const bool fresh = make && !TRY(os::exists(name));
  auto file = TRY(fresh ? os::File::create(name) : os::File::open_write(name));
  if (TRY(file.size_bytes()) < size_bytes) {
    TRY(file.resize(size_bytes));
    TRY(file.sync());
    TRY(os::sync_folder(folder_));
  }
  return file;
}

Result<> Uploads::write(const std::string& id, std::uint64_t size_bytes, std::uint64_t offset,
                        ByteView bytes) {
  TRY(check_range(size_bytes, offset, bytes.size()));
  const os::File file = TRY(open_whole(id, size_bytes, true));
  TRY(file.write_exact(offset, bytes));
  return file.sync();
}

Result<> Uploads::clear(const std::string& id, std::uint64_t size_bytes, std::uint64_t offset,
                        std::uint64_t length) {
  TRY(check_range(size_bytes, offset, length));
  const os::File file = TRY(open_whole(id, size_bytes, true));
  TRY(file.punch(offset, length));
  return file.sync();
}

Result<std::shared_ptr<format::Source>> Uploads::source(const std::string& id,
                                                        std::uint64_t size_bytes) {
  const auto file = open_whole(id, size_bytes, false);
  if (!file && file.error().kind == Kind::not_found) {
    return std::shared_ptr<format::Source>(std::make_shared<NothingYet>(size_bytes));
  }
  if (!file) return fail(file.error());
  return format::open_file(path(id));
}

Uploads::Writing::Writing(Uploads& uploads, std::string id)
    : uploads_(uploads), id_(std::move(id)) {
  const std::lock_guard lock(uploads_.traffic_mutex_);
  uploads_.traffic_[id_].writes++;
}

Uploads::Writing::~Writing() {
  const std::lock_guard lock(uploads_.traffic_mutex_);
  auto& traffic = uploads_.traffic_[id_];
  traffic.writes--;
  if (!told_) traffic.doubts++;
  uploads_.forget_if_quiet(id_);
}

Uploads::Watch::Watch(Uploads& uploads, std::string id) : uploads_(uploads), id_(std::move(id)) {
  const std::lock_guard lock(uploads_.traffic_mutex_);
  auto& traffic = uploads_.traffic_[id_];
  traffic.watches++;
  doubts_ = traffic.doubts;
}

Uploads::Watch::~Watch() {
  const std::lock_guard lock(uploads_.traffic_mutex_);
  uploads_.traffic_[id_].watches--;
  uploads_.forget_if_quiet(id_);
}

bool Uploads::Watch::row_tells_all() const {
  const std::lock_guard lock(uploads_.traffic_mutex_);
  const auto& traffic = uploads_.traffic_.at(id_);
  return traffic.writes == 0 && traffic.doubts == doubts_;
}

void Uploads::forget_if_quiet(const std::string& id) {
  const auto found = traffic_.find(id);
  if (found->second.writes == 0 && found->second.watches == 0) traffic_.erase(found);
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
