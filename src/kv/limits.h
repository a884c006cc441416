// The limits of kv.h, enforced in front of any engine, so that all engines refuse alike.
#pragma once

#include "kv/kv.h"

namespace pinaco::kv {

constexpr std::size_t key_bytes_max = 1024;
constexpr std::size_t value_bytes_max = 1 << 20;
constexpr std::size_t range_rows_max = 10'000;
constexpr std::size_t range_bytes_max = 256 << 20;
constexpr std::size_t writes_max = 1'000;
// Remembered changes are cut back to this many once there are `changes_slack` more; cutting at
// each transaction would cost a delete for each write.
constexpr std::size_t changes_kept = 10'000;
constexpr std::size_t changes_slack = 1'000;
// Longer waits end early; the caller asks again.
constexpr Milliseconds wait_max = std::chrono::hours(1);

Result<> check_shard(std::string_view shard);
Result<> check_rows(std::size_t rows_max);
// Of a range that grew to `bytes`.
Result<> check_range_bytes(std::size_t bytes);

class CheckedReader final : public Reader {
 public:
  explicit CheckedReader(Reader& engine) : engine_(engine) {}
  Result<std::optional<Row>> find(std::string_view key) override;
  Result<std::vector<Row>> range(std::string_view begin, std::string_view end,
                                 std::size_t rows_max) override;
  Result<std::vector<Row>> range_back(std::string_view begin, std::string_view end,
                                      std::size_t rows_max) override;

 private:
  Reader& engine_;
};

// Also remembers the first write that failed: a caller that overlooks it must not commit half.
class CheckedTransaction final : public Transaction {
 public:
  explicit CheckedTransaction(Transaction& engine) : engine_(engine), reader_(engine) {}
  Result<std::optional<Row>> find(std::string_view key) override { return reader_.find(key); }
  Result<std::vector<Row>> range(std::string_view begin, std::string_view end,
                                 std::size_t rows_max) override {
    return reader_.range(begin, end, rows_max);
  }
  Result<std::vector<Row>> range_back(std::string_view begin, std::string_view end,
                                      std::size_t rows_max) override {
    return reader_.range_back(begin, end, rows_max);
  }
  Result<> put(std::string_view key, std::string_view value) override;
  Result<> erase(std::string_view key) override;

  // What the transaction comes to, given what the caller's function returned.
  Result<> outcome(Result<> returned) const { return written_ ? returned : written_; }

 private:
  Result<> check_write(std::string_view key);

  Transaction& engine_;
  CheckedReader reader_;
  std::size_t writes_ = 0;
  Result<> written_;
};

// Collects changes up to rows_max, but only whole transactions: a reader goes on from a
// revision, and the rest of a torn one would be lost to it. At least one transaction is kept.
class ChangesCollector {
 public:
  explicit ChangesCollector(std::size_t rows_max) : rows_max_(rows_max) {}
  bool add(Changed changed);  // false: enough
  std::vector<Changed> take() { return std::move(rows_); }

 private:
  const std::size_t rows_max_;
  std::size_t whole_ = 0;  // rows up to the last complete transaction
  std::vector<Changed> rows_;
};

// Whether changes after `after` can be told, when those up to `forgotten` are gone.
Result<> check_remembered(Revision after, Revision forgotten, Revision current);

}  // namespace pinaco::kv
