// Kv over one SQLite file.
#include "kv/sqlite.h"

#include <fmt/format.h>

namespace pinaco::kv {

Result<std::unique_ptr<SqliteKv>> SqliteKv::open(const std::string& path) {
  // First of all: opening the database while another process writes it may damage its log.
  auto lock = TRY(os::lock_file(path + ".lock"));
  if (!TRY(os::exists(path))) {
    // Made here and not by SQLite so that only its owner can read it; the log inherits that.
    const auto made = TRY(os::File::create(path));
  }
  std::unique_ptr<SqliteKv> kv(new SqliteKv(std::move(lock), path));
  kv->writer_ = TRY(Writer::open(path, kv->watch_));
  const auto slash = path.rfind('/');
  TRY(os::sync_folder(slash == std::string::npos ? "." : path.substr(0, slash + 1)));
  return kv;
}

Result<Revision> SqliteKv::change(std::string_view shard,
                                  const std::function<Result<>(Transaction&)>& change) {
  TRY(check_shard(shard));
  return writer_->change(shard, change);
}

Result<> SqliteKv::read(std::string_view shard,
                        const std::function<Result<>(Reader&)>& reading) const {
  TRY(check_shard(shard));
  return readers_.read([&](Session& session) -> Result<> {
    SessionReader reader(session, shard);
    CheckedReader checked(reader);
    return reading(checked);
  });
}

Result<Revision> SqliteKv::revision(std::string_view shard) const {
  TRY(check_shard(shard));
  return readers_.get<Revision>([&](Session& session) { return session.revision(shard); });
}

Result<std::vector<Changed>> SqliteKv::changes(std::string_view shard, Revision after,
                                               std::size_t rows_max) const {
  TRY(check_shard(shard));
  TRY(check_rows(rows_max));
  return readers_.get<std::vector<Changed>>(
      [&](Session& session) { return session.changes(shard, after, rows_max); });
}

Result<Revision> SqliteKv::wait(std::string_view shard, Revision after,
                                Milliseconds at_most) const {
  TRY(check_shard(shard));
  return watch_.wait(shard, after, at_most);
}

Result<std::vector<std::string>> SqliteKv::shards() const {
  using Names = std::vector<std::string>;
  return readers_.get<Names>([](Session& session) -> Result<Names> {
    Names names;
    for (auto& [name, revision] : TRY(session.shards())) names.push_back(std::move(name));
    return names;
  });
}

Result<std::unique_ptr<Kv>> open_sqlite(const std::string& path) {
  return TRY(SqliteKv::open(path));
}

}  // namespace pinaco::kv
