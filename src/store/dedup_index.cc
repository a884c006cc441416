// Open addressing with linear probing; erasing shifts the followers back, so there are no
// tombstones and a table that lives for months stays as fast as a new one.
#include "store/dedup_index.h"

#include <algorithm>
#include <unordered_set>

namespace pinaco::store {
namespace {

constexpr std::size_t packs_at_least = 16;
constexpr std::size_t pack_memory_bytes = 90 << 10;  // index and its part of the table
constexpr unsigned slot_bits = 12;
constexpr std::uint64_t slot_mask = (1U << slot_bits) - 1;
constexpr std::uint64_t shelf_mask = (1U << 20) - 1;
constexpr std::size_t wanted_max = 128;

std::uint64_t entry_of(const Digest& digest, std::uint32_t shelf, std::uint32_t slot) {
  const std::uint64_t tag = load_le<std::uint32_t>(digest.bytes, 8);
  return tag << 32 | (std::uint64_t{shelf} + 1) << slot_bits | slot;
}
std::uint32_t shelf_of(std::uint64_t entry) {
  return static_cast<std::uint32_t>(entry >> slot_bits & shelf_mask) - 1;
}
std::uint32_t slot_of(std::uint64_t entry) {
  return static_cast<std::uint32_t>(entry & slot_mask);
}

}  // namespace

DedupIndex::DedupIndex(std::uint64_t memory_bytes)
    : packs_max_(std::max<std::size_t>(packs_at_least, memory_bytes / pack_memory_bytes)),
      table_(packs_max_ * pack_slots_max * 4 / 3),
      sparse_([this](std::uint32_t pack) { return packs_[pack].alive; }) {}

// --- packs
// ------------------------------------------------------------------------------------------

void DedupIndex::add(const Digest& pack, std::span<const std::uint64_t> samples) {
  const std::lock_guard lock(mutex_);
  add_pack(pack, samples);
}

// The pack's number; a pack that was removed and comes back gets a new one.
std::uint32_t DedupIndex::add_pack(const Digest& pack, std::span<const std::uint64_t> samples) {
  const auto known = numbers_.find(pack);
  if (known != numbers_.end()) return known->second;
  if (packs_.size() >= pack_numbers_max) return none;
  const auto number = static_cast<std::uint32_t>(packs_.size());
  packs_.push_back({.name = pack, .alive = true});
  numbers_.emplace(pack, number);
  for (const std::uint64_t prefix : samples) sparse_.add(prefix, number);
  return number;
}

void DedupIndex::remove(const Digest& pack) {
  const std::lock_guard lock(mutex_);
  const auto known = numbers_.find(pack);
  if (known == numbers_.end()) return;
  Pack& entry = packs_[known->second];
  entry.alive = false;
  if (entry.shelf != none) clear_shelf(entry.shelf);
  numbers_.erase(known);
}

void DedupIndex::load(const Digest& pack, std::shared_ptr<const PackIndex> index) {
  const std::lock_guard lock(mutex_);
  const auto known = numbers_.find(pack);
  if (known == numbers_.end() || packs_[known->second].shelf != none) return;
  while (shelves_public_ >= packs_max_ && evict_one()) continue;
  const std::uint32_t shelf = take_shelf();
  Shelf& entry = shelves_[shelf];
  entry.digests = index->shared_digests();
  entry.index = std::move(index);
  entry.number = known->second;
  entry.used = ++tick_;
  packs_[known->second].shelf = shelf;
  ++shelves_public_;
  fill_shelf(shelf);
}

bool DedupIndex::knows(const Digest& pack) const {
  const std::lock_guard lock(mutex_);
  return numbers_.contains(pack);
}

bool DedupIndex::is_loaded(const Digest& pack) const {
  const std::lock_guard lock(mutex_);
  const auto known = numbers_.find(pack);
  return known != numbers_.end() && packs_[known->second].shelf != none;
}

std::size_t DedupIndex::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t sum = table_.capacity() * sizeof(std::uint64_t) + sparse_.memory_bytes() +
                    packs_.capacity() * sizeof(Pack) +
                    numbers_.size() * (sizeof(Digest) + 4 * sizeof(void*));
  for (const Shelf& shelf : shelves_) sum += shelf.index ? shelf.index->memory_bytes() : 0;
  return sum;
}

// --- shelves
// ----------------------------------------------------------------------------------------

std::uint32_t DedupIndex::take_shelf() {
  const auto free = std::ranges::find(shelves_, false, &Shelf::taken);
  const auto shelf = static_cast<std::uint32_t>(free - shelves_.begin());
  if (free == shelves_.end()) shelves_.emplace_back();
  CHECK(shelf < shelf_mask - 1);
  shelves_[shelf].taken = true;
  return shelf;
}

void DedupIndex::fill_shelf(std::uint32_t shelf) {
  const auto& digests = *shelves_[shelf].digests;
  for (std::uint32_t slot = 0; slot < digests.size(); ++slot) {
    const Digest& digest = digests[slot];
    if (digest != Digest{}) insert(digest, {.shelf = shelf, .slot = slot});
  }
}

void DedupIndex::clear_shelf(std::uint32_t shelf) {
  Shelf& entry = shelves_[shelf];
  const auto& digests = *entry.digests;
  for (std::uint32_t slot = 0; slot < digests.size(); ++slot) {
    if (digests[slot] != Digest{}) erase(digests[slot], {.shelf = shelf, .slot = slot});
  }
  if (entry.number != none) packs_[entry.number].shelf = none;
  if (entry.owner == nullptr) --shelves_public_;
  entry = {};
}

bool DedupIndex::evict_one() {
  std::uint32_t oldest = none;
  for (std::uint32_t shelf = 0; shelf < shelves_.size(); ++shelf) {
    const Shelf& entry = shelves_[shelf];
    if (!entry.taken || entry.owner != nullptr) continue;
    if (oldest == none || entry.used < shelves_[oldest].used) oldest = shelf;
  }
  if (oldest == none) return false;
  clear_shelf(oldest);
  return true;
}

// --- table
// ------------------------------------------------------------------------------------------

std::size_t DedupIndex::home_of(const Digest& digest) const {
  return static_cast<std::size_t>((digest.prefix() >> 32) * table_.size() >> 32);
}

const Digest& DedupIndex::digest_of(std::uint64_t entry) const {
  return (*shelves_[shelf_of(entry)].digests)[slot_of(entry)];
}

bool DedupIndex::insert(const Digest& digest, Hit at) {
  // Room is made by whole packs, but never the one that is being filled.
  if ((table_used_ + 1) * 100 > table_.size() * 85) return false;
  std::size_t place = home_of(digest);
  while (table_[place] != 0) place = place + 1 == table_.size() ? 0 : place + 1;
  table_[place] = entry_of(digest, at.shelf, at.slot);
  ++table_used_;
  return true;
}

void DedupIndex::erase(const Digest& digest, Hit at) {
  const std::size_t size = table_.size();
  const std::uint64_t entry = entry_of(digest, at.shelf, at.slot);
  std::size_t hole = home_of(digest);
  while (table_[hole] != 0 && table_[hole] != entry) hole = hole + 1 == size ? 0 : hole + 1;
  if (table_[hole] == 0) return;  // it never found room
  table_[hole] = 0;
  --table_used_;
  // Whoever follows without a gap and has its home at or before the hole moves into it.
  for (std::size_t at_next = hole + 1 == size ? 0 : hole + 1; table_[at_next] != 0;
       at_next = at_next + 1 == size ? 0 : at_next + 1) {
    const std::size_t home = home_of(digest_of(table_[at_next]));
    const std::size_t from_home = (at_next + size - home) % size;
    const std::size_t from_hole = (at_next + size - hole) % size;
    if (from_home < from_hole) continue;
    table_[hole] = table_[at_next];
    table_[at_next] = 0;
    hole = at_next;
  }
}

std::optional<DedupIndex::Hit> DedupIndex::find(const Digest& digest,
                                                const DedupSession* session) const {
  const std::uint64_t tag = load_le<std::uint32_t>(digest.bytes, 8);
  for (std::size_t place = home_of(digest); table_[place] != 0;
       place = place + 1 == table_.size() ? 0 : place + 1) {
    const std::uint64_t entry = table_[place];
    if (entry >> 32 != tag) continue;
    const Shelf& shelf = shelves_[shelf_of(entry)];
    if (shelf.owner != nullptr && shelf.owner != session) continue;
    if ((*shelf.digests)[slot_of(entry)] == digest) {
      return Hit{.shelf = shelf_of(entry), .slot = slot_of(entry)};
    }
  }
  return std::nullopt;
}

// --- DedupSession
// -------------------------------------------------------------------------------------

DedupSession::~DedupSession() {
  const std::lock_guard lock(index_.mutex_);
  for (std::uint32_t shelf = 0; shelf < index_.shelves_.size(); ++shelf) {
    if (index_.shelves_[shelf].owner == this) index_.clear_shelf(shelf);
  }
}

std::vector<Digest> DedupSession::wanted(std::span<const Digest> digests) const {
  std::vector<Digest> packs;
  std::unordered_set<std::uint32_t> seen;
  const std::lock_guard lock(index_.mutex_);
  for (const Digest& digest : digests) {
    if (!is_sample(digest)) continue;
    const auto number = index_.sparse_.find(digest.prefix());
    if (!number || !seen.insert(*number).second) continue;
    const DedupIndex::Pack& pack = index_.packs_[*number];
    if (pack.shelf != DedupIndex::none) {
      index_.shelves_[pack.shelf].used = ++index_.tick_;
    } else {
      packs.push_back(pack.name);
      if (packs.size() == wanted_max) break;
    }
  }
  return packs;
}

DedupSession::Open DedupSession::open(std::shared_ptr<std::vector<Digest>> digests) {
  const std::lock_guard lock(index_.mutex_);
  const std::uint32_t shelf = index_.take_shelf();
  DedupIndex::Shelf& entry = index_.shelves_[shelf];
  entry.digests = digests;
  entry.owner = this;
  entry.ref = static_cast<std::uint32_t>(lines_.size());
  lines_.emplace_back();
  return {.shelf = shelf, .ref = entry.ref, .digests = std::move(digests)};
}

// The session's ref for a pack in which a block was found; none when the pack is leaving.
std::uint32_t DedupSession::find_ref(const DedupIndex::Shelf& shelf) {
  if (shelf.owner == this) return shelf.ref;
  const auto known = number_refs_.find(shelf.number);
  if (known != number_refs_.end()) return known->second;
  // The sweep first marks a pack as leaving, then removes it here: so what is still here and can
  // be pinned will stay.
  const Digest& name = index_.packs_[shelf.number].name;
  if (!pins_->try_pin({.kind = ObjectKind::pack, .digest = name})) return no_pack;
  const auto ref = static_cast<std::uint32_t>(lines_.size());
  lines_.push_back({.pack = name, .base = 0});
  number_refs_.emplace(shelf.number, ref);
  return ref;
}

std::size_t DedupSession::place(std::span<const Digest> digests, std::size_t fresh_max, Open& open,
                                Hint& hint, std::vector<Placed>& placed) {
  std::size_t fresh = 0;
  std::size_t done = 0;
  const std::lock_guard lock(index_.mutex_);
  for (; done < digests.size() && fresh < fresh_max; ++done) {
    const Digest& digest = digests[done];
    if (hint.index && hint.next < hint.index->digests().size() &&
        hint.index->digests()[hint.next] == digest) {
      placed.push_back({.ref = hint.ref, .slot = hint.next++});
      continue;
    }
    const auto hit = index_.find(digest, this);
    if (hit) {
      DedupIndex::Shelf& shelf = index_.shelves_[hit->shelf];
      const std::uint32_t ref = find_ref(shelf);
      if (ref != no_pack) {
        shelf.used = ++index_.tick_;
        hint = {.index = shelf.index, .ref = ref, .next = hit->slot + 1};
        placed.push_back({.ref = ref, .slot = hit->slot});
        continue;
      }
    }
    const auto slot = static_cast<std::uint32_t>(open.digests->size());
    CHECK(slot < pack_slots_max);
    open.digests->push_back(digest);
    if ((index_.table_used_ + 1) * 100 > index_.table_.size() * 85) index_.evict_one();
    index_.insert(digest, {.shelf = open.shelf, .slot = slot});
    placed.push_back({.ref = open.ref, .slot = slot, .fresh = true});
    ++fresh;
  }
  return done;
}

void DedupSession::seal(const Open& open, const Digest& name,
                        std::shared_ptr<const PackIndex> index) {
  const std::lock_guard lock(index_.mutex_);
  DedupIndex::Shelf& shelf = index_.shelves_[open.shelf];
  CHECK(shelf.owner == this);
  shelf.index = std::move(index);
  lines_[open.ref] = {.pack = name, .base = 0};
}

void DedupSession::publish(const Open& open) {
  const std::lock_guard lock(index_.mutex_);
  DedupIndex::Shelf& shelf = index_.shelves_[open.shelf];
  CHECK(shelf.owner == this && shelf.index);
  const std::uint32_t number = index_.add_pack(lines_[open.ref].pack, shelf.index->samples());
  if (number == DedupIndex::none || index_.packs_[number].shelf != DedupIndex::none) {
    index_.clear_shelf(open.shelf);  // somebody else stored the same pack meanwhile
    return;
  }
  shelf.owner = nullptr;
  shelf.number = number;
  shelf.used = ++index_.tick_;
  index_.packs_[number].shelf = open.shelf;
  ++index_.shelves_public_;
  number_refs_.try_emplace(number, open.ref);
  while (index_.shelves_public_ > index_.packs_max_ && index_.evict_one()) continue;
}

void DedupSession::give_up(const Open& open) {
  const std::lock_guard lock(index_.mutex_);
  index_.clear_shelf(open.shelf);
}

void DedupSession::name_ref(std::uint32_t ref, const PackLine& line) {
  const std::lock_guard lock(index_.mutex_);
  lines_[ref] = line;
}

PackLine DedupSession::line_of(std::uint32_t ref) const {
  const std::lock_guard lock(index_.mutex_);
  return lines_[ref];
}

}  // namespace pinaco::store
