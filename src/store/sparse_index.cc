// Linear probing over 64-bit slots; a slot's place follows from its tag alone, so a table can be
// rebuilt without the digests.
#include "store/sparse_index.h"

#include <algorithm>

#include "base/result.h"

namespace pinaco::store {
namespace {

constexpr std::uint64_t pack_mask = (1U << 24) - 1;
constexpr std::size_t slots_at_first = 64;

// 40 bits of the prefix. The low bits say only that it is a sample.
std::uint64_t tag_of(std::uint64_t prefix) {
  return prefix >> 24;
}
std::size_t table_of(std::uint64_t tag) {
  return tag >> 34;
}
std::size_t home_of(std::uint64_t tag, std::size_t slots) {
  return static_cast<std::size_t>(((tag & 0x3ffffffffU) * slots) >> 34);
}

}  // namespace

void SparseIndex::add(std::uint64_t prefix, std::uint32_t pack) {
  CHECK(pack < pack_numbers_max);
  const std::uint64_t tag = tag_of(prefix);
  Table& table = tables_[table_of(tag)];
  if ((table.used + 1) * 100 > table.slots.size() * 85) grow(table);
  const std::size_t slots = table.slots.size();
  for (std::size_t at = home_of(tag, slots);; at = at + 1 == slots ? 0 : at + 1) {
    std::uint64_t& slot = table.slots[at];
    if (slot != 0 && slot >> 24 != tag) continue;
    if (slot != 0 && is_alive_(static_cast<std::uint32_t>(slot & pack_mask) - 1)) return;
    if (slot == 0) ++table.used;
    slot = tag << 24 | (pack + 1);
    return;
  }
}

std::optional<std::uint32_t> SparseIndex::find(std::uint64_t prefix) const {
  const std::uint64_t tag = tag_of(prefix);
  const Table& table = tables_[table_of(tag)];
  const std::size_t slots = table.slots.size();
  if (slots == 0) return std::nullopt;
  for (std::size_t at = home_of(tag, slots); table.slots[at] != 0;
       at = at + 1 == slots ? 0 : at + 1) {
    if (table.slots[at] >> 24 != tag) continue;
    const auto pack = static_cast<std::uint32_t>(table.slots[at] & pack_mask) - 1;
    if (is_alive_(pack)) return pack;
    return std::nullopt;
  }
  return std::nullopt;
}

void SparseIndex::grow(Table& table) {
  std::vector<std::uint64_t> living;
  living.reserve(table.used);
  for (const std::uint64_t slot : table.slots) {
    if (slot != 0 && is_alive_(static_cast<std::uint32_t>(slot & pack_mask) - 1)) {
      living.push_back(slot);
    }
  }
  const std::size_t slots = std::max(slots_at_first, living.size() * 100 / 68 + 1);
  table.slots = {};
  table.slots.resize(slots);
  table.used = living.size();
  for (const std::uint64_t slot : living) {
    std::size_t at = home_of(slot >> 24, slots);
    while (table.slots[at] != 0) at = at + 1 == slots ? 0 : at + 1;
    table.slots[at] = slot;
  }
}

std::size_t SparseIndex::memory_bytes() const {
  std::size_t sum = sizeof *this;
  for (const Table& table : tables_) sum += table.slots.capacity() * sizeof(std::uint64_t);
  return sum;
}

}  // namespace pinaco::store
