// Versions as rows and a clock that is put forward, for tests of what they cost.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "cost/cost.h"

namespace pinaco::cost {

inline constexpr const char* some_subscription = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
inline constexpr std::int64_t one_gib = 1 << 30;

struct TestDisk {
  std::int64_t size_bytes = 30 * one_gib;
  std::int64_t data_bytes = 2 * one_gib;
  std::int64_t stored_bytes = one_gib / 2;  // that were new at its import
  std::string manifest = std::string(64, 'a');
};

struct TestRegion {
  std::string name;
  std::string type = "Standard_LRS";
  int replicas = 1;
  std::string state = "Completed";
  std::int64_t stored_bytes = 0;
  std::int64_t moved_bytes = 0;
  int made = 0;  // replicas that are there; 0: as many as are wanted
};

inline WallTime at(std::string_view time) {
  const auto parsed = parse_iso8601(time);
  CHECK(parsed.has_value());
  return *parsed;
}

class CostGround {
 public:
  explicit CostGround(std::string_view start = "2026-11-01T00:00:00Z", bool followed = true)
      : clock(at(start)) {
    if (followed) follow(model);
    prices.storage = {
        {"Standard_LRS", 50'000'000}, {"Standard_ZRS", 60'000'000}, {"Premium_LRS", 130'000'000}};
    prices.egress = 20'000'000;
  }

  static arm::ResourceId id_of(const std::string& name) {  // "gallery/definition/1.0.0"
    arm::ResourceId id{.subscription = some_subscription,
                       .group = "Rg",
                       .provider = "Microsoft.Compute",
                       .types = {"galleries", "images", "versions"},
                       .names = {}};
    for (const auto part : split(name, '/')) id.names.emplace_back(part);
    return id;
  }

  static model::Resource version_of(const std::string& name, const std::vector<TestRegion>& regions,
                                    const std::vector<TestDisk>& disks = {TestDisk{}}) {
    model::Resource row{.id = id_of(name), .location = "westeurope"};
    JsonArray targets;
    JsonObject states;
    for (const auto& region : regions) {
      targets.push_back(JsonObject{{"name", "The " + region.name},
                                   {"regionalReplicaCount", region.replicas},
                                   {"storageAccountType", region.type}});
      JsonObject state{{"state", region.state},
                       {"storedBytes", region.stored_bytes},
                       {"movedBytes", region.moved_bytes}};
      if (region.made > 0) state["replicas"] = region.made;
      states[region.name] = std::move(state);
    }
    JsonArray contents;
    for (const auto& disk : disks) {
      contents.push_back(JsonObject{{"manifest", disk.manifest},
                                    {"sizeBytes", disk.size_bytes},
                                    {"dataBlocks", disk.data_bytes / 4096},
                                    {"storedBytes", disk.stored_bytes}});
    }
    set_path(row.properties, "publishingProfile.targetRegions", std::move(targets));
    set_path(row.internal, "regions", std::move(states));
    set_path(row.internal, "contents", std::move(contents));
    set_path(row.internal, "created", true);
    return row;
  }

  Result<> change(const std::function<Result<>(model::Change&)>& function) {
    return model.change(some_subscription, function);
  }
  void put(const model::Resource& row) {
    const auto done = change([&](model::Change& one) { return one.put(row); });
    ASSERT_TRUE(done) << done.error().message;
  }
  void put(const std::string& name, const std::vector<TestRegion>& regions) {
    put(version_of(name, regions));
  }
  void erase(const std::string& name) {
    const auto done = change([&](model::Change& one) { return one.erase(id_of(name)); });
    ASSERT_TRUE(done) << done.error().message;
  }
  void go_to(std::string_view time) { clock.advance(at(time) - clock.now()); }

  std::string key(const std::string& below = {}) const {
    std::string text = fmt::format("/subscriptions/{}", some_subscription);
    if (!below.empty()) {
      auto id = id_of(below);
      while (id.types.size() > id.names.size()) id.types.pop_back();
      text = id.text();
    }
    return text;
  }

  Report costs(std::string_view month, By by = By::gallery, const std::string& below = {}) {
    const auto from = parse_month(month);
    CHECK(from.has_value());
    std::optional<Report> made;
    const auto done = model.read(some_subscription, [&](const model::View& view) -> Result<> {
      made = TRY(report(view, prices, key(below), *from, month_after(*from, 1), by, clock.now()));
      return {};
    });
    CHECK(done);
    return *made;
  }
  Line total(std::string_view month) { return costs(month).total; }

  std::vector<Charge> charges(WallTime from, WallTime to, Grain grain) {
    std::vector<Charge> all;
    const Query query{.scope = key(), .from = from, .to = to, .grain = grain};
    const auto done = model.read(some_subscription, [&](const model::View& view) {
      return each_version(view, prices, query, clock.now(),
                          [&](const std::string&, const std::vector<Charge>& some) {
                            all.insert(all.end(), some.begin(), some.end());
                            return true;
                          });
    });
    CHECK(done);
    return all;
  }

  // The names of the ledger's rows.
  std::vector<std::string> rows() {
    std::vector<std::string> names;
    const auto done = model.read(some_subscription, [&](const model::View& view) -> Result<> {
      for (const auto& [name, row] : TRY(view.facts("cost/of"))) names.push_back(name);
      return {};
    });
    CHECK(done);
    return names;
  }

  ManualClock clock;
  std::unique_ptr<kv::Kv> kv = kv::open_memory();
  std::unique_ptr<Random> random = seeded_random(7);
  model::Model model{*kv, clock, *random};
  Prices prices;
};

}  // namespace pinaco::cost
