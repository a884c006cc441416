#include "cost/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace pinaco::cost {
namespace {

constexpr std::size_t rows_at_once = 1000;

WallTime time_of(std::int64_t micros) {
  return WallTime(std::chrono::microseconds(micros));
}

Stay stay_from(std::string_view region, const Json& json, std::optional<WallTime> until) {
  Stay stay{.region = std::string(region),
            .type = std::string(string_at(json, "type")),
            .replicas = int_at(json, "replicas", 1),
            .disks = int_at(json, "disks", 1),
            .gib = int_at(json, "gib"),
            .occupied_bytes = static_cast<std::uint64_t>(int_at(json, "occupied")),
            .stored_bytes = static_cast<std::uint64_t>(int_at(json, "stored")),
            .images = {},
            .since = time_of(int_at(json, "since")),
            .until = until};
  if (const Json* images = find_path(json, "images")) {
    for (const Json& each : images->get_array()) {
      stay.images.push_back({.manifest = std::string(string_at(each, "m")),
                             .stored_bytes = static_cast<std::uint64_t>(int_at(each, "b"))});
    }
  }
  return stay;
}

void add_row(VersionLedger& ledger, const RowName& name, const Json& row) {
  ledger.id = string_at(row, "id");
  const Json* regions = find_path(row, "regions");
  if (regions == nullptr) return;
  for (const auto& each : regions->get_object()) {
    if (name.kind != "egress") {
      ledger.stays.push_back(stay_from(each.key(), each.value(), name.time));
      continue;
    }
    ledger.transfers.push_back({.from = std::string(string_at(row, "from")),
                                .to = std::string(each.key()),
                                .bytes = static_cast<std::uint64_t>(int_at(each.value(), "bytes")),
                                .moved = static_cast<std::uint64_t>(int_at(each.value(), "moved")),
                                .at = *name.time});
  }
}

// Every row below the scope, until `take` says false.
Result<> each_row(const model::View& view, std::string begin, const std::string& end,
                  const std::function<bool(const std::string&, const Json&)>& take) {
  for (;;) {
    const auto some = TRY(view.facts_between(begin, end, rows_at_once));
    for (const auto& [name, row] : some) {
      if (!take(name, row)) return {};
    }
    if (some.size() < rows_at_once) return {};
    begin = some.back().first + '\0';
  }
}

// "/subscriptions/s/" and below, and a version itself.
std::pair<std::string, std::string> bounds_of(std::string_view scope) {
  return {fmt::format("{}{}/", rows_of, scope), fmt::format("{}{}0", rows_of, scope)};
}

}  // namespace

std::optional<RowName> parse_row_name(std::string_view name) {
  if (!name.starts_with(rows_of)) return std::nullopt;
  name.remove_prefix(rows_of.size());
  const auto slash = name.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto last = name.substr(slash + 1);
  name = name.substr(0, slash);
  if (last == "now") return RowName{.version = name, .kind = last};
  const auto micros = parse_int(last, 0, INT64_MAX);
  const auto before = name.rfind('/');
  if (!micros || before == std::string_view::npos) return std::nullopt;
  const auto kind = name.substr(before + 1);
  if (kind != "past" && kind != "egress") return std::nullopt;
  return RowName{.version = name.substr(0, before), .kind = kind, .time = time_of(*micros)};
}

Result<> each_ledger(const model::View& view, std::string_view scope, std::string_view after,
                     const std::function<bool(VersionLedger)>& take) {
  auto [begin, end] = bounds_of(scope);
  if (!after.empty()) begin = std::max(begin, bounds_of(after).first);
  VersionLedger ledger;
  bool wanted = true;
  TRY(each_row(view, begin, end, [&](const std::string& name, const Json& row) {
    const auto parts = parse_row_name(name);
    if (!parts) {
      LOG(error, "cost", "a row of the ledger has no meaning: {}", name);
      return true;
    }
    if (parts->version != ledger.key) {
      if (!ledger.key.empty()) wanted = take(std::exchange(ledger, {}));
      if (!wanted) return false;
      ledger.key = parts->version;
    }
    add_row(ledger, *parts, row);
    return true;
  }));
  if (wanted && !ledger.key.empty()) take(std::move(ledger));
  return {};
}

// A clock that is far ahead would erase everything. So a sweep that comes after a long time, or the
// first of all, leaves its mark only, and the next one, a day later, forgets.
Result<> forget_old(model::Model& model, const std::atomic<bool>& ending) {
  constexpr std::size_t rows_a_step = 400;
  constexpr auto day = std::chrono::hours(24);
  constexpr auto trusted = 35 * day;
  const auto now = model.clock().now();
  const auto before = month_after(now, -months_kept);
  for (const auto& shard : TRY(model.shards())) {
    std::vector<std::string> old;
    bool done = false;
    TRY(model.read(shard, [&](const model::View& view) -> Result<> {
      old.clear();
      const auto swept = TRY(view.find_fact(swept_fact));
      if (!swept) return {};
      const auto ago = now - time_of(int_at(*swept, "at"));
      done = ago >= ago.zero() && ago < day;
      if (done || ago < ago.zero() || ago > trusted) return {};
      const auto [begin, end] = bounds_of("");
      return each_row(view, begin, end, [&](const std::string& name, const Json&) {
        const auto parts = parse_row_name(name);
        if (parts && parts->time && *parts->time < before) old.push_back(name);
        return !ending;
      });
    }));
    if (ending) return {};
    if (done) continue;
    for (std::size_t at = 0; at < old.size(); at += rows_a_step) {
      TRY(model.change(shard, [&](model::Change& change) -> Result<> {
        for (std::size_t i = at; i < std::min(at + rows_a_step, old.size()); i++) {
          TRY(change.erase_fact(old[i]));
        }
        return {};
      }));
    }
    TRY(model.change(shard, [&](model::Change& change) {
      return change.put_fact(swept_fact,
                             JsonObject{{"at", change.now().time_since_epoch().count()}});
    }));
  }
  return {};
}

}  // namespace pinaco::cost
