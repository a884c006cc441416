// Builds the tree bottom-up, level by level, so that many inner nodes are hashed side by side.
#include "store/merkle.h"

#include <array>

#include "store/block_hash.h"

namespace pinaco::store {
namespace {

constexpr std::size_t node_bytes = 1 + 2 * Digest::size_bytes;
constexpr std::size_t batch_nodes = 48;

Digest join(const Digest& left, const Digest& right) {
  const std::uint8_t tag[] = {0x01};
  const ByteView parts[] = {tag, left.bytes, right.bytes};
  return Digest::of_parts(parts);
}

// Replaces the 2n nodes at the front of `nodes` by their n parents.
void raise_level(std::span<Digest> nodes) {
  std::array<std::uint8_t, batch_nodes * node_bytes> text;
  std::array<const std::uint8_t*, batch_nodes> messages;
  const std::size_t parents = nodes.size() / 2;
  for (std::size_t done = 0; done < parents; done += batch_nodes) {
    const std::size_t count = std::min(batch_nodes, parents - done);
    for (std::size_t i = 0; i < count; ++i) {
      std::uint8_t* const node = text.data() + i * node_bytes;
      node[0] = 0x01;
      std::memcpy(node + 1, nodes[2 * (done + i)].bytes.data(), Digest::size_bytes);
      std::memcpy(node + 1 + Digest::size_bytes, nodes[2 * (done + i) + 1].bytes.data(),
                  Digest::size_bytes);
      messages[i] = node;
    }
    hash_equal(std::span(messages).first(count), node_bytes, nodes.subspan(done, count));
  }
}

}  // namespace

const Digest& zero_subtree(unsigned height) {
  static const auto table = [] {
    std::array<Digest, tree_height_max + 1> roots;
    roots[0] = zero_block_digest();
    for (std::size_t i = 1; i < roots.size(); ++i) roots[i] = join(roots[i - 1], roots[i - 1]);
    return roots;
  }();
  CHECK(height < table.size());
  return table[height];
}

std::vector<Subtree> subtrees_of(std::span<Digest> leaves) {
  std::vector<Subtree> subtrees;
  while (!leaves.empty()) {
    const auto height = static_cast<unsigned>(std::bit_width(leaves.size()) - 1);
    const std::size_t width = std::size_t{1} << height;
    for (std::size_t nodes = width; nodes > 1; nodes /= 2) raise_level(leaves.first(nodes));
    subtrees.push_back({.root = leaves.front(), .height = height});
    leaves = leaves.subspan(width);
  }
  return subtrees;
}

std::vector<Subtree> zero_subtrees(std::uint64_t leaves) {
  std::vector<Subtree> subtrees;
  while (leaves > 0) {
    const auto height = static_cast<unsigned>(std::bit_width(leaves) - 1);
    subtrees.push_back({.root = zero_subtree(height), .height = height});
    leaves -= std::uint64_t{1} << height;
  }
  return subtrees;
}

void Tree::push(Subtree subtree) {
  while (!stack_.empty() && stack_.back().height == subtree.height) {
    subtree = {.root = join(stack_.back().root, subtree.root), .height = subtree.height + 1};
    stack_.pop_back();
  }
  CHECK(stack_.empty() || stack_.back().height > subtree.height);
  stack_.push_back(subtree);
}

Digest Tree::image_digest(std::uint64_t size_bytes) const {
  CHECK(!stack_.empty());
  Digest root = stack_.back().root;
  for (std::size_t i = stack_.size() - 1; i > 0; --i) root = join(stack_[i - 1].root, root);
  std::array<std::uint8_t, 9> head = {0x02};
  store_le<std::uint64_t>(head, 1, size_bytes);
  const ByteView parts[] = {head, root.bytes};
  return Digest::of_parts(parts);
}

}  // namespace pinaco::store
