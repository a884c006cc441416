// Kv over one SQLite file: the lock, the writer, the readers and those who wait.
#pragma once

#include "kv/sqlite_readers.h"
#include "kv/sqlite_writer.h"
#include "os/files.h"

namespace pinaco::kv {

class SqliteKv final : public Kv {
 public:
  static Result<std::unique_ptr<SqliteKv>> open(const std::string& path);

  Result<Revision> change(std::string_view shard,
                          const std::function<Result<>(Transaction&)>& change) override;
  Result<> read(std::string_view shard,
                const std::function<Result<>(Reader&)>& reading) const override;
  Result<Revision> revision(std::string_view shard) const override;
  Result<std::vector<Changed>> changes(std::string_view shard, Revision after,
                                       std::size_t rows_max) const override;
  Result<Revision> wait(std::string_view shard, Revision after,
                        Milliseconds at_most) const override;
  Result<std::vector<std::string>> shards() const override;

  Writer& writer() { return *writer_; }  // for what only this engine has: groups, a queue

 private:
  SqliteKv(os::File lock, const std::string& path) : lock_(std::move(lock)), readers_(path) {}

  // In this order: the readers are closed before the writer, which empties the log as the last
  // connection, and the lock is given up at the end.
  const os::File lock_;
  mutable Watch watch_;
  std::unique_ptr<Writer> writer_;
  mutable Readers readers_;
};

}  // namespace pinaco::kv
