// The sparse dedup index: sampled block digests, one in 32, each naming a pack to look into. A
// hint, never a truth: a wrong answer costs one index read.
//
// Memory: 8 bytes a sample in open-addressed tables at 68 to 85 % load: 75 to 95 MiB per TiB of
// distinct blocks. 64 tables grow one by one, so growing never doubles the whole.
// Threads: the caller locks. Limits: 2^24 - 1 pack numbers.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace pinaco::store {

inline constexpr std::uint32_t pack_numbers_max = (1U << 24) - 1;

class SparseIndex {
 public:
  // `is_alive` tells which packs still count; the others' samples go when a table grows.
  explicit SparseIndex(std::function<bool(std::uint32_t pack)> is_alive)
      : is_alive_(std::move(is_alive)) {}

  void add(std::uint64_t prefix, std::uint32_t pack);  // kept only when no living pack has it
  std::optional<std::uint32_t> find(std::uint64_t prefix) const;
  std::size_t memory_bytes() const;

 private:
  struct Table {
    std::vector<std::uint64_t> slots;  // tag in the high 40 bits, pack + 1 in the low 24; 0: free
    std::size_t used = 0;
  };
  void grow(Table& table);

  std::array<Table, 64> tables_;
  const std::function<bool(std::uint32_t pack)> is_alive_;
};

}  // namespace pinaco::store
