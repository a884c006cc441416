// A PackStore in a directory:
//
//   packs/ab/abcd…      manifests/ab/abcd…     objects by the first two digits of their name
//   aside/packs/ab/abcd….<microseconds>        set aside at that time
//   temporary/<session>.<n>, <session>.lock    being written; the lock tells whether still
//
// An object appears under its name by a rename after its bytes are synced, so what is found was
// put whole. Times are in names because nothing else keeps them through copies and restores.
//
// A folder that went away after it was opened (its disk is not mounted any more) is unavailable:
// nothing is known to be absent there, and nothing is made in its stead. When it comes back, all is
// as before.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/text.h"
#include "os/files.h"
#include "store/store.h"

namespace pinaco::store {
namespace {

std::string_view folder_of(ObjectKind kind) {
  return kind == ObjectKind::pack ? "packs" : "manifests";
}

struct AsideName {
  Digest digest;
  std::int64_t microseconds = 0;
};

std::optional<AsideName> parse_aside(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto digest = Digest::parse(name.substr(0, dot));
  const auto time = parse_int(name.substr(dot + 1), 0, INT64_MAX);
  if (!digest || !time) return std::nullopt;
  return AsideName{.digest = *digest, .microseconds = *time};
}

// The names in a folder; none when it is absent.
Result<std::vector<std::string>> names_in(const std::string& path) {
  auto names = os::list_folder(path);
  if (!names && names.error().kind == Kind::not_found) return std::vector<std::string>{};
  return names;
}

class FolderStore final : public PackStore {
 public:
  FolderStore(std::string path, Clock& clock) : path_(std::move(path)), clock_(clock) {}
  ~FolderStore() override {
    if (lock_.is_open()) static_cast<void>(os::remove_file(temporary_path("lock")));
  }

  Result<> open();

  Result<> put(const ObjectName& name, std::span<const ByteView> parts) override;
  Result<Bytes> get(const ObjectName& name, std::uint64_t offset,
                    std::uint64_t size) const override;
  Result<std::optional<std::uint64_t>> find_size(const ObjectName& name) const override;
  Result<std::vector<std::pair<ObjectName, std::uint64_t>>> list(ObjectKind kind) const override;
  Result<> set_aside(const ObjectName& name) override;
  Result<> restore(const ObjectName& name) override;
  Result<std::uint64_t> purge(Seconds older_than) override;

 private:
  std::string shard_path(const ObjectName& name) const {
    return fmt::format("{}/{}/{}", path_, folder_of(name.kind), name.digest.hex().substr(0, 2));
  }
  std::string object_path(const ObjectName& name) const {
    return fmt::format("{}/{}", shard_path(name), name.digest.hex());
  }
  std::string aside_path(const ObjectName& name) const {
    return fmt::format("{}/aside/{}/{}", path_, folder_of(name.kind),
                       name.digest.hex().substr(0, 2));
  }
  std::string temporary_path(std::string_view what) const {
    return fmt::format("{}/temporary/{}.{}", path_, session_, what);
  }
  Result<> check_there() const;
  Result<> remove_dead_temporaries() const;
  Result<> write_whole(const std::string& path, std::span<const ByteView> parts) const;
  Result<std::uint64_t> purge_shard(const std::string& path, std::int64_t before) const;

  const std::string path_;
  Clock& clock_;
  std::string session_;
  os::File lock_;
  std::atomic<std::uint64_t> temporaries_ = 0;
};

Result<> FolderStore::open() {
  for (const std::string_view folder :
       {"packs", "manifests", "aside/packs", "aside/manifests", "temporary"}) {
    TRY(os::make_folders(fmt::format("{}/{}", path_, folder)));
  }
  TRY(remove_dead_temporaries());
  session_ = system_random().hex(8);
  lock_ = TRY(os::lock_file(temporary_path("lock")));
  return {};
}

// Without the path, which is not for clients: Region knows the place and logs it. With the code
// that clients of storage take for a reason to ask again.
Result<> FolderStore::check_there() const {
  if (TRY(os::exists(fmt::format("{}/temporary", path_)))) return {};
  return fail(Error{.kind = Kind::unavailable,
                    .message = "the folder of a store is not there. Mount its disk or put the "
                               "folder back; nothing else needs to be done.",
                    .code = "ServerBusy"});
}

// Those whose session holds its lock are alive, be it in this process or another.
Result<> FolderStore::remove_dead_temporaries() const {
  const std::string folder = fmt::format("{}/temporary", path_);
  const auto names = TRY(os::list_folder(folder));
  std::vector<std::string> alive;
  for (const std::string& name : names) {
    if (!name.ends_with(".lock")) continue;
    const auto lock = os::lock_file(fmt::format("{}/{}", folder, name));
    if (lock) {
      TRY(os::remove_file(fmt::format("{}/{}", folder, name)));
    } else if (lock.error().kind == Kind::conflict) {
      alive.push_back(name.substr(0, name.find('.')));
    } else {
      return std::unexpected(lock.error());
    }
  }
  for (const std::string& name : names) {
    if (name.ends_with(".lock")) continue;
    if (std::ranges::find(alive, name.substr(0, name.find('.'))) != alive.end()) continue;
    TRY(os::remove_file(fmt::format("{}/{}", folder, name)));
  }
  return {};
}

Result<> FolderStore::write_whole(const std::string& path, std::span<const ByteView> parts) const {
  const os::File file = TRY(os::File::create(path));
  std::uint64_t offset = 0;
  for (const ByteView part : parts) {
    TRY(file.write_exact(offset, part));
    offset += part.size();
  }
  return file.sync();
}

Result<> FolderStore::put(const ObjectName& name, std::span<const ByteView> parts) {
  std::uint64_t size = 0;
  for (const ByteView part : parts) size += part.size();
  const std::string shard = shard_path(name);
  if (TRY(find_size(name)) == size) {
    // Another put may have renamed it a moment ago and not have synced the folder yet.
    return os::sync_folder(shard);
  }
  TRY(os::make_folders(shard));
  const std::string temporary = temporary_path(fmt::format("{}", temporaries_++));
  auto written = write_whole(temporary, parts);
  if (written) written = os::rename_durably(temporary, object_path(name));
  if (!written) static_cast<void>(os::remove_file(temporary));
  return written;
}

Result<Bytes> FolderStore::get(const ObjectName& name, std::uint64_t offset,
                               std::uint64_t size) const {
  const auto opened = os::File::open_read(object_path(name));
  if (!opened && opened.error().kind == Kind::not_found) TRY(check_there());
  if (!opened) return std::unexpected(opened.error());
  const os::File& file = *opened;
  Bytes bytes;
  // Asked first, so that a damaged length elsewhere cannot make us allocate at will.
  const std::uint64_t file_bytes = TRY(file.size_bytes());
  if (offset > file_bytes || size > file_bytes - offset) {
    return fail(Kind::corrupt,
                fmt::format("{} {} ends at {} bytes, before {} + {}.", folder_of(name.kind),
                            name.digest.hex(), file_bytes, offset, size));
  }
  bytes.resize(size);
  TRY(file.read_exact(offset, bytes));
  return bytes;
}

Result<std::optional<std::uint64_t>> FolderStore::find_size(const ObjectName& name) const {
  const auto file = os::File::open_read(object_path(name));
  if (file) return TRY(file->size_bytes());
  if (file.error().kind != Kind::not_found) return std::unexpected(file.error());
  TRY(check_there());
  return std::nullopt;
}

Result<std::vector<std::pair<ObjectName, std::uint64_t>>> FolderStore::list(ObjectKind kind) const {
  TRY(check_there());
  std::vector<std::pair<ObjectName, std::uint64_t>> found;
  const std::string folder = fmt::format("{}/{}", path_, folder_of(kind));
  for (const std::string& shard : TRY(os::list_folder(folder))) {
    for (const std::string& name : TRY(names_in(fmt::format("{}/{}", folder, shard)))) {
      const auto digest = Digest::parse(name);
      if (!digest) continue;
      const ObjectName object{.kind = kind, .digest = *digest};
      // Set aside between the listing and now: then it is not there.
      if (const auto size = TRY(find_size(object))) found.emplace_back(object, *size);
    }
  }
  return found;
}

Result<> FolderStore::set_aside(const ObjectName& name) {
  TRY(check_there());
  const std::string folder = aside_path(name);
  TRY(os::make_folders(folder));
  const auto now = clock_.now().time_since_epoch().count();
  return os::rename_durably(object_path(name),
                            fmt::format("{}/{}.{}", folder, name.digest.hex(), now));
}

Result<> FolderStore::restore(const ObjectName& name) {
  const std::string folder = aside_path(name);
  std::optional<std::string> newest;
  std::int64_t newest_time = -1;
  for (const std::string& entry : TRY(names_in(folder))) {
    const auto aside = parse_aside(entry);
    if (!aside || aside->digest != name.digest || aside->microseconds <= newest_time) continue;
    newest = entry;
    newest_time = aside->microseconds;
  }
  if (!newest) {
    return fail(Kind::not_found,
                fmt::format("{} {} is not set aside.", folder_of(name.kind), name.digest.hex()));
  }
  TRY(os::make_folders(shard_path(name)));
  return os::rename_durably(fmt::format("{}/{}", folder, *newest), object_path(name));
}

Result<std::uint64_t> FolderStore::purge(Seconds older_than) {
  TRY(check_there());
  const auto before = std::chrono::duration_cast<std::chrono::microseconds>(
                          clock_.now().time_since_epoch() - older_than)
                          .count();
  std::uint64_t freed = 0;
  for (const ObjectKind kind : {ObjectKind::manifest, ObjectKind::pack}) {
    const std::string folder = fmt::format("{}/aside/{}", path_, folder_of(kind));
    for (const std::string& shard : TRY(os::list_folder(folder))) {
      freed += TRY(purge_shard(fmt::format("{}/{}", folder, shard), before));
    }
  }
  return freed;
}

Result<std::uint64_t> FolderStore::purge_shard(const std::string& path, std::int64_t before) const {
  std::uint64_t freed = 0;
  for (const std::string& name : TRY(names_in(path))) {
    const auto aside = parse_aside(name);
    if (!aside || aside->microseconds > before) continue;
    const std::string file_path = fmt::format("{}/{}", path, name);
    const auto file = os::File::open_read(file_path);
    if (!file) continue;  // restored meanwhile
    const std::uint64_t size = TRY(file->size_bytes());
    TRY(os::remove_file(file_path));
    freed += size;
  }
  return freed;
}

}  // namespace

Result<std::unique_ptr<PackStore>> open_folder(const std::string& path, Clock& clock) {
  auto store = std::make_unique<FolderStore>(path, clock);
  TRY(store->open());
  return store;
}

}  // namespace pinaco::store
