// The sweep: sets aside what no live manifest needs and nobody has pinned (pins.h has the rule
// that makes it safe beside writes). It keeps no list of references: it asks for the live
// manifests, reads which packs they name, and everything else may go.
#include <fmt/format.h>

#include <unordered_map>

#include "base/log.h"
#include "store/local_region.h"

namespace pinaco::store {
namespace {

struct Found {
  std::uint64_t bytes = 0;  // of all copies
  std::vector<const Place*> places;
};

}  // namespace

Result<Swept> LocalRegion::sweep(const std::function<Result<std::vector<Digest>>()>& live) {
  const std::lock_guard lock(sweep_mutex_);
  Swept swept;
  pins_->begin_sweep();
  auto result = sweep_noted(live, swept);
  pins_->end_sweep();
  TRY(result);
  if (swept.objects_set_aside > 0) {
    LOG(info, "store", "Swept region {}: set aside {} objects, {} bytes.", name(),
        swept.objects_set_aside, swept.bytes_set_aside);
  }
  return swept;
}

Result<> LocalRegion::sweep_noted(const std::function<Result<std::vector<Digest>>()>& live,
                                  Swept& swept) {
  std::unordered_set<ObjectName> kept;
  for (const Digest& digest : TRY(live())) {
    kept.insert({.kind = ObjectKind::manifest, .digest = digest});
    // A live image need not be in this region; but one that is here and cannot be read stops
    // the sweep, because nobody knows which packs are its own.
    const auto manifest = fetch_manifest(digest);
    if (!manifest && manifest.error().kind == Kind::not_found) continue;
    if (!manifest) return std::unexpected(manifest.error());
    for (const PackLine& line : (*manifest)->lines()) {
      kept.insert({.kind = ObjectKind::pack, .digest = line.pack});
    }
  }
  // Manifests before packs: after a crash in between no manifest names a pack that is gone.
  for (const ObjectKind kind : {ObjectKind::manifest, ObjectKind::pack}) {
    std::unordered_map<ObjectName, Found> found;
    for (const Place& place : places()) {
      const auto listed = place.packs->list(kind);
      if (!listed) return fail(at_place(place, listed.error()));
      for (const auto& [object, size] : *listed) {
        if (kept.contains(object)) continue;
        found[object].bytes += size;
        found[object].places.push_back(&place);
      }
    }
    for (const auto& [object, where] : found) {
      if (!pins_->begin_leaving(object)) continue;
      if (kind == ObjectKind::pack) dedup_.remove(object.digest);
      Result<> result;
      for (const Place* place : where.places) {
        if (!result) break;
        result = place->packs->set_aside(object);
        if (!result && result.error().kind == Kind::not_found) result = {};
      }
      pins_->end_leaving(object);
      TRY(result);
      ++swept.objects_set_aside;
      swept.bytes_set_aside += where.bytes;
    }
  }
  return {};
}

Result<std::uint64_t> LocalRegion::purge(Seconds older_than) {
  std::uint64_t freed = 0;
  for (const Place& place : places()) freed += TRY(place.packs->purge(older_than));
  return freed;
}

}  // namespace pinaco::store
