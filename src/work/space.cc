// What deleting gives back, found before anything goes: of each region the packs and manifests that
// only those resources name, in all places, as the sweep will find them. Packs that are pinned now,
// say by an export, are set aside when they no longer are.
#include <set>

#include "work/tasks.h"

namespace pinaco::work {
namespace {

struct Named {
  std::set<Digest> going;
  std::set<Digest> staying;
};

Result<Named> manifests_of(Bench& bench, const std::string& region,
                           const std::function<bool(const arm::ResourceId& id)>& goes) {
  Named named;
  for (const auto& subscription : TRY(bench.model.shards())) {
    Named here;
    TRY(bench.model.read(subscription, [&](const model::View& view) {
      here = Named{};
      return for_manifests(view, region, [&](const arm::ResourceId& id, const Digest& manifest) {
        (goes(id) ? here.going : here.staying).insert(manifest);
      });
    }));
    named.going.merge(here.going);
    named.staying.merge(here.staying);
  }
  for (const auto& manifest : named.staying) named.going.erase(manifest);
  return named;
}

// The packs of a manifest; none when the region does not have it.
Result<std::vector<Digest>> packs_of(const store::Region& region, const Digest& manifest) {
  auto described = region.describe(manifest);
  if (described) return std::move(described->packs);
  if (described.error().kind == Kind::not_found) return std::vector<Digest>();
  return std::unexpected(std::move(described.error()));
}

Result<std::uint64_t> bytes_in(const store::Region& region, const store::ObjectName& object) {
  std::uint64_t bytes = 0;
  for (const auto& place : region.places()) {
    bytes += TRY(place.packs->find_size(object))
    .value_or(0);
  }
  return bytes;
}

Result<std::uint64_t> freed_in(const store::Region& region, const Named& named) {
  std::set<Digest> packs;
  for (const auto& manifest : named.going) {
    const auto some = TRY(packs_of(region, manifest));
    packs.insert(some.begin(), some.end());
  }
  for (const auto& manifest : named.staying) {
    if (packs.empty()) break;
    for (const auto& pack : TRY(packs_of(region, manifest))) packs.erase(pack);
  }
  std::uint64_t bytes = 0;
  for (const auto& manifest : named.going) {
    bytes += TRY(bytes_in(region, {.kind = store::ObjectKind::manifest, .digest = manifest}));
  }
  for (const auto& pack : packs) {
    bytes += TRY(bytes_in(region, {.kind = store::ObjectKind::pack, .digest = pack}));
  }
  return bytes;
}

}  // namespace

Result<Workers::Freed> freed_without(Bench& bench,
                                     const std::function<bool(const arm::ResourceId& id)>& goes) {
  Workers::Freed freed;
  for (const auto& region : bench.depot.regions()) {
    const auto named = TRY(manifests_of(bench, region->name(), goes));
    if (!named.going.empty()) freed[region->name()] = TRY(freed_in(*region, named));
  }
  return freed;
}

}  // namespace pinaco::work
