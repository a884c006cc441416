// The limits of kv.h and the arithmetic of keys.
#include "kv/limits.h"

#include <fmt/format.h>

namespace pinaco::kv {
namespace {

Result<> check_bytes(std::string_view what, std::size_t bytes, std::size_t bytes_max) {
  if (bytes <= bytes_max) return {};
  return fail(Kind::invalid, fmt::format("{} of {} bytes is too long: at most {} bytes can be kept",
                                         what, bytes, bytes_max));
}

}  // namespace

Result<> check_shard(std::string_view shard) {
  return check_bytes("a shard's name", shard.size(), key_bytes_max);
}

Result<> check_rows(std::size_t rows_max) {
  if (rows_max <= range_rows_max) return {};
  return fail(Kind::invalid, fmt::format("{} rows at once are too many: ask for at most {} and go "
                                         "on after the last",
                                         rows_max, range_rows_max));
}

Result<> check_range_bytes(std::size_t bytes) {
  if (bytes <= range_bytes_max) return {};
  return fail(Kind::invalid,
              fmt::format("a range holds more than {} bytes: ask for fewer rows", range_bytes_max));
}

Result<std::optional<Row>> CheckedReader::find(std::string_view key) {
  TRY(check_bytes("a key", key.size(), key_bytes_max));
  return engine_.find(key);
}

Result<std::vector<Row>> CheckedReader::range(std::string_view begin, std::string_view end,
                                              std::size_t rows_max) {
  TRY(check_rows(rows_max));
  return engine_.range(begin, end, rows_max);
}

Result<std::vector<Row>> CheckedReader::range_back(std::string_view begin, std::string_view end,
                                                   std::size_t rows_max) {
  TRY(check_rows(rows_max));
  return engine_.range_back(begin, end, rows_max);
}

Result<> CheckedTransaction::check_write(std::string_view key) {
  TRY(check_bytes("a key", key.size(), key_bytes_max));
  if (++writes_ <= writes_max) return {};
  return fail(Kind::invalid,
              fmt::format("a transaction may write at most {} times: divide it", writes_max));
}

Result<> CheckedTransaction::put(std::string_view key, std::string_view value) {
  auto result = check_write(key);
  if (result) result = check_bytes("a value", value.size(), value_bytes_max);
  if (result) result = engine_.put(key, value);
  if (written_) written_ = result;
  return result;
}

Result<> CheckedTransaction::erase(std::string_view key) {
  auto result = check_write(key);
  if (result) result = engine_.erase(key);
  if (written_) written_ = result;
  return result;
}

bool ChangesCollector::add(Changed changed) {
  if (rows_max_ == 0) return false;
  if (!rows_.empty() && rows_.back().revision != changed.revision) {
    whole_ = rows_.size();
    if (whole_ >= rows_max_) return false;
  }
  rows_.push_back(std::move(changed));
  if (rows_.size() <= rows_max_ || whole_ == 0) return true;
  rows_.resize(whole_);
  return false;
}

Result<> check_remembered(Revision after, Revision forgotten, Revision current) {
  if (after < forgotten) {
    return fail(Kind::conflict, fmt::format("the changes after revision {} are no longer "
                                            "remembered, only those after {}: read everything anew",
                                            after, forgotten));
  }
  if (after > current) {  // of a store that was replaced by an older one
    return fail(Kind::conflict, fmt::format("revision {} was never reached here, only {}: read "
                                            "everything anew",
                                            after, current));
  }
  return {};
}

std::string prefix_end(std::string_view prefix) {
  // The last byte that can grow, grown; what follows it falls away. None: no upper bound.
  const auto last = prefix.find_last_not_of('\xff');
  if (last == std::string_view::npos) return {};
  std::string end(prefix.substr(0, last + 1));
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace pinaco::kv
