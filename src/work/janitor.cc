// The janitor: what no row names any more gives its space back.
#include <fmt/format.h>

#include <set>
#include <shared_mutex>

#include "base/log.h"
#include "base/text.h"
#include "blob/blob.h"
#include "work/tasks.h"

namespace pinaco::work {
namespace {

constexpr std::string_view stored_types[] = {
    "disks", "snapshots", "images", "galleries/images/versions", "virtualMachineScaleSets"};

arm::ResourceId collection_of(const std::string& subscription, std::string_view group,
                              std::string_view type) {
  arm::ResourceId collection{.subscription = subscription,
                             .group = std::string(group),
                             .provider = "Microsoft.Compute",
                             .types = {},
                             .names = {}};
  for (const auto part : split(type, '/')) collection.types.emplace_back(part);
  return collection;
}

}  // namespace

Result<> for_manifests(
    const model::View& view, const std::string& region,
    const std::function<void(const arm::ResourceId& id, const Digest& manifest)>& keep_it) {
  const auto keep_row = [&](const model::Resource& row) -> Result<> {
    const auto keep = [&](const Json& content) -> Result<> {
      // One that waits for its import names no manifest yet.
      if (find_path(content, "manifest") == nullptr) return {};
      keep_it(row.id, TRY(Digest::parse(string_at(content, "manifest"))));
      return {};
    };
    if (const Json* content = find_path(row.internal, "content");
        content != nullptr && (row.location == region || string_at(*content, "home") == region)) {
      TRY(keep(*content));
    }
    const Json* contents = find_path(row.internal, "contents");
    // A version's home keeps it too, even while its regions are changed.
    if (contents == nullptr) return {};
    const bool here =
        row.location == region || find_path(row.internal, "regions." + region) != nullptr;
    for (const Json& content : contents->get_array()) {
      if (here || string_at(content, "home") == region) TRY(keep(content));
    }
    return {};
  };
  for (const auto type : stored_types) {
    for (const auto& row : TRY(view.list_all(collection_of(view.subscription(), "", type)))) {
      TRY(keep_row(row));
    }
  }
  // Versions that were deleted and can be restored.
  for (const auto& [name, fact] : TRY(view.facts("recycled/"))) {
    if (const Json* row = find_path(fact, "row")) TRY(keep_row(TRY(model::resource_from(*row))));
  }
  return {};
}

namespace {

// Files of uploads whose disk is gone or has its content.
Result<> remove_old_uploads(Bench& bench) {
  // Listed first: a file made afterwards belongs to a disk that is not looked at here.
  const auto files = TRY(bench.depot.uploads().list());
  if (files.empty()) return {};
  std::set<std::string> wanted;
  for (const auto& subscription : TRY(bench.model.shards())) {
    TRY(bench.model.read(subscription, [&](const model::View& view) -> Result<> {
      for (const auto type : {"disks", "snapshots"}) {
        for (const auto& row : TRY(view.list_all(collection_of(subscription, "", type)))) {
          if (find_path(row.internal, "upload") == nullptr) continue;
          wanted.emplace(string_at(row.properties, "uniqueId"));
        }
      }
      return {};
    }));
  }
  for (const auto& file : files) {
    if (!wanted.contains(file)) TRY(bench.depot.uploads().remove(file));
  }
  return {};
}

// Containers and blobs of storage accounts that are gone, and the files of blobs that are.
Result<> remove_old_blobs(Bench& bench) {
  constexpr std::size_t rows_a_step = 400;
  constexpr std::size_t rows_a_look = 10'000;
  const auto files = TRY(bench.depot.blobs().list());
  std::set<std::string> wanted;
  for (const auto& subscription : TRY(bench.model.shards())) {
    std::string from;
    for (bool more = true; more && !bench.ending;) {
      std::vector<std::string> orphans;
      TRY(bench.model.read(subscription, [&](const model::View& view) -> Result<> {
        orphans = TRY(blob::orphans(view, from, rows_a_look));
        return {};
      }));
      more = orphans.size() == rows_a_look;
      if (more) from = orphans.back() + '\0';
      for (std::size_t at = 0; at < orphans.size(); at += rows_a_step) {
        TRY(bench.model.change(subscription, [&](model::Change& change) -> Result<> {
          for (std::size_t i = at; i < std::min(at + rows_a_step, orphans.size()); i++) {
            TRY(change.erase_fact(orphans[i]));
          }
          return {};
        }));
      }
    }
    TRY(bench.model.read(subscription, [&](const model::View& view) -> Result<> {
      wanted.merge(TRY(blob::all_ids(view)));
      return {};
    }));
  }
  for (const auto& file : files) {
    if (!wanted.contains(file)) TRY(bench.depot.blobs().remove(file));
  }
  return {};
}

// Names of accounts that are gone, or never came to be. A PUT takes a name before its row is there:
// not those of the last hour.
Result<> free_account_names(Bench& bench) {
  std::vector<std::string> gone;
  const auto before = bench.model.clock().now() - std::chrono::hours(1);
  std::vector<std::pair<std::string, Json>> names;
  TRY(bench.model.read("", [&](const model::View& view) -> Result<> {
    names = TRY(view.facts(blob::name_fact("")));
    return {};
  }));
  for (const auto& [name, json] : names) {
    const auto taken = parse_iso8601(string_at(json, "taken"));
    if (taken && *taken > before) continue;
    const auto id = arm::ResourceId::parse(string_at(json, "id"));
    if (!id || !TRY(bench.model.find(*id))) gone.push_back(name);
    if (gone.size() == 400) break;  // the next sweep goes on
  }
  if (gone.empty()) return {};
  return bench.model.change("", [&](model::Change& change) -> Result<> {
    for (const auto& name : gone) {
      const auto now = TRY(change.find_fact(name));
      const auto taken = now ? parse_iso8601(string_at(*now, "taken")) : std::nullopt;
      if (!taken || *taken <= before) TRY(change.erase_fact(name));
    }
    return {};
  });
}

}  // namespace

namespace {

Result<store::Swept> sweep_region(Bench& bench, store::Region& region) {
  const auto live = [&]() -> Result<std::vector<Digest>> {
    std::set<Digest> found;
    const std::unique_lock crossing(bench.model.crossing());
    for (const auto& subscription : TRY(bench.model.shards())) {
      TRY(bench.model.read(subscription, [&](const model::View& view) {
        return for_manifests(
            view, region.name(),
            [&](const arm::ResourceId&, const Digest& manifest) { found.insert(manifest); });
      }));
    }
    return std::vector<Digest>(found.begin(), found.end());
  };
  const auto swept = TRY(region.sweep(live));
  TRY(region.purge(bench.options.purge_after));
  return swept;
}

// Operations are kept for a day.
Result<> forget_old_operations(Bench& bench) {
  constexpr std::size_t rows_a_step = 200;
  const auto before = bench.model.clock().now() - std::chrono::hours(24);
  for (const auto& subscription : TRY(bench.model.shards())) {
    for (std::size_t pruned = rows_a_step; pruned == rows_a_step && !bench.ending;) {
      TRY(bench.model.change(subscription, [&](model::Change& change) -> Result<> {
        pruned = TRY(change.prune_operations(before, rows_a_step));
        return {};
      }));
    }
  }
  return {};
}

}  // namespace

Result<store::Swept> sweep_regions(Bench& bench) {
  store::Swept sum;
  // One in trouble does not keep the others from getting their space back.
  const auto tidy = [&](std::string_view what, Result<> (*step)(Bench&)) {
    const auto done = step(bench);
    if (!done) LOG(warning, "work", "{} were not swept: {}", what, done.error().message);
  };
  tidy("images that are to go", [](Bench& mine) -> Result<> {
    if (!mine.options.before_sweep) return {};
    return mine.options.before_sweep(mine.ending);
  });
  tidy("old uploads", remove_old_uploads);
  tidy("old blobs", remove_old_blobs);
  tidy("names of accounts", free_account_names);
  tidy("old operations", forget_old_operations);
  Result<> first;
  for (const auto& region : bench.depot.regions()) {
    const auto swept = sweep_region(bench, *region);
    if (!swept) {
      LOG(warning, "work", "region {} was not swept: {}", region->name(), swept.error().message);
      if (first) first = fail(swept.error());
      continue;
    }
    sum.objects_set_aside += swept->objects_set_aside;
    sum.bytes_set_aside += swept->bytes_set_aside;
  }
  if (!first) return fail(first.error());
  return sum;
}

}  // namespace pinaco::work
