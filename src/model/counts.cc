#include "model/counts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "model/keys.h"
#include "model/rows.h"

namespace pinaco::model {
namespace {

constexpr std::string_view provider = "Microsoft.Compute/";
constexpr std::string_view counted[] = {"galleries", "galleries/images",
                                        "galleries/images/versions", "virtualMachines",
                                        "virtualMachineScaleSets"};
constexpr char separator = '\x1f';
constexpr std::int64_t layout = 2;  // 1 had versions by name, and no counts

// "r/microsoft.compute/galleries/images<1f>"
std::string rows_of(std::string_view type) {
  return type_prefix(to_lower(std::string(provider) + std::string(type)), {});
}

Result<std::size_t> number_in(const kv::Row& row) {
  const auto number = parse_int(row.value, 0, INT64_MAX);
  if (number) return static_cast<std::size_t>(*number);
  return fail(Kind::corrupt,
              fmt::format("A row of the database cannot be read: '{}' is no count.", row.value));
}

Result<> set_count(kv::Transaction& transaction, std::string_view key, std::size_t count) {
  return count == 0 ? transaction.erase(key) : transaction.put(key, fmt::to_string(count));
}

// A shard that was never written holds nothing to count.
Result<> begin_counting(kv::Transaction& transaction) {
  if (TRY(is_up_to_date(transaction))) return {};
  for (const auto type : counted) {
    const auto prefix = rows_of(type);
    if (TRY(transaction.range(prefix, kv::prefix_end(prefix), 1)).empty()) continue;
    return fail(Kind::corrupt,
                "The rows of this subscription were written by an older version of pinaco. A "
                "server that starts brings them up to date.");
  }
  return transaction.put(layout_key, fmt::to_string(layout));
}

}  // namespace

bool is_counted(std::string_view key) {
  static const auto prefixes = [] {
    std::vector<std::string> all;
    for (const auto type : counted) all.push_back(rows_of(type));
    return all;
  }();
  return std::ranges::find(prefixes, type_part(key)) != prefixes.end();
}

std::string count_key(std::string_view type, std::string_view location) {
  return fmt::format("{}{}{}{}", counts_prefix, to_lower(type), separator, location);
}

std::string count_key(const Resource& resource) {
  if (!string_at(resource.internal, "set").empty()) return {};
  return count_key(resource.id.type(), resource.location);
}

Result<> move_count(kv::Transaction& transaction, const std::string& key, const Resource* after) {
  std::string from;
  if (const auto row = TRY(transaction.find(key))) {
    from = count_key(TRY(resource_from(TRY(parse_row(*row)))));
  }
  const std::string to = after == nullptr ? std::string() : count_key(*after);
  if (from == to) return {};
  TRY(begin_counting(transaction));
  if (!from.empty()) {
    const auto before = TRY(kept_count(transaction, from));
    // Of our own making, if ever; it must not keep anybody from deleting.
    if (before == 0) LOG(error, "model", "fewer than one was counted: {}", from);
    TRY(set_count(transaction, from, before == 0 ? 0 : before - 1));
  }
  if (to.empty()) return {};
  return set_count(transaction, to, TRY(kept_count(transaction, to)) + 1);
}

Result<std::size_t> kept_count(kv::Reader& reader, std::string_view key) {
  const auto row = TRY(reader.find(key));
  if (!row) return 0;
  return number_in(*row);
}

Result<Counts> counts_of_rows(kv::Reader& reader) {
  Counts counts;
  for (const auto type : counted) {
    TRY(for_rows(reader, rows_of(type), [&](const kv::Row& row) -> Result<> {
      const auto key = count_key(TRY(resource_from(TRY(parse_row(row)))));
      if (!key.empty()) counts[key]++;
      return {};
    }));
  }
  return counts;
}

Result<Counts> kept_counts(kv::Reader& reader) {
  Counts counts;
  TRY(for_rows(reader, std::string(counts_prefix), [&](const kv::Row& row) -> Result<> {
    counts[row.key] = TRY(number_in(row));
    return {};
  }));
  return counts;
}

Result<bool> is_up_to_date(kv::Reader& reader) {
  const auto row = TRY(reader.find(layout_key));
  if (!row) return false;
  const auto version = parse_int(row->value, 0, INT64_MAX);
  if (version && *version == layout) return true;
  return fail(Kind::conflict,
              fmt::format("The rows of this subscription were written by a newer version of pinaco "
                          "(their layout is '{}', this program knows {}): run that version.",
                          row->value.substr(0, 20), layout));
}

Result<> write_counts(kv::Transaction& transaction) {
  for (const auto& [key, count] : TRY(kept_counts(transaction))) TRY(transaction.erase(key));
  for (const auto& [key, count] : TRY(counts_of_rows(transaction))) {
    TRY(set_count(transaction, key, count));
  }
  return transaction.put(layout_key, fmt::to_string(layout));
}

}  // namespace pinaco::model
