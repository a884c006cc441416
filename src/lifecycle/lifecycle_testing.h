// A gallery "g" with a definition "d" and versions over a model of its own, from words:
//
//   "g tag:NAME=VALUE"          the gallery; it and the definition are there without a word, too
//   "d end=DAYS marked=DAYS"    from now: when its life ends; when what is marked goes
//   "1.0.0 deleted=DAYS"        it can be restored until then
//   "1.0.0 end= marked= excluded failed block busy locked new future"
//   "1.0.0 in=REGION,REGION excluded_in=REGION"
//   "… used|scaled|elsewhere|copied"  by a machine, a scale set, a machine of another subscription;
//                                     or only a disk
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "access/access.h"
#include "base/text.h"
#include "lifecycle/lifecycle.h"

namespace pinaco::lifecycle {

struct Ground {
  explicit Ground(std::unique_ptr<kv::Kv> rows = kv::open_memory()) : kv(std::move(rows)) {}

  WallTime in_days(std::int64_t days) { return clock.now() + std::chrono::hours(24) * days; }

  void put(const std::string& words) {
    const auto parts = split(words, ' ');
    const std::string name(parts.front());
    model::Resource row{.id = name == "g"   ? gallery
                              : name == "d" ? definition
                                            : definition.child("versions", name),
                        .location = "westeurope",
                        .internal = JsonObject{{"created", true}},
                        .created = in_days(-100)};
    const char* end = name == "d" ? "endOfLifeDate" : "publishingProfile.endOfLifeDate";
    constexpr const char* targets = "publishingProfile.targetRegions";
    std::vector<model::Resource> others;
    bool locked = false;
    for (const auto word : parts) {
      const auto value = std::string(word.substr(word.find('=') + 1));
      if (word.starts_with("end=")) set_path(row.properties, end, text_of(value));
      if (word.starts_with("marked=")) {
        const auto goes = std::stoll(value);
        set_path(row.internal, provider::mark_path,
                 JsonObject{{"since", to_iso8601(in_days(goes - 7))},
                            {"goes", to_iso8601(in_days(goes))}});
      }
      if (word.starts_with("tag:")) {
        row.tags.get_object()[word.substr(4, word.find('=') - 4)] = value;
      }
      if (word == "excluded") set_path(row.properties, "publishingProfile.excludeFromLatest", true);
      if (word == "failed") row.internal = JsonObject();
      if (word == "block") {
        set_path(row.properties, "safetyProfile.blockDeletionBeforeEndOfLife", true);
      }
      if (word == "new") row.created = clock.now();
      if (word == "future") row.created = in_days(1);
      if (word.starts_with("in=")) {
        JsonArray regions;
        for (const auto each : split(value, ',')) regions.push_back(JsonObject{{"name", each}});
        set_path(row.properties, targets, std::move(regions));
      }
      if (word.starts_with("excluded_in=")) {
        Json regions = *find_path(row.properties, targets);
        for (Json& each : regions.as_array()) {
          each.as_object()["excludeFromLatest"] = string_at(each, "name") == value;
        }
        set_path(row.properties, targets, std::move(regions));
      }
      if (word == "busy") {
        row.operation = random->uuid();
        row.provisioning = "Updating";
      }
      locked = locked || word == "locked";
      add_user(word, row.id, others);
    }
    others.push_back(row);
    for (const auto word : parts) {
      if (!word.starts_with("deleted=")) continue;  // until when it can be restored
      const auto goes = text_of(std::string(word.substr(8)));
      must(model.change(subscription, [&](model::Change& change) {
        return change.put_fact(fmt::format("recycled/{}/versions/{}", definition.key(), name),
                               JsonObject{{"row", model::to_json(row)},
                                          {"deleted", to_iso8601(in_days(-7))},
                                          {"usableUntil", goes},
                                          {"goes", goes}});
      }));
      return;
    }
    for (const auto& each : others) {
      must(model.change(each.id.subscription,
                        [&](model::Change& change) { return change.put(each); }));
    }
    if (locked) lock(row.id.text());
  }

  void lock(const std::string& scope) {
    must(model.change(subscription, [&](model::Change& change) {
      return access::put_rule(change, access::Lock{.name = "l", .tenant = tenant, .scope = scope});
    }));
  }

  // Somebody who may read all of the subscription.
  Sees sees() const {
    return [this](const arm::ResourceId& id) { return id.subscription == subscription; };
  }
  // "1.0.0 wait 2027-01-18: why"
  std::vector<std::string> plan(Options options = {}) {
    ready();
    options.sees = sees();
    const auto items = lifecycle.plan(gallery, options);
    EXPECT_TRUE(items) << items.error().message;
    return items ? texts(*items) : std::vector<std::string>();
  }
  static std::vector<std::string> texts(const std::vector<Item>& items) {
    std::vector<std::string> found;
    for (const auto& item : items) {
      const auto goes = item.goes ? " " + to_iso8601(*item.goes).substr(0, 10) : "";
      found.push_back(
          fmt::format("{} {}{}: {}", item.id.name(), to_string(item.fate), goes, item.why));
    }
    return found;
  }
  // The names of what is there below the gallery.
  std::vector<std::string> names() {
    std::vector<std::string> found;
    must(model.read(subscription, [&](const model::View& view) -> Result<> {
      found.clear();
      for (const auto& row : TRY(view.list_all(gallery.child("images", "")))) {
        found.push_back(row.id.name());
      }
      for (const auto& row : TRY(view.list_all(definition.child("versions", "")))) {
        found.push_back(row.id.name());
      }
      return {};
    }));
    return found;
  }
  // Resources that the activity log says were deleted.
  std::vector<std::string> deeds() {
    std::vector<std::string> found;
    must(model.read(subscription, [&](const model::View& view) -> Result<> {
      found.clear();
      for (const auto& [name, event] : TRY(view.facts("activity/"))) {
        found.push_back(fmt::format("{} {} by {}: {}", string_at(event, "operation"),
                                    arm::ResourceId::parse(string_at(event, "resource"))->name(),
                                    string_at(event, "name"), string_at(event, "details.why")));
      }
      return {};
    }));
    return found;
  }
  void ready() {
    for (const auto& id : {gallery, definition}) {
      const auto there = model.find(id);
      if (there && !*there) put(id == gallery ? "g" : "d");
    }
  }
  static void must(const Result<>& done) { ASSERT_TRUE(done) << done.error().message; }

  ManualClock clock;
  std::unique_ptr<kv::Kv> kv;
  std::unique_ptr<Random> random = seeded_random(1);
  model::Model model{*kv, clock, *random};
  provider::World world;
  Lifecycle lifecycle{model, world};
  const std::string subscription = "11111111-1111-1111-1111-111111111111";
  const std::string tenant = "22222222-2222-2222-2222-222222222222";
  const arm::ResourceId gallery =
      *arm::ResourceId::parse("/subscriptions/" + subscription +
                              "/resourceGroups/rg/providers/Microsoft.Compute/galleries/g");
  const arm::ResourceId definition = gallery.child("images", "d");

 private:
  std::string text_of(const std::string& days) { return to_iso8601(in_days(std::stoll(days))); }

  void add_user(std::string_view word, const arm::ResourceId& version,
                std::vector<model::Resource>& rows) {
    auto disk = version;
    disk.types = {"disks"};
    disk.names = {"disk-of-" + version.name()};
    auto user = disk;
    user.types = {word == "scaled" ? "virtualMachineScaleSets" : "virtualMachines"};
    user.names = {word == "scaled" ? "set" : "web"};
    if (word == "elsewhere") {
      for (auto* id : {&disk, &user}) id->subscription = "33333333-3333-3333-3333-333333333333";
    }
    model::Resource row{.id = disk, .internal = JsonObject{{"image", version.text()}}};
    if (word == "used" || word == "elsewhere") set_path(row.internal, "managedBy", user.text());
    if (word == "used" || word == "elsewhere" || word == "copied") rows.push_back(row);
    if (word != "scaled") return;
    model::Resource set{.id = user};
    set_path(set.internal, "model.disks",
             JsonArray{JsonObject{{"slot", "os"}, {"row", model::to_json(row)}}});
    rows.push_back(set);
  }
};

}  // namespace pinaco::lifecycle
