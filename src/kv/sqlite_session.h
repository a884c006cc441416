// A connection to the database with the statements that read it, and the database's shape.
//
//   rows(shard, key, value, revision)   what is kept; keys are blobs, so they order by bytes
//   shards(shard, revision)             how often a shard was changed
//   changes(shard, revision, key)       the newest changes of each shard
//
// Threads: one at a time.
#pragma once

#include "kv/kv.h"
#include "kv/sqlite_statement.h"

namespace pinaco::kv {

class Session {
 public:
  // Makes or checks the shape; only the writing connection may, and it must be opened first.
  static Result<std::unique_ptr<Session>> open_to_write(const std::string& path);
  static Result<std::unique_ptr<Session>> open_to_read(const std::string& path);

  Database& database() { return database_; }
  Result<std::optional<Row>> find(std::string_view shard, std::string_view key);
  Result<std::vector<Row>> range(std::string_view shard, std::string_view begin,
                                 std::string_view end, std::size_t rows_max);
  Result<std::vector<Row>> range_back(std::string_view shard, std::string_view begin,
                                      std::string_view end, std::size_t rows_max);
  Result<Revision> revision(std::string_view shard);  // 0: never written
  Result<std::vector<std::pair<std::string, Revision>>> shards();
  Result<std::vector<Changed>> changes(std::string_view shard, Revision after,
                                       std::size_t rows_max);

 private:
  explicit Session(Database database) : database_(std::move(database)) {}
  Result<> prepare();

  Database database_;
  Statement find_;
  Statement range_;
  Statement range_open_;
  Statement back_;
  Statement back_open_;
  Statement revision_;
  Statement shards_;
  Statement first_change_;
  Statement changes_;
};

// Reads one shard through a session.
class SessionReader final : public Reader {
 public:
  SessionReader(Session& session, std::string_view shard) : session_(session), shard_(shard) {}
  Result<std::optional<Row>> find(std::string_view key) override {
    return session_.find(shard_, key);
  }
  Result<std::vector<Row>> range(std::string_view begin, std::string_view end,
                                 std::size_t rows_max) override {
    return session_.range(shard_, begin, end, rows_max);
  }
  Result<std::vector<Row>> range_back(std::string_view begin, std::string_view end,
                                      std::size_t rows_max) override {
    return session_.range_back(shard_, begin, end, rows_max);
  }

 private:
  Session& session_;
  std::string_view shard_;
};

}  // namespace pinaco::kv
