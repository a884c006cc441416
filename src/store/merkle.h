// The image digest: a Merkle root over the digests of all blocks of a disk, zeros included.
//
//   leaf   the SHA-256 of the block's 4096 bytes
//   inner  SHA-256(0x01 ‖ left ‖ right), the tree shaped as in RFC 6962 section 2.1
//   image  SHA-256(0x02 ‖ size in bytes, 64 bits little-endian ‖ root of the tree)
//
// It does not depend on packs, runs or lanes. Subtrees of zeros come from a table, so a sparse
// disk costs nothing where it is empty. Pure; a Tree is used by one thread.
#pragma once

#include <span>
#include <vector>

#include "base/digest.h"

namespace pinaco::store {

// A perfect subtree of 2^height leaves.
struct Subtree {
  Digest root;
  unsigned height = 0;
};

inline constexpr unsigned tree_height_max = 40;

const Digest& zero_subtree(unsigned height);  // of 2^height zero blocks

// The perfect subtrees that cover the leaves from left to right, largest first. Overwrites
// `leaves`.
std::vector<Subtree> subtrees_of(std::span<Digest> leaves);
std::vector<Subtree> zero_subtrees(std::uint64_t leaves);

class Tree {
 public:
  // Perfect subtrees from left to right; each must lie at a multiple of its own width.
  void push(Subtree subtree);
  Digest image_digest(std::uint64_t size_bytes) const;

 private:
  std::vector<Subtree> stack_;  // heights fall strictly
};

}  // namespace pinaco::store
