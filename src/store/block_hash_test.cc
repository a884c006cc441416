// The interleaved SHA-256 and the Merkle tree against plain definitions.
#include "store/block_hash.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "store/merkle.h"
#include "store/store.h"

namespace pinaco::store {
namespace {

TEST(BlockHash, EqualsOpenSslForAnyLengthAndCount) {
  const auto random = seeded_random(7);
  Bytes bytes(8 * 4096);
  random->fill(bytes);
  for (const std::size_t length : {0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 4096}) {
    for (std::size_t count = 0; count <= 7; ++count) {
      std::vector<const std::uint8_t*> messages;
      for (std::size_t i = 0; i < count; ++i) messages.push_back(bytes.data() + i * 4096 + i);
      std::vector<Digest> fast(count);
      std::vector<Digest> plain(count);
      hash_equal(messages, length, fast);
      hash_equal_portable(messages, length, plain);
      EXPECT_EQ(fast, plain) << length << " bytes, " << count << " messages";
    }
  }
}

Digest plain_root(std::span<const Digest> leaves) {
  if (leaves.size() == 1) return leaves[0];
  const std::size_t split = std::bit_floor(leaves.size() - 1);
  const Digest left = plain_root(leaves.first(split));
  const Digest right = plain_root(leaves.subspan(split));
  const std::uint8_t tag[] = {1};
  const ByteView parts[] = {tag, left.bytes, right.bytes};
  return Digest::of_parts(parts);
}

Digest plain_image(std::span<const Digest> leaves, std::uint64_t size_bytes) {
  Bytes head = {2};
  append_le<std::uint64_t>(head, size_bytes);
  const Digest root = plain_root(leaves);
  const ByteView parts[] = {head, root.bytes};
  return Digest::of_parts(parts);
}

TEST(Merkle, HasTheShapeOfRfc6962ForEveryCountOfLeaves) {
  const auto random = seeded_random(8);
  for (std::size_t count = 1; count <= 130; ++count) {
    std::vector<Digest> leaves(count);
    for (Digest& leaf : leaves) random->fill(leaf.bytes);
    const Digest expected = plain_image(leaves, count * block_bytes);
    Tree tree;
    // In pieces of 32 leaves, as units of a disk are.
    auto rest = std::span(leaves);
    while (!rest.empty()) {
      const auto piece = rest.first(std::min<std::size_t>(32, rest.size()));
      for (const Subtree& subtree : subtrees_of(piece)) tree.push(subtree);
      rest = rest.subspan(piece.size());
    }
    EXPECT_EQ(tree.image_digest(count * block_bytes), expected) << count << " leaves";
  }
}

TEST(Merkle, ZeroSubtreesAreThoseOfZeroBlocks) {
  for (const std::size_t count : {1, 2, 3, 7, 64, 100}) {
    std::vector<Digest> leaves(count, zero_block_digest());
    Tree tree;
    for (const Subtree& subtree : zero_subtrees(count)) tree.push(subtree);
    EXPECT_EQ(tree.image_digest(1), plain_image(leaves, 1));
  }
}

TEST(Merkle, TheSizeIsPartOfTheDigest) {
  Tree tree;
  tree.push({.root = zero_block_digest(), .height = 0});
  EXPECT_NE(tree.image_digest(4096), tree.image_digest(4095));
}

}  // namespace
}  // namespace pinaco::store
