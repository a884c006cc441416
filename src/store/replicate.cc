// Copying an image into a region or between its places: pack by pack, each checked before it is
// put, the manifest last, so that whatever stops a copy, a repeat goes on where it was.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "base/log.h"
#include "os/lanes.h"
#include "store/local_region.h"

namespace pinaco::store {
namespace {

constexpr std::size_t lanes_max = 16;

ObjectName pack_name(const Digest& digest) {
  return {.kind = ObjectKind::pack, .digest = digest};
}

}  // namespace

class LocalRegion::Copy {
 public:
  Copy(LocalRegion& here, const LocalRegion& source, const Digest& manifest,
       const CopyOptions& options)
      : here_(here),
        source_(source),
        name_{.kind = ObjectKind::manifest, .digest = manifest},
        options_(options),
        pins_(here.make_pins()) {}

  Result<Copied> run();

 private:
  Result<> fetch_manifest();
  Result<> measure();
  Result<> copy_pack(std::size_t number);
  Result<> copy_pack_alone(std::size_t number);
  Result<std::vector<const Place*>> lacking(const ObjectName& object) const;
  Result<Bytes> fetch(const Digest& pack);
  Result<> put_manifest();
  Result<> report(std::uint64_t done);

  LocalRegion& here_;
  const LocalRegion& source_;
  const ObjectName name_;
  const CopyOptions& options_;
  const std::shared_ptr<PinSet> pins_;
  std::shared_ptr<const Manifest> manifest_;
  std::vector<Digest> packs_;
  std::vector<std::uint64_t> sizes_;
  std::vector<const Place*> targets_;
  Copied copied_;
  std::atomic<std::uint64_t> moved_bytes_ = 0;
  std::atomic<std::uint64_t> stored_bytes_ = 0;
  std::mutex progress_mutex_;
  std::uint64_t done_bytes_ = 0;
};

Result<Copied> LocalRegion::Copy::run() {
  TRY(fetch_manifest());
  TRY(measure());
  TRY(report(0));
  const std::size_t lanes = std::clamp<std::size_t>(options_.lanes, 1, lanes_max);
  TRY(os::for_each(packs_.size(), lanes, [&](std::size_t number) { return copy_pack(number); }));
  TRY(put_manifest());
  TRY(report(manifest_->bytes().size()));
  std::set<std::string_view> zones;
  for (const Place* place : targets_) zones.insert(place->zone);
  copied_.copies = targets_.size();
  copied_.zones = zones.size();
  copied_.moved_bytes = moved_bytes_;
  copied_.stored_bytes = stored_bytes_;
  copied_.pin = Pin(pins_);
  return std::move(copied_);
}

Result<> LocalRegion::Copy::fetch_manifest() {
  pins_->pin(name_);
  auto found = here_.fetch_manifest(name_.digest);
  if (!found && &source_ != &here_) {
    found = source_.fetch_manifest(name_.digest);
    if (found) moved_bytes_ += (*found)->bytes().size();
  }
  manifest_ = TRY(std::move(found));
  packs_ = manifest_->packs();
  for (const Digest& pack : packs_) pins_->pin(pack_name(pack));
  return {};
}

// Sizes of the packs, and what each place has already, which decides where copies go.
Result<> LocalRegion::Copy::measure() {
  const auto& places = here_.places();
  std::vector<std::optional<std::uint64_t>> held(places.size(), 0);
  copied_.total_bytes = manifest_->bytes().size();
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i].packs->find_size(name_)) held[i].reset();
  }
  for (const Digest& pack : packs_) {
    const ObjectName object = pack_name(pack);
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!held[i]) continue;
      const auto there = places[i].packs->find_size(object);
      if (!there) held[i].reset();
      if (!there || !*there) continue;
      *held[i] += **there;
      size = **there;
    }
    if (size == 0 && &source_ != &here_) size = TRY(source_.find_size(object))
    .value_or(0);
    sizes_.push_back(size);
    copied_.total_bytes += size;
  }
  for (const std::size_t i : choose_places(places, held, options_)) targets_.push_back(&places[i]);
  if (!targets_.empty()) return {};
  return fail(
      Kind::invalid,
      fmt::format("Region {} has no store that is marked premium, and premium copies lie on "
                  "no other. Mark one in the configuration.",
                  here_.name()));
}

Result<> LocalRegion::Copy::report(std::uint64_t done) {
  if (!options_.progress) return {};
  const std::lock_guard lock(progress_mutex_);
  done_bytes_ += done;
  if (options_.progress(done_bytes_, copied_.total_bytes)) return {};
  return fail(Kind::cancelled, "The copy was cancelled; what is copied is kept for a repeat.");
}

Result<std::vector<const Place*>> LocalRegion::Copy::lacking(const ObjectName& object) const {
  std::vector<const Place*> lacking;
  for (const Place* place : targets_) {
    const auto size = place->packs->find_size(object);
    if (!size) return fail(here_.at_place(*place, size.error()));
    if (*size) continue;
    // What was set aside needs no transfer.
    const auto restored = place->packs->restore(object);
    if (restored) continue;
    if (restored.error().kind != Kind::not_found) return std::unexpected(restored.error());
    lacking.push_back(place);
  }
  return lacking;
}

// Two images that are copied at the same time share packs: only one copy fetches each.
Result<> LocalRegion::Copy::copy_pack(std::size_t number) {
  {
    std::unique_lock lock(here_.copying_mutex_);
    here_.copied_.wait(lock, [&] { return !here_.copying_.contains(packs_[number]); });
    here_.copying_.insert(packs_[number]);
  }
  auto result = copy_pack_alone(number);
  {
    const std::lock_guard lock(here_.copying_mutex_);
    here_.copying_.erase(packs_[number]);
  }
  here_.copied_.notify_all();
  TRY(result);
  return report(sizes_[number]);
}

Result<> LocalRegion::Copy::copy_pack_alone(std::size_t number) {
  const Digest& pack = packs_[number];
  const auto targets = TRY(lacking(pack_name(pack)));
  if (!targets.empty()) {
    const Bytes bytes = TRY(fetch(pack));
    const ByteView parts[] = {bytes};
    for (const Place* place : targets) {
      auto done = place->packs->put(pack_name(pack), parts);
      if (!done) return fail(here_.at_place(*place, std::move(done.error())));
      stored_bytes_ += bytes.size();
    }
  }
  if (!here_.dedup_.knows(pack)) {
    const auto index = TRY(here_.fetch_index(pack));
    here_.dedup_.add(pack, index->samples());
  }
  return {};
}

// From another place here when one has it, else from the source; checked either way.
Result<Bytes> LocalRegion::Copy::fetch(const Digest& pack) {
  auto bytes = here_.fetch_pack(pack);
  if (bytes || &source_ == &here_) return bytes;
  bytes = source_.fetch_pack(pack);
  if (bytes) moved_bytes_ += bytes->size();
  return bytes;
}

Result<> LocalRegion::Copy::put_manifest() {
  const ByteView parts[] = {manifest_->bytes()};
  for (const Place* place : targets_) {
    const auto size = place->packs->find_size(name_);
    TRY(here_.put(*place, name_, parts));
    if (size && !*size) stored_bytes_ += manifest_->bytes().size();
  }
  return {};
}

Result<Copied> LocalRegion::copy_from(const Region& source, const Digest& manifest,
                                      const CopyOptions& options) {
  const auto* other = dynamic_cast<const LocalRegion*>(&source);
  CHECK(other != nullptr);
  return Copy(*this, *other, manifest, options).run();
}

}  // namespace pinaco::store
