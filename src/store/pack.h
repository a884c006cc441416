// A pack: up to 2048 blocks compressed in frames of 32, an index, samples and a footer; the byte
// layout is in docs/formats.md. A block's place in a pack is its slot: 32 × frame + position in
// the frame. Only the last frame of what one import lane wrote may hold fewer than 32 blocks, so
// a pack merged from two lanes can have holes: slots without a block, their digest all zeros.
//
// Threads: PackIndex is immutable; a PackBuilder belongs to one lane. Errors: corrupt, with what
// is wrong, for any bytes that are not a pack; nothing is read past the given bytes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/digest.h"
#include "store/store.h"

namespace pinaco::store {

inline constexpr std::size_t frame_blocks = 32;
inline constexpr std::size_t frame_bytes_max = frame_blocks * block_bytes;
inline constexpr std::size_t pack_frames_max = 64;
inline constexpr std::size_t pack_slots_max = pack_frames_max * frame_blocks;
inline constexpr std::size_t pack_header_bytes = 8;
inline constexpr std::size_t pack_footer_bytes = 96;
inline constexpr std::size_t pack_bytes_max = 9 << 20;
inline constexpr std::size_t pack_index_bytes_max = 128 << 10;
// A pack is closed once its frames reach this, so that what waits in memory is bounded for
// bytes that do not compress, too.
inline constexpr std::size_t pack_body_bytes_wanted = 4 << 20;

struct Frame {
  std::uint64_t offset = 0;  // in the pack
  std::uint32_t stored_bytes = 0;
  std::uint32_t blocks = 0;
  bool compressed = false;
  std::uint64_t checksum = 0;  // XXH64 of the stored bytes
};

// A digest whose low five bits are zero, which is one in 32, stands for its pack.
inline bool is_sample(const Digest& digest) {
  return (digest.prefix() & 31U) == 0;
}

// Shared, because the dedup index looks into the digests of packs that are still being filled.
using Digests = std::shared_ptr<const std::vector<Digest>>;

class PackIndex {
 public:
  PackIndex(Digests digests, std::vector<Frame> frames)
      : digests_(std::move(digests)), frames_(std::move(frames)) {}

  // The bytes of an index section; corrupt when their SHA-256 is not `name`.
  static Result<std::shared_ptr<const PackIndex>> parse(ByteView section, const Digest& name);
  Bytes encode() const;

  std::span<const Digest> digests() const { return *digests_; }  // by slot; a hole is all zeros
  Digests shared_digests() const { return digests_; }
  std::size_t blocks() const;  // without holes
  std::span<const Frame> frames() const { return frames_; }
  std::vector<std::uint64_t> samples() const;  // prefixes
  std::size_t memory_bytes() const;

 private:
  Digests digests_;
  std::vector<Frame> frames_;
};

// What the end of a pack says about its parts. Trusted as far as its own checksum goes: only the
// index is named by the pack's name.
struct Footer {
  std::uint32_t slots = 0;
  std::uint64_t index_offset = 0;
  std::uint32_t index_bytes = 0;
  std::uint32_t samples_bytes = 0;
  std::uint64_t samples_checksum = 0;
  Digest index_digest;

  std::uint64_t samples_offset() const { return index_offset + index_bytes; }
  Bytes encode() const;
  // From the last bytes of a pack of `pack_bytes`.
  static Result<Footer> parse(ByteView tail, std::uint64_t pack_bytes);
};

Bytes encode_samples(const PackIndex& index);
// The prefixes; corrupt when the checksum is wrong.
Result<std::vector<std::uint64_t>> parse_samples(ByteView section, const Footer& footer);

// Decompresses frame number `frame` and checks each block against its digest.
Result<> decode_frame(const PackIndex& index, std::size_t frame, ByteView stored,
                      MutableBytes into);

// Checks a whole pack without decompressing: footer, index by its name, every frame's checksum,
// samples.
Result<std::shared_ptr<const PackIndex>> check_pack(ByteView pack, const Digest& name);

// Memory for the frames of packs, used again and again: to get and give back fresh pages for
// each pack costs more than to hash it.
using PackBuffer = std::unique_ptr<std::uint8_t[]>;
inline constexpr std::size_t pack_buffer_bytes = pack_body_bytes_wanted + 2 * frame_bytes_max;
PackBuffer make_pack_buffer();

struct SealedPack {
  Digest name;
  std::shared_ptr<const PackIndex> index;
  PackBuffer buffer;
  std::size_t body_bytes = 0;
  Bytes tail;  // index, samples, footer

  std::uint64_t size_bytes() const { return body_bytes + tail.size(); }
  std::vector<ByteView> parts() const { return {{buffer.get(), body_bytes}, tail}; }
};

class Compressor;  // a zstd context; one a lane
std::shared_ptr<Compressor> make_compressor();

class PackBuilder {
 public:
  PackBuilder(PackBuffer buffer, std::shared_ptr<Compressor> compressor);

  // Filled by the caller, slot by slot, ahead of the frames. Has its final capacity.
  const std::shared_ptr<std::vector<Digest>>& digests() const { return digests_; }

  // The next frame: 1 to 32 blocks.
  void append_frame(ByteView blocks);
  bool is_full() const;
  bool is_empty() const { return frames_.empty(); }

  // Appends the frames of `other`; its slot s becomes slot base + s, and the base is returned.
  // Nothing is done when they do not fit.
  std::optional<std::uint32_t> absorb(const PackBuilder& other);

  SealedPack seal() &&;

 private:
  std::shared_ptr<Compressor> compressor_;
  PackBuffer buffer_;
  std::size_t body_bytes_ = 0;
  std::shared_ptr<std::vector<Digest>> digests_;
  std::vector<Frame> frames_;
};

}  // namespace pinaco::store
