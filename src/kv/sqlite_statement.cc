// The thin layer over SQLite's C interface.
#include "kv/sqlite_statement.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace pinaco::kv {
namespace {

constexpr int busy_timeout_ms = 5'000;

}  // namespace

Error engine_error(sqlite3* connection, int code, std::string_view doing) {
  Kind kind = Kind::unavailable;
  const int primary = code & 0xff;
  if (primary == SQLITE_FULL) kind = Kind::busy;
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) kind = Kind::corrupt;
  const char* reason = connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  return Error{
      .kind = kind,
      .message = fmt::format("{}: the database says: {} (SQLite code {})", doing, reason, code)};
}

Result<Database> Database::open(const std::string& path, Access access) {
  // NOMUTEX: a connection is never used by two threads at once, see Threads.
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (access == Access::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database;
  database.handle_.reset(handle);
  if (code != SQLITE_OK) {
    return fail(engine_error(handle, code, fmt::format("opening {}", path)));
  }
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  return database;
}

Result<> Database::run(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(engine_error(handle_.get(), code, sql));
  return {};
}

Result<std::string> Database::value(const char* sql) {
  auto statement = TRY(Statement::prepare(*this, sql));
  auto run = statement.run();
  if (!TRY(run.step())) return std::string();
  return std::string(run.bytes(0));
}

Result<Statement> Statement::prepare(const Database& database, const char* sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code =
      sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return fail(engine_error(database.handle(), code, sql));
  Statement statement;
  statement.statement_.reset(prepared);
  return statement;
}

Result<> Statement::execute() {
  auto once = run();
  TRY(once.step());
  return {};
}

Statement::Run& Statement::Run::bind(int at, std::string_view bytes) {
  // A null pointer would bind NULL, not the empty blob.
  const char* data = bytes.data() ? bytes.data() : "";
  CHECK(sqlite3_bind_blob64(statement_, at, data, bytes.size(), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Statement::Run& Statement::Run::bind(int at, std::uint64_t number) {
  CHECK(sqlite3_bind_int64(statement_, at, static_cast<sqlite3_int64>(number)) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::Run::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(engine_error(sqlite3_db_handle(statement_), code, sqlite3_sql(statement_)));
}

std::string_view Statement::Run::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);  // before the size, which it fixes
  const int size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::uint64_t Statement::Run::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
}

}  // namespace pinaco::kv
