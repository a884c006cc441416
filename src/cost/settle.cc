// The ledger follows the versions: which replicas there are now, against which the ledger knows.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cost/amount.h"
#include "cost/ledger.h"

namespace pinaco::cost {
namespace {

constexpr std::string_view versions = "Microsoft.Compute/galleries/images/versions";
constexpr std::string_view recycled = "recycled/";  // what soft delete keeps: {"row"}
constexpr std::int64_t block_bytes = 4096;

std::int64_t micros(WallTime time) {
  return time.time_since_epoch().count();
}

std::string row_name(std::string_view version, std::string_view kind, WallTime time) {
  return fmt::format("{}{}/{}/{:020}", rows_of, version, kind, micros(time));
}

std::string now_name(std::string_view version) {
  return fmt::format("{}{}/now", rows_of, version);
}

// Its bytes are kept as before while it can be restored, and cost what they did.
Result<std::optional<model::Resource>> find_version(const model::View& view,
                                                    const std::string& key) {
  auto row = TRY(view.find(TRY(arm::ResourceId::parse(key))));
  if (row) return row;
  const auto fact = TRY(view.find_fact(std::string(recycled) + key));
  const Json* kept = fact ? find_path(*fact, "row") : nullptr;
  if (kept != nullptr) row = TRY(model::resource_from(*kept));
  return row;
}

// {"type","replicas","disks","gib","occupied","stored","images"}
JsonObject stay_in(const model::Resource& version, std::string_view region, const Json& wanted,
                   const Json& state) {
  std::int64_t disks = 0;
  std::int64_t whole = 0;
  std::int64_t occupied = 0;
  JsonArray images;
  if (const Json* contents = find_path(version.internal, "contents")) {
    for (const Json& content : contents->get_array()) {
      const auto size = int_at(content, "sizeBytes");
      const auto stored = int_at(content, "storedBytes");
      const auto home = string_at(content, "home");
      disks++;
      whole += (size + static_cast<std::int64_t>(gib) - 1) / static_cast<std::int64_t>(gib);
      occupied += find_path(content, "dataBlocks") == nullptr
                      ? size
                      : int_at(content, "dataBlocks") * block_bytes;
      if (stored > 0 && (home.empty() ? version.location : home) == region) {
        images.push_back(
            JsonObject{{"m", string_at(content, "manifest").substr(0, 32)}, {"b", stored}});
      }
    }
  }
  // More replicas are charged once they are there, fewer at once.
  const auto asked = int_at(wanted, "regionalReplicaCount", 1);
  return JsonObject{{"type", string_at(wanted, "storageAccountType")},
                    {"replicas", std::min(asked, int_at(state, "replicas", asked))},
                    {"disks", disks},
                    {"gib", whole},
                    {"occupied", occupied},
                    {"stored", int_at(state, "storedBytes")},
                    {"images", std::move(images)}};
}

// Of each region that has it whole, once it was made: a creation that failed costs nothing, and is
// begun anew by the next one. A shallow version was copied nowhere: its source costs.
JsonObject stays_of(const std::optional<model::Resource>& version) {
  JsonObject stays;
  if (!version || !bool_at(version->internal, "created")) return stays;
  const Json* states = find_path(version->internal, "regions");
  const Json* targets = find_path(version->properties, "publishingProfile.targetRegions");
  if (states == nullptr || targets == nullptr) return stays;
  if (string_at(version->properties, "publishingProfile.replicationMode") == "Shallow") {
    return stays;
  }
  std::size_t at = 0;
  for (const auto& state : states->get_object()) {
    if (at >= targets->get_array().size()) break;
    const Json& wanted = targets->get_array()[at++];
    if (string_at(state.value(), "state") != "Completed") continue;
    stays[state.key()] = stay_in(*version, state.key(), wanted, state.value());
  }
  return stays;
}

bool is_same(const Json& open, const JsonObject& stay) {
  auto without = open.get_object();
  without.erase("since");
  return without == stay;
}

// The ledger was told at the same moment before, of other regions.
Result<> put_beside(model::Change& change, const std::string& name, JsonObject row) {
  if (const auto before = TRY(change.find_fact(name))) {
    auto regions = find_path(*before, "regions")->get_object();
    for (const auto& each : row["regions"].get_object()) regions[each.key()] = each.value();
    row["regions"] = std::move(regions);
  }
  return change.put_fact(name, row);
}

Result<> put_egress(model::Change& change, const std::string& key, const model::Resource& version,
                    const JsonObject& wanted, const std::vector<std::string>& regions,
                    WallTime now) {
  JsonObject copies;
  for (const auto& region : regions) {
    if (region == version.location) continue;
    copies[region] =
        JsonObject{{"bytes", int_at(wanted.at(region), "occupied")},
                   {"moved", int_at(version.internal, "regions." + region + ".movedBytes")}};
  }
  if (copies.empty()) return {};
  return put_beside(
      change, row_name(key, "egress", now),
      JsonObject{
          {"id", version.id.text()}, {"from", version.location}, {"regions", std::move(copies)}});
}

Result<> settle_touched(model::Change& change, const std::set<std::string>& touched) {
  std::set<std::string> keys;
  for (const auto& each : touched) {
    keys.insert(each.starts_with(recycled) ? each.substr(recycled.size()) : each);
  }
  for (const auto& key : keys) TRY(settle_version(change, key, Egress::charged));
  return {};
}

}  // namespace

void follow(model::Model& model) {
  model.follow({.type = versions, .facts = recycled, .settle = settle_touched});
}

Result<> settle_version(model::Change& change, const std::string& key, Egress egress) {
  const auto version = TRY(find_version(change, key));
  const auto name = now_name(key);
  const auto open = TRY(change.find_fact(name));
  const JsonObject before = open ? find_path(*open, "regions")->get_object() : JsonObject();
  const JsonObject wanted = stays_of(version);
  const auto now = change.now();

  JsonObject after;
  std::vector<std::string> fresh;  // regions that had nothing of it
  bool changed = false;
  for (const auto& each : wanted) {
    const Json* known = before.if_contains(each.key());
    // One that is yet to begin was written by a clock that was ahead: it begins now.
    if (known != nullptr && int_at(*known, "since") <= micros(now) &&
        is_same(*known, each.value().get_object())) {
      after[each.key()] = *known;
      continue;
    }
    if (known == nullptr) fresh.emplace_back(each.key());
    auto stay = each.value().get_object();
    stay["since"] = micros(now);
    after[each.key()] = std::move(stay);
    changed = true;
  }
  JsonObject past;
  for (const auto& each : before) {
    const Json* still = after.if_contains(each.key());
    if (still != nullptr && *still == each.value()) continue;
    changed = true;
    // Nothing is charged for no time, nor where the clock was put back.
    if (int_at(each.value(), "since") < micros(now)) past[each.key()] = each.value();
  }
  if (!changed) return {};
  const Json id = version ? Json(version->id.text()) : *find_path(*open, "id");
  if (!past.empty()) {
    TRY(put_beside(change, row_name(key, "past", now),
                   JsonObject{{"id", id}, {"regions", std::move(past)}}));
  }
  if (egress == Egress::charged && version) {
    TRY(put_egress(change, key, *version, wanted, fresh, now));
  }
  if (after.empty()) return change.erase_fact(name);
  return change.put_fact(name, JsonObject{{"id", id}, {"regions", std::move(after)}});
}

Result<> catch_up(model::Model& model) {
  constexpr std::size_t rows_a_step = 200;
  for (const auto& shard : TRY(model.shards())) {
    bool begun = false;
    std::vector<std::string> kept;
    TRY(model.read(shard, [&](const model::View& view) -> Result<> {
      begun = TRY(view.find_fact(begun_fact))
      .has_value();
      kept.clear();
      if (begun) return {};
      for (const auto& [name, fact] : TRY(view.facts(recycled))) {
        kept.push_back(name.substr(recycled.size()));
      }
      return {};
    }));
    if (begun) continue;
    const arm::ResourceId all{.subscription = shard,
                              .group = {},
                              .provider = "Microsoft.Compute",
                              .types = {"galleries", "images", "versions"},
                              .names = {}};
    std::string from;
    do {
      std::string next;
      TRY(model.change(shard, [&](model::Change& change) -> Result<> {
        const auto page = TRY(change.list(all, from, rows_a_step));
        for (const auto& row : page.rows) {
          TRY(settle_version(change, row.id.key(), Egress::free));
        }
        next = page.next;
        return {};
      }));
      from = next;
    } while (!from.empty());
    for (std::size_t at = 0; at < kept.size(); at += rows_a_step) {
      TRY(model.change(shard, [&](model::Change& change) -> Result<> {
        for (std::size_t i = at; i < std::min(at + rows_a_step, kept.size()); i++) {
          TRY(settle_version(change, kept[i], Egress::free));
        }
        return {};
      }));
    }
    TRY(model.change(shard, [&](model::Change& change) {
      return change.put_fact(begun_fact, JsonObject{{"at", micros(change.now())}});
    }));
  }
  return {};
}

}  // namespace pinaco::cost
