// The database's shape and the statements that read it.
#include "kv/sqlite_session.h"

#include <fmt/format.h>

#include "base/text.h"
#include "kv/limits.h"

namespace pinaco::kv {
namespace {

constexpr std::int64_t schema_version = 1;

constexpr const char* schema = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE rows (shard BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
                     revision INTEGER NOT NULL, PRIMARY KEY (shard, key)) WITHOUT ROWID;
  CREATE TABLE shards (shard BLOB NOT NULL PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE changes (shard BLOB NOT NULL, revision INTEGER NOT NULL, key BLOB NOT NULL,
                        PRIMARY KEY (shard, revision, key)) WITHOUT ROWID;
  PRAGMA user_version = 1;
  COMMIT;
)";

Result<> check_or_make_schema(Database& database, const std::string& path) {
  const std::string text = TRY(database.value("PRAGMA user_version"));
  const auto version = parse_int(text, -(1LL << 31), (1LL << 31) - 1);
  CHECK(version);
  if (*version == schema_version) return {};
  if (*version > schema_version) {
    return fail(Kind::conflict,
                fmt::format("{} was written by a newer pinaco (its shape is version {}, this "
                            "program knows {}): run that version, or restore an older backup",
                            path, *version, schema_version));
  }
  if (*version != 0 || TRY(database.value("SELECT count(*) FROM sqlite_schema")) != "0") {
    return fail(Kind::conflict, fmt::format("{} is a database of another program: choose another "
                                            "path",
                                            path));
  }
  return database.run(schema);
}

// The writing connection: every commit reaches the disk before it is acknowledged. Checkpoints
// are made by hand, never by SQLite behind our back.
Result<> set_up_writing(Database& database) {
  const std::string mode = TRY(database.value("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return fail(Kind::unavailable,
                fmt::format("the database cannot keep a write-ahead log here (its journal stays "
                            "in mode {}): use a local file system",
                            mode));
  }
  TRY(
      database.run("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                   "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;"
                   // Secrets of what has ended are gone, not only out of sight.
                   "PRAGMA cell_size_check = ON; PRAGMA secure_delete = ON"));
  // Cuts the log back after a burst that let it grow beyond 64 MiB.
  TRY(database.value("PRAGMA journal_size_limit = 67108864"));
  return {};
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open_to_write(const std::string& path) {
  auto database = TRY(Database::open(path, Database::Access::write));
  TRY(check_or_make_schema(database, path));
  TRY(set_up_writing(database));
  std::unique_ptr<Session> session(new Session(std::move(database)));
  TRY(session->prepare());
  return session;
}

Result<std::unique_ptr<Session>> Session::open_to_read(const std::string& path) {
  auto database = TRY(Database::open(path, Database::Access::read_only));
  // A second connection that checkpoints beside the writer can corrupt the log; this one never
  // does, not even when it is closed last.
  TRY(
      database.run("PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0;"
                   "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON"));
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  std::unique_ptr<Session> session(new Session(std::move(database)));
  TRY(session->prepare());
  return session;
}

Result<> Session::prepare() {
  const auto prepared = [&](const char* sql) { return Statement::prepare(database_, sql); };
  find_ = TRY(prepared("SELECT value, revision FROM rows WHERE shard = ?1 AND key = ?2"));
  range_ =
      TRY(prepared("SELECT key, value, revision FROM rows WHERE shard = ?1 AND key >= ?2 "
                   "AND key < ?3 ORDER BY key LIMIT ?4"));
  range_open_ =
      TRY(prepared("SELECT key, value, revision FROM rows WHERE shard = ?1 AND key >= ?2 "
                   "ORDER BY key LIMIT ?4"));
  back_ =
      TRY(prepared("SELECT key, value, revision FROM rows WHERE shard = ?1 AND key >= ?2 "
                   "AND key < ?3 ORDER BY key DESC LIMIT ?4"));
  back_open_ =
      TRY(prepared("SELECT key, value, revision FROM rows WHERE shard = ?1 AND key >= ?2 "
                   "ORDER BY key DESC LIMIT ?4"));
  revision_ = TRY(prepared("SELECT revision FROM shards WHERE shard = ?1"));
  shards_ = TRY(prepared("SELECT shard, revision FROM shards ORDER BY shard"));
  first_change_ =
      TRY(prepared("SELECT revision FROM changes WHERE shard = ?1 ORDER BY revision LIMIT 1"));
  changes_ =
      TRY(prepared("SELECT revision, key FROM changes WHERE shard = ?1 AND revision > ?2 "
                   "ORDER BY revision, key"));
  return {};
}

Result<std::optional<Row>> Session::find(std::string_view shard, std::string_view key) {
  auto run = find_.run();
  run.bind(1, shard).bind(2, key);
  if (!TRY(run.step())) return std::nullopt;
  return Row{
      .key = std::string(key), .value = std::string(run.bytes(0)), .revision = run.number(1)};
}

namespace {

Result<std::vector<Row>> rows_between(Statement& statement, std::string_view shard,
                                      std::string_view begin, std::string_view end,
                                      std::size_t rows_max) {
  auto run = statement.run();
  run.bind(1, shard).bind(2, begin).bind(4, std::uint64_t{rows_max});
  if (!end.empty()) run.bind(3, end);
  std::vector<Row> rows;
  std::size_t bytes = 0;
  while (TRY(run.step())) {
    const auto key = run.bytes(0);
    const auto value = run.bytes(1);
    TRY(check_range_bytes(bytes += key.size() + value.size()));
    rows.push_back(
        {.key = std::string(key), .value = std::string(value), .revision = run.number(2)});
  }
  return rows;
}

}  // namespace

Result<std::vector<Row>> Session::range(std::string_view shard, std::string_view begin,
                                        std::string_view end, std::size_t rows_max) {
  return rows_between(end.empty() ? range_open_ : range_, shard, begin, end, rows_max);
}

Result<std::vector<Row>> Session::range_back(std::string_view shard, std::string_view begin,
                                             std::string_view end, std::size_t rows_max) {
  return rows_between(end.empty() ? back_open_ : back_, shard, begin, end, rows_max);
}

Result<Revision> Session::revision(std::string_view shard) {
  auto run = revision_.run();
  run.bind(1, shard);
  return TRY(run.step())
  ? run.number(0) : 0;
}

Result<std::vector<std::pair<std::string, Revision>>> Session::shards() {
  std::vector<std::pair<std::string, Revision>> found;
  auto run = shards_.run();
  while (TRY(run.step())) found.emplace_back(run.bytes(0), run.number(1));
  return found;
}

Result<std::vector<Changed>> Session::changes(std::string_view shard, Revision after,
                                              std::size_t rows_max) {
  const Revision current = TRY(revision(shard));
  auto first = first_change_.run();
  first.bind(1, shard);
  // Every revision has a change, so what lies before the first one is forgotten.
  const Revision forgotten = TRY(first.step())
  ? first.number(0) - 1 : current;
  TRY(check_remembered(after, forgotten, current));
  ChangesCollector collector(rows_max);
  auto run = changes_.run();
  run.bind(1, shard).bind(2, after);
  while (TRY(run.step())) {
    if (!collector.add({.revision = run.number(0), .key = std::string(run.bytes(1))})) break;
  }
  return collector.take();
}

}  // namespace pinaco::kv
