// Opening a region and reading checked objects from its places.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "os/lanes.h"
#include "store/local_region.h"

namespace pinaco::store {
namespace {

// The last bytes of a pack that hold footer, samples and index of almost any; and only the first
// two of them.
constexpr std::uint64_t index_tail_bytes = 80 << 10;
constexpr std::uint64_t samples_tail_bytes = 4 << 10;
constexpr std::size_t open_lanes = 4;
constexpr std::size_t manifests_cached_max = 4096;
constexpr std::uint64_t own_cache_bytes = 64 << 20;

ObjectName pack_name(const Digest& digest) {
  return {.kind = ObjectKind::pack, .digest = digest};
}

std::string_view word_for(ObjectKind kind) {
  return kind == ObjectKind::pack ? "pack" : "manifest";
}

std::size_t bytes_max(const ObjectName& object) {
  return object.kind == ObjectKind::pack ? pack_bytes_max : manifest_bytes_max;
}

bool is_good(ByteView bytes, const ObjectName& object) {
  if (object.kind == ObjectKind::manifest) return Digest::of(bytes) == object.digest;
  return check_pack(bytes, object.digest).has_value();
}

struct Tail {
  Bytes bytes;
  std::uint64_t offset = 0;
  Footer footer;

  // A section of the pack, from the tail or by another read.
  Result<Bytes> section(const PackStore& store, const ObjectName& name, std::uint64_t at,
                        std::uint64_t size) const {
    if (at < offset) return store.get(name, at, size);
    const auto view = ByteView(bytes).subspan(at - offset, size);
    return Bytes(view.begin(), view.end());
  }
};

Result<Tail> read_tail(const PackStore& store, const ObjectName& name, std::uint64_t size,
                       std::uint64_t wanted) {
  Tail tail;
  tail.offset = size - std::min(size, wanted);
  tail.bytes = TRY(store.get(name, tail.offset, size - tail.offset));
  tail.footer = TRY(Footer::parse(tail.bytes, size));
  return tail;
}

Result<std::uint64_t> get_size(const PackStore& store, const ObjectName& name) {
  const auto size = TRY(store.find_size(name));
  if (size) return *size;
  return fail(Kind::not_found, "not here");
}

}  // namespace

Result<std::shared_ptr<Region>> Region::open(RegionOptions options) {
  if (options.places.empty()) {
    return fail(Kind::invalid,
                fmt::format("Region {} has no places; name at least one.", options.name));
  }
  auto region = std::make_shared<LocalRegion>(std::move(options));
  TRY(region->load());
  return region;
}

// Half of the index memory is for finding duplicates, half for reading.
LocalRegion::LocalRegion(RegionOptions options)
    : options_(std::move(options)),
      reads_(options_.places.size()),
      silent_(options_.places.size()),
      pins_(std::make_shared<PinBoard>()),
      dedup_(options_.index_cache_bytes / 2),
      indexes_(options_.index_cache_bytes / 2),
      frames_(options_.frames ? options_.frames : make_frame_cache(own_cache_bytes)) {}

Result<> LocalRegion::load() {
  struct Found {
    ObjectName name;
    std::uint64_t size = 0;
    const PackStore* store = nullptr;
  };
  std::vector<Found> found;
  std::unordered_set<Digest> seen;
  for (const Place& place : places()) {
    const auto listed = place.packs->list(ObjectKind::pack);
    if (!listed) {
      LOG(warning, "store",
          "Place {} of region {} cannot be listed; its packs are not used to "
          "find duplicates: {}",
          place.name, name(), listed.error().message);
      continue;
    }
    for (const auto& [object, size] : *listed) {
      if (seen.insert(object.digest).second) found.push_back({object, size, place.packs.get()});
    }
  }
  return os::for_each(found.size(), open_lanes, [&](std::size_t i) -> Result<> {
    const Found& pack = found[i];
    const auto samples = [&]() -> Result<std::vector<std::uint64_t>> {
      const auto tail = TRY(read_tail(*pack.store, pack.name, pack.size, samples_tail_bytes));
      const auto section = TRY(tail.section(*pack.store, pack.name, tail.footer.samples_offset(),
                                            tail.footer.samples_bytes));
      return parse_samples(section, tail.footer);
    }();
    if (samples) {
      dedup_.add(pack.name.digest, *samples);
    } else {
      LOG(warning, "store", "Pack {} is not used to find duplicates: {}", pack.name.digest.hex(),
          samples.error().message);
    }
    return {};
  });
}

std::vector<PlaceLoad> LocalRegion::loads() const {
  std::vector<PlaceLoad> loads;
  for (std::size_t i = 0; i < places().size(); i++) {
    loads.push_back({.name = places()[i].name, .reads = reads_[i].load()});
  }
  return loads;
}

// --- fetching
// ---------------------------------------------------------------------------------------

// A place that does not answer would say so for each frame that is asked of it.
void LocalRegion::log_trouble(std::size_t place, const ObjectName& object,
                              const Error& error) const {
  if (error.kind == Kind::unavailable && silent_[place].exchange(true)) return;
  LOG(error, "store", "{} {} at place {} of region {}: {}", word_for(object.kind),
      object.digest.hex(), places()[place].name, name(), error.message);
}

void LocalRegion::answered(std::size_t place) const {
  if (!silent_[place].load(std::memory_order_relaxed) || !silent_[place].exchange(false)) return;
  LOG(info, "store", "Place {} of region {} answers again.", places()[place].name, name());
}

Error LocalRegion::at_place(const Place& place, Error error) const {
  if (error.kind != Kind::unavailable) return error;
  const auto where = place.zone.empty() ? fmt::format("Region {}", name())
                                        : fmt::format("Zone {} of region {}", place.zone, name());
  error.message = fmt::format("{}: {}", where, error.message);
  return error;
}

template <typename T>
Result<T> LocalRegion::from_places(const ObjectName& object,
                                   const std::function<Result<T>(const PackStore&)>& fetch,
                                   std::size_t turn) const {
  std::optional<Error> worst;
  for (std::size_t i = 0; i < places().size(); i++) {
    const std::size_t at = (turn + i) % places().size();
    const Place& place = places()[at];
    auto result = fetch(*place.packs);
    if (result) {
      reads_[at].fetch_add(1, std::memory_order_relaxed);
      answered(at);
      return result;
    }
    Error& error = result.error();
    if (error.kind == Kind::not_found) continue;
    log_trouble(at, object, error);
    if (!worst || error.kind == Kind::corrupt) worst = at_place(place, std::move(error));
  }
  if (worst) return std::unexpected(std::move(*worst));
  // A pack that is read should not have been swept. If it was, it is brought back, loudly.
  for (const Place& place : places()) {
    if (object.kind != ObjectKind::pack || !place.packs->restore(object)) continue;
    LOG(warning, "store", "Pack {} was set aside at place {} and is needed; it is restored.",
        object.digest.hex(), place.name);
    return fetch(*place.packs);
  }
  return fail(Kind::not_found, fmt::format("The {} {} is not in region {}.", word_for(object.kind),
                                           object.digest.hex(), name()));
}

Result<std::shared_ptr<const Manifest>> LocalRegion::fetch_manifest(const Digest& digest) const {
  {
    const std::lock_guard lock(manifests_mutex_);
    const auto found = manifests_.find(digest);
    if (found != manifests_.end()) {
      if (auto manifest = found->second.lock()) return manifest;
    }
  }
  const ObjectName object{.kind = ObjectKind::manifest, .digest = digest};
  using Fetched = std::shared_ptr<const Manifest>;
  auto manifest = TRY(from_places<Fetched>(object, [&](const PackStore& store) -> Result<Fetched> {
    const std::uint64_t size = TRY(get_size(store, object));
    if (size > manifest_bytes_max) return fail(Kind::corrupt, "The manifest is too large.");
    return Manifest::parse(TRY(store.get(object, 0, size)), digest);
  }));
  const std::lock_guard lock(manifests_mutex_);
  if (manifests_.size() >= manifests_cached_max) {
    std::erase_if(manifests_, [](const auto& entry) { return entry.second.expired(); });
  }
  manifests_[digest] = manifest;
  return manifest;
}

Result<std::shared_ptr<const PackIndex>> LocalRegion::fetch_index(const Digest& pack) const {
  if (auto index = indexes_.find(pack)) return index;
  using Fetched = std::shared_ptr<const PackIndex>;
  const ObjectName object = pack_name(pack);
  auto index = TRY(from_places<Fetched>(object, [&](const PackStore& store) -> Result<Fetched> {
    const auto tail = TRY(read_tail(store, object, TRY(get_size(store, object)), index_tail_bytes));
    const auto section =
        TRY(tail.section(store, object, tail.footer.index_offset, tail.footer.index_bytes));
    return PackIndex::parse(section, pack);
  }));
  indexes_.add(pack, index, index->memory_bytes());
  return index;
}

Result<Bytes> LocalRegion::fetch_frame(const Digest& pack, std::uint32_t frame) const {
  const auto index = TRY(fetch_index(pack));
  if (frame >= index->frames().size()) {
    return fail(Kind::corrupt, fmt::format("Pack {} has no frame {}.", pack.hex(), frame));
  }
  const Frame& entry = index->frames()[frame];
  const ObjectName object = pack_name(pack);
  auto bytes = from_places<Bytes>(
      object,
      [&](const PackStore& store) -> Result<Bytes> {
        const Bytes stored = TRY(store.get(object, entry.offset, entry.stored_bytes));
        Bytes raw(entry.blocks * block_bytes);
        TRY(decode_frame(*index, frame, stored, raw));
        return raw;
      },
      std::hash<Digest>()(pack) + frame);
  // Blocks that no place can give any more must be stored again when they come again.
  if (!bytes && bytes.error().kind == Kind::corrupt) dedup_.remove(pack);
  return bytes;
}

Result<Bytes> LocalRegion::fetch_pack(const Digest& pack) const {
  const ObjectName object = pack_name(pack);
  return from_places<Bytes>(object, [&](const PackStore& store) -> Result<Bytes> {
    const std::uint64_t size = TRY(get_size(store, object));
    if (size > pack_bytes_max) return fail(Kind::corrupt, "The pack is too large.");
    Bytes bytes = TRY(store.get(object, 0, size));
    TRY(check_pack(bytes, pack));
    return bytes;
  });
}

Result<std::optional<std::uint64_t>> LocalRegion::find_size(const ObjectName& object) const {
  std::optional<Error> failed;
  for (const Place& place : places()) {
    const auto size = place.packs->find_size(object);
    if (size && *size) return *size;
    if (!size) failed = at_place(place, size.error());
  }
  if (failed) return std::unexpected(std::move(*failed));
  return std::nullopt;
}

Result<> LocalRegion::put(const Place& place, const ObjectName& object,
                          std::span<const ByteView> parts) const {
  const auto size = place.packs->find_size(object);
  if (!size) return fail(at_place(place, size.error()));
  if (*size) {
    const auto there =
        place.packs->get(object, 0, std::min(**size, std::uint64_t{bytes_max(object)}));
    if (!there || !is_good(*there, object)) {
      LOG(error, "store", "{} {} at place {} is damaged; it is set aside and stored again.",
          word_for(object.kind), object.digest.hex(), place.name);
      TRY(place.packs->set_aside(object));
    }
  }
  auto done = place.packs->put(object, parts);
  if (!done) return fail(at_place(place, std::move(done.error())));
  return done;
}

Result<Description> LocalRegion::describe(const Digest& digest) const {
  const auto manifest = TRY(fetch_manifest(digest));
  return Description{.image = manifest->image(),
                     .size_bytes = manifest->size_bytes(),
                     .data_blocks = manifest->data_blocks(),
                     .runs = manifest->runs(),
                     .packs = manifest->packs()};
}

Result<Usage> LocalRegion::usage() const {
  Usage usage;
  std::unordered_set<ObjectName> seen;
  for (const Place& place : places()) {
    for (const ObjectKind kind : {ObjectKind::pack, ObjectKind::manifest}) {
      const auto listed = place.packs->list(kind);
      if (!listed && listed.error().kind == Kind::unavailable) {
        usage.away.push_back(place.name);
        break;
      }
      if (!listed) return std::unexpected(listed.error());
      for (const auto& [object, size] : *listed) {
        usage.bytes += size;
        if (!seen.insert(object).second) continue;
        ++(kind == ObjectKind::pack ? usage.packs : usage.manifests);
      }
    }
  }
  return usage;
}

}  // namespace pinaco::store
