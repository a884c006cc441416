// Packs: what goes in comes out, and no damaged bit passes.
#include "store/pack.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "store/block_hash.h"

namespace pinaco::store {
namespace {

Bytes blocks_of(std::uint64_t seed, std::size_t count) {
  const auto random = seeded_random(seed);
  Bytes bytes(count * block_bytes);
  // Half chance, half compressible.
  for (std::size_t i = 0; i < bytes.size(); i += 2 * block_bytes) {
    random->fill(MutableBytes(bytes).subspan(i, block_bytes / 2));
  }
  for (std::size_t i = 0; i < count; ++i) store_le<std::uint64_t>(bytes, i * block_bytes, seed + i);
  return bytes;
}

void add_frames(PackBuilder& builder, ByteView blocks) {
  while (!blocks.empty()) {
    const auto part = blocks.first(std::min(blocks.size(), frame_bytes_max));
    for (std::size_t at = 0; at < part.size(); at += block_bytes) {
      builder.digests()->push_back(Digest::of(part.subspan(at, block_bytes)));
    }
    builder.append_frame(part);
    blocks = blocks.subspan(part.size());
  }
}

PackBuilder make_builder() {
  return {make_pack_buffer(), make_compressor()};
}

Bytes bytes_of(const SealedPack& pack) {
  Bytes bytes;
  for (const ByteView part : pack.parts()) append(bytes, part);
  return bytes;
}

Bytes frame_of(ByteView pack, const PackIndex& index, std::size_t frame) {
  const Frame& entry = index.frames()[frame];
  Bytes raw(entry.blocks * block_bytes);
  EXPECT_TRUE(
      decode_frame(index, frame, pack.subspan(entry.offset, entry.stored_bytes), raw).has_value());
  return raw;
}

TEST(Pack, GivesBackTheBlocksOfEachFrame) {
  const Bytes blocks = blocks_of(1, 70);
  auto builder = make_builder();
  add_frames(builder, blocks);
  const auto sealed = std::move(builder).seal();
  const Bytes pack = bytes_of(sealed);
  const auto index = check_pack(pack, sealed.name);
  ASSERT_TRUE(index.has_value()) << index.error().message;
  ASSERT_EQ((*index)->frames().size(), 3U);
  EXPECT_EQ((*index)->blocks(), 70U);
  Bytes read;
  for (std::size_t frame = 0; frame < 3; ++frame) append(read, frame_of(pack, **index, frame));
  EXPECT_EQ(read, blocks);
}

TEST(Pack, StoresWhatDoesNotCompressAsItIs) {
  Bytes blocks(frame_bytes_max);
  seeded_random(3)->fill(blocks);
  auto builder = make_builder();
  add_frames(builder, blocks);
  const auto sealed = std::move(builder).seal();
  EXPECT_FALSE(sealed.index->frames()[0].compressed);
  EXPECT_EQ(frame_of(bytes_of(sealed), *sealed.index, 0), blocks);
}

TEST(Pack, IsFullBeforeItsBufferIsForBlocksThatDoNotCompress) {
  Bytes blocks(frame_bytes_max);
  auto builder = make_builder();
  const auto random = seeded_random(4);
  while (!builder.is_full()) {
    random->fill(blocks);
    add_frames(builder, blocks);
  }
  const auto sealed = std::move(builder).seal();
  EXPECT_LE(sealed.size_bytes(), pack_bytes_max);
  EXPECT_TRUE(check_pack(bytes_of(sealed), sealed.name).has_value());
}

TEST(Pack, AbsorbsAnotherWhoseSlotsMoveByTheBase) {
  auto host = make_builder();
  auto guest = make_builder();
  const Bytes host_blocks = blocks_of(5, 40);
  const Bytes guest_blocks = blocks_of(500, 33);
  add_frames(host, host_blocks);
  add_frames(guest, guest_blocks);
  const auto base = host.absorb(guest);
  ASSERT_TRUE(base.has_value());
  EXPECT_EQ(*base, 64U);
  const auto sealed = std::move(host).seal();
  const Bytes pack = bytes_of(sealed);
  const auto index = check_pack(pack, sealed.name);
  ASSERT_TRUE(index.has_value()) << index.error().message;
  EXPECT_EQ((*index)->blocks(), 73U);
  EXPECT_EQ((*index)->digests()[40], Digest{});  // a hole
  EXPECT_EQ((*index)->digests()[64], Digest::of(ByteView(guest_blocks).first(block_bytes)));
  EXPECT_EQ(frame_of(pack, **index, 3),
            Bytes(guest_blocks.begin() + frame_bytes_max, guest_blocks.end()));
}

TEST(Pack, EveryFlippedBitIsFound) {
  auto builder = make_builder();
  add_frames(builder, blocks_of(6, 40));
  const auto sealed = std::move(builder).seal();
  Bytes pack = bytes_of(sealed);
  // All bits of what is small, and a sample of the frames.
  const std::uint64_t bits = pack.size() * 8;
  const std::uint64_t index_bit = sealed.body_bytes * 8;
  for (std::uint64_t bit = 0; bit < bits; bit += bit < 64 || bit > index_bit ? 3 : 1999) {
    pack[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_FALSE(check_pack(pack, sealed.name).has_value()) << "bit " << bit;
    pack[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
  }
  for (const std::size_t size :
       {pack.size() - 1, pack.size() / 2, std::size_t{96}, std::size_t{0}}) {
    EXPECT_FALSE(check_pack(ByteView(pack).first(size), sealed.name).has_value());
  }
  EXPECT_TRUE(check_pack(pack, sealed.name).has_value());
}

TEST(Pack, AFrameOfOtherBlocksIsRefusedAlthoughItDecompresses) {
  auto builder = make_builder();
  auto other = make_builder();
  add_frames(builder, blocks_of(7, 32));
  add_frames(other, blocks_of(7, 32));
  const auto sealed = std::move(builder).seal();
  // The same length, another block.
  Bytes raw(frame_bytes_max);
  const Frame& frame = sealed.index->frames()[0];
  const Bytes pack = bytes_of(sealed);
  auto digests = std::make_shared<std::vector<Digest>>(sealed.index->digests().begin(),
                                                       sealed.index->digests().end());
  digests->at(9).bytes[0] ^= 1;
  const PackIndex index(digests, {frame});
  const auto read =
      decode_frame(index, 0, ByteView(pack).subspan(frame.offset, frame.stored_bytes), raw);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, Kind::corrupt);
}

TEST(Pack, SurvivesAnyIndexThatIsItsOwnName) {
  auto builder = make_builder();
  add_frames(builder, blocks_of(8, 40));
  const auto sealed = std::move(builder).seal();
  const Bytes good = sealed.index->encode();
  const auto random = seeded_random(9);
  for (int i = 0; i < 2000; ++i) {
    Bytes bad = good;
    const std::size_t changes = 1 + random->below(4);
    for (std::size_t c = 0; c < changes; ++c) {
      const std::size_t at = random->below(3) == 0 ? random->below(24) : random->below(bad.size());
      bad[at] = static_cast<std::uint8_t>(random->below(256));
    }
    if (random->below(4) == 0) bad.resize(random->below(bad.size()));
    const auto index = PackIndex::parse(bad, Digest::of(bad));
    if (!index) continue;
    for (std::size_t frame = 0; frame < (*index)->frames().size(); ++frame) {
      Bytes raw((*index)->frames()[frame].blocks * block_bytes);
      Bytes stored((*index)->frames()[frame].stored_bytes);
      static_cast<void>(decode_frame(**index, frame, stored, raw));
    }
  }
}

}  // namespace
}  // namespace pinaco::store
