// Kv is one of the three waists: every fact that must not be lost is a row here, and every
// change is one transaction.
//
// What it is: per shard (a shard is a subscription, or "" for what belongs to none) an ordered
// map from key to value, with serializable transactions and a revision: a number that grows by
// one with each transaction that changed the shard, without gaps, so that a reader can follow.
// Threads: all calls from any thread. Lifetime: owns its engine; durable once a call returned.
// Limits: keys and shard names up to 1 KiB, values up to 1 MiB, rows_max at most 10,000 and
// 256 MiB a range, 1,000 writes a transaction, the newest 10,000 changes of a shard remembered.
// Beyond one: invalid. Too many changes or readings at once wait up to ten seconds, then busy.
// Errors: what the caller's function returned; busy when the disk is full or corrupt when the
// file is, and then a change did not happen; unavailable when the engine failed, and then the
// outcome of a change is unknown.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace pinaco::kv {

using Revision = std::uint64_t;

struct Row {
  std::string key;
  std::string value;
  Revision revision = 0;  // of the transaction that wrote it
};

class Reader {
 public:
  virtual ~Reader() = default;
  virtual Result<std::optional<Row>> find(std::string_view key) = 0;
  // Rows with begin <= key < end, in order of their bytes. An empty end has no upper bound.
  virtual Result<std::vector<Row>> range(std::string_view begin, std::string_view end,
                                         std::size_t rows_max) = 0;
  // The last of the same rows, from the end.
  virtual Result<std::vector<Row>> range_back(std::string_view begin, std::string_view end,
                                              std::size_t rows_max) = 0;
};

// Reads see the transaction's own writes.
class Transaction : public Reader {
 public:
  virtual Result<> put(std::string_view key, std::string_view value) = 0;
  virtual Result<> erase(std::string_view key) = 0;  // of nothing is fine
};

struct Changed {
  Revision revision = 0;
  std::string key;
};

class Kv {
 public:
  virtual ~Kv() = default;

  // Runs `change` against one shard and makes its writes durable, all or none. It may be called
  // several times and must have no effect but its writes; it must not wait and not call change().
  // An error from it, or of one of its writes, undoes its writes and is returned. Returns the
  // shard's revision after it; one that writes nothing (erasing nothing is nothing) leaves it.
  virtual Result<Revision> change(std::string_view shard,
                                  const std::function<Result<>(Transaction&)>& change) = 0;
  // One consistent view of a shard. Never blocks changes.
  virtual Result<> read(std::string_view shard,
                        const std::function<Result<>(Reader&)>& reading) const = 0;

  virtual Result<Revision> revision(std::string_view shard) const = 0;
  // Keys written or erased after `after`, oldest first, and only whole transactions, so that the
  // last revision can be the next `after`: up to rows_max, but at least one transaction. conflict
  // when `after` is older than what is remembered, or was never reached: read everything anew.
  virtual Result<std::vector<Changed>> changes(std::string_view shard, Revision after,
                                               std::size_t rows_max) const = 0;
  // Returns when the shard's revision is above `after` or the time (at most an hour) is over; the
  // revision then.
  virtual Result<Revision> wait(std::string_view shard, Revision after,
                                Milliseconds at_most) const = 0;
  virtual Result<std::vector<std::string>> shards() const = 0;  // those ever written, in order
};

// Forgets everything at its end; for tests and simulation.
std::unique_ptr<Kv> open_memory();

// One SQLite file, WAL, synchronous=FULL. A single connection writes and checkpoints (SQLite up
// to 3.51.2 can corrupt a WAL that two connections reset); transactions that wait together are
// committed together. The file must not be opened by another process: a lock beside it refuses
// a second one with conflict.
Result<std::unique_ptr<Kv>> open_sqlite(const std::string& path);

// The key after all keys that start with `prefix`, for range().
std::string prefix_end(std::string_view prefix);

}  // namespace pinaco::kv
