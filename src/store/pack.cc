// The pack format; the byte picture is in docs/formats.md and must say what this file does.
#include "store/pack.h"

#include <fmt/format.h>
#include <xxhash.h>
#include <zstd.h>

#include <array>

#include "store/block_hash.h"

namespace pinaco::store {
namespace {

constexpr std::string_view pack_magic = "PncPack1";
constexpr std::string_view index_magic = "PncIndx1";
constexpr std::string_view footer_magic = "PncFoot1";
constexpr std::size_t index_head_bytes = 24;
constexpr std::size_t frame_entry_bytes = 16;
constexpr std::size_t sample_bytes = 12;
constexpr std::uint32_t format_version = 1;
constexpr int compression_level = 1;

std::uint64_t checksum_of(ByteView bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

bool has_magic(ByteView bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && as_text(bytes.first(magic.size())) == magic;
}

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Kind::corrupt, fmt::format("This is not a whole pack: {}.", what));
}

std::size_t slots_of(std::span<const Frame> frames) {
  return frames.empty() ? 0 : (frames.size() - 1) * frame_blocks + frames.back().blocks;
}

ZSTD_DCtx* decompressor() {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  CHECK(context != nullptr);
  return context.get();
}

Result<Frame> parse_frame(ByteView entry, std::uint64_t offset) {
  Frame frame{.offset = offset,
              .stored_bytes = load_le<std::uint32_t>(entry, 0),
              .blocks = load_le<std::uint16_t>(entry, 4),
              .compressed = load_le<std::uint16_t>(entry, 6) == 1,
              .checksum = load_le<std::uint64_t>(entry, 8)};
  const std::size_t raw_bytes = frame.blocks * block_bytes;
  if (load_le<std::uint16_t>(entry, 6) > 1) return corrupt("a frame has an unknown form");
  if (frame.blocks == 0 || frame.blocks > frame_blocks) return corrupt("a frame's block count");
  if (frame.stored_bytes == 0 || frame.stored_bytes > raw_bytes) return corrupt("a frame's length");
  if (!frame.compressed && frame.stored_bytes != raw_bytes) return corrupt("a raw frame's length");
  return frame;
}

}  // namespace

// --- PackIndex ----------------------------------------------------------------------------------

Result<std::shared_ptr<const PackIndex>> PackIndex::parse(ByteView section, const Digest& name) {
  if (Digest::of(section) != name) return corrupt("the index is not the one that is its name");
  if (section.size() < index_head_bytes || !has_magic(section, index_magic)) {
    return corrupt("the index has no magic");
  }
  const auto slots = load_le<std::uint32_t>(section, 12);
  const auto frame_count = load_le<std::uint32_t>(section, 16);
  if (load_le<std::uint32_t>(section, 8) != format_version) return corrupt("an unknown version");
  if (slots == 0 || slots > pack_slots_max || frame_count > pack_frames_max) {
    return corrupt("the index counts too many blocks");
  }
  const std::size_t expected = index_head_bytes + std::size_t{slots} * Digest::size_bytes +
                               std::size_t{frame_count} * frame_entry_bytes;
  if (section.size() != expected) return corrupt("the index has another length than it says");

  const auto digests = std::make_shared<std::vector<Digest>>(slots);
  std::memcpy(digests->data(), section.data() + index_head_bytes, slots * Digest::size_bytes);
  std::vector<Frame> frames;
  frames.reserve(frame_count);
  std::uint64_t offset = pack_header_bytes;
  auto entries = section.subspan(index_head_bytes + slots * Digest::size_bytes);
  for (std::size_t i = 0; i < frame_count; ++i) {
    const auto entry = entries.subspan(i * frame_entry_bytes, frame_entry_bytes);
    frames.push_back(TRY(parse_frame(entry, offset)));
    offset += frames.back().stored_bytes;
  }
  if (slots_of(frames) != slots) return corrupt("the frames hold another number of blocks");
  return std::make_shared<const PackIndex>(digests, std::move(frames));
}

Bytes PackIndex::encode() const {
  Bytes section;
  section.reserve(index_head_bytes + digests_->size() * Digest::size_bytes +
                  frames_.size() * frame_entry_bytes);
  append(section, as_bytes(index_magic));
  append_le<std::uint32_t>(section, format_version);
  append_le<std::uint32_t>(section, static_cast<std::uint32_t>(digests_->size()));
  append_le<std::uint32_t>(section, static_cast<std::uint32_t>(frames_.size()));
  append_le<std::uint32_t>(section, 0);
  const auto* first = reinterpret_cast<const std::uint8_t*>(digests_->data());
  append(section, ByteView(first, digests_->size() * Digest::size_bytes));
  for (const Frame& frame : frames_) {
    append_le<std::uint32_t>(section, frame.stored_bytes);
    append_le<std::uint16_t>(section, static_cast<std::uint16_t>(frame.blocks));
    append_le<std::uint16_t>(section, frame.compressed ? 1 : 0);
    append_le<std::uint64_t>(section, frame.checksum);
  }
  return section;
}

std::vector<std::uint64_t> PackIndex::samples() const {
  std::vector<std::uint64_t> prefixes;
  for (const Digest& digest : *digests_) {
    if (is_sample(digest) && digest != Digest{}) prefixes.push_back(digest.prefix());
  }
  return prefixes;
}

std::size_t PackIndex::blocks() const {
  std::size_t sum = 0;
  for (const Frame& frame : frames_) sum += frame.blocks;
  return sum;
}

std::size_t PackIndex::memory_bytes() const {
  return sizeof *this + digests_->capacity() * sizeof(Digest) + frames_.capacity() * sizeof(Frame);
}

// --- footer and samples
// ---------------------------------------------------------------------------

Bytes Footer::encode() const {
  Bytes bytes;
  bytes.reserve(pack_footer_bytes);
  append(bytes, as_bytes(footer_magic));
  append_le<std::uint32_t>(bytes, format_version);
  append_le<std::uint32_t>(bytes, slots);
  append_le<std::uint64_t>(bytes, index_offset);
  append_le<std::uint32_t>(bytes, index_bytes);
  append_le<std::uint32_t>(bytes, samples_bytes);
  append_le<std::uint64_t>(bytes, samples_checksum);
  append(bytes, index_digest.bytes);
  bytes.resize(pack_footer_bytes - sizeof(std::uint64_t));
  append_le<std::uint64_t>(bytes, checksum_of(bytes));
  return bytes;
}

Result<Footer> Footer::parse(ByteView tail, std::uint64_t pack_bytes) {
  if (pack_bytes > pack_bytes_max) return corrupt("it is too large");
  if (tail.size() < pack_footer_bytes) return corrupt("it is too short");
  const auto bytes = tail.last(pack_footer_bytes);
  if (!has_magic(bytes, footer_magic)) return corrupt("the footer has no magic");
  const std::size_t sum_at = pack_footer_bytes - sizeof(std::uint64_t);
  if (load_le<std::uint64_t>(bytes, sum_at) != checksum_of(bytes.first(sum_at))) {
    return corrupt("the footer's checksum is wrong");
  }
  Footer footer{.slots = load_le<std::uint32_t>(bytes, 12),
                .index_offset = load_le<std::uint64_t>(bytes, 16),
                .index_bytes = load_le<std::uint32_t>(bytes, 24),
                .samples_bytes = load_le<std::uint32_t>(bytes, 28),
                .samples_checksum = load_le<std::uint64_t>(bytes, 32),
                .index_digest = {}};
  std::memcpy(footer.index_digest.bytes.data(), bytes.data() + 40, Digest::size_bytes);
  if (load_le<std::uint32_t>(bytes, 8) != format_version) return corrupt("an unknown version");
  if (footer.index_offset < pack_header_bytes || footer.index_offset > pack_bytes ||
      footer.index_bytes > pack_index_bytes_max || footer.samples_bytes % sample_bytes != 0 ||
      footer.samples_bytes > pack_slots_max * sample_bytes || footer.slots > pack_slots_max ||
      footer.samples_offset() + footer.samples_bytes + pack_footer_bytes != pack_bytes) {
    return corrupt("the footer's sections do not add up");
  }
  return footer;
}

Bytes encode_samples(const PackIndex& index) {
  Bytes section;
  const auto digests = index.digests();
  for (std::size_t slot = 0; slot < digests.size(); ++slot) {
    if (!is_sample(digests[slot]) || digests[slot] == Digest{}) continue;
    append_le<std::uint64_t>(section, digests[slot].prefix());
    append_le<std::uint32_t>(section, static_cast<std::uint32_t>(slot));
  }
  return section;
}

Result<std::vector<std::uint64_t>> parse_samples(ByteView section, const Footer& footer) {
  if (section.size() != footer.samples_bytes || checksum_of(section) != footer.samples_checksum) {
    return corrupt("the samples' checksum is wrong");
  }
  std::vector<std::uint64_t> prefixes;
  prefixes.reserve(section.size() / sample_bytes);
  for (std::size_t at = 0; at < section.size(); at += sample_bytes) {
    prefixes.push_back(load_le<std::uint64_t>(section, at));
  }
  return prefixes;
}

// --- reading
// ----------------------------------------------------------------------------------------

Result<> decode_frame(const PackIndex& index, std::size_t frame, ByteView stored,
                      MutableBytes into) {
  CHECK(frame < index.frames().size());
  const Frame& entry = index.frames()[frame];
  CHECK(into.size() == entry.blocks * block_bytes);
  if (stored.size() != entry.stored_bytes) return corrupt("a frame has the wrong length");
  if (entry.compressed) {
    const std::size_t size =
        ZSTD_decompressDCtx(decompressor(), into.data(), into.size(), stored.data(), stored.size());
    if (ZSTD_isError(size) != 0U || size != into.size()) {
      return corrupt("a frame does not decompress");
    }
  } else {
    std::memcpy(into.data(), stored.data(), into.size());
  }
  std::array<const std::uint8_t*, frame_blocks> blocks;
  std::array<Digest, frame_blocks> digests;
  for (std::size_t i = 0; i < entry.blocks; ++i) blocks[i] = into.data() + i * block_bytes;
  hash_equal(std::span(blocks).first(entry.blocks), block_bytes, digests);
  const auto expected = index.digests().subspan(frame * frame_blocks, entry.blocks);
  if (!std::equal(expected.begin(), expected.end(), digests.begin())) {
    return corrupt("a block is not what its digest says");
  }
  return {};
}

Result<std::shared_ptr<const PackIndex>> check_pack(ByteView pack, const Digest& name) {
  const Footer footer = TRY(Footer::parse(pack, pack.size()));
  if (!has_magic(pack, pack_magic)) return corrupt("it has no magic");
  if (footer.index_digest != name) return corrupt("its footer names another index");
  auto index = TRY(PackIndex::parse(pack.subspan(footer.index_offset, footer.index_bytes), name));
  const auto frames = index->frames();
  if (frames.back().offset + frames.back().stored_bytes != footer.index_offset ||
      footer.slots != index->digests().size()) {
    return corrupt("its footer and its index disagree");
  }
  for (const Frame& frame : frames) {
    if (checksum_of(pack.subspan(frame.offset, frame.stored_bytes)) != frame.checksum) {
      return corrupt("a frame's checksum is wrong");
    }
  }
  const auto samples = pack.subspan(footer.samples_offset(), footer.samples_bytes);
  TRY(parse_samples(samples, footer));
  if (!std::ranges::equal(samples, encode_samples(*index))) return corrupt("its samples are wrong");
  return index;
}

// --- building
// -----------------------------------------------------------------------------------------

class Compressor {
 public:
  Compressor() : context_(ZSTD_createCCtx()) { CHECK(context_ != nullptr); }

  // Zero when it did not become smaller.
  std::size_t compress(ByteView from, MutableBytes into) {
    const std::size_t size = ZSTD_compressCCtx(context_.get(), into.data(), into.size(),
                                               from.data(), from.size(), compression_level);
    return ZSTD_isError(size) != 0U || size >= from.size() ? 0 : size;
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

std::shared_ptr<Compressor> make_compressor() {
  return std::make_shared<Compressor>();
}

PackBuffer make_pack_buffer() {
  return std::make_unique_for_overwrite<std::uint8_t[]>(pack_buffer_bytes);
}

PackBuilder::PackBuilder(PackBuffer buffer, std::shared_ptr<Compressor> compressor)
    : compressor_(std::move(compressor)),
      buffer_(std::move(buffer)),
      digests_(std::make_shared<std::vector<Digest>>()) {
  digests_->reserve(pack_slots_max);
  frames_.reserve(pack_frames_max);
  std::memcpy(buffer_.get(), pack_magic.data(), pack_magic.size());
  body_bytes_ = pack_header_bytes;
}

void PackBuilder::append_frame(ByteView blocks) {
  CHECK(!blocks.empty() && blocks.size() <= frame_bytes_max && blocks.size() % block_bytes == 0);
  CHECK(!is_full());
  const MutableBytes room(buffer_.get() + body_bytes_, pack_buffer_bytes - body_bytes_);
  CHECK(room.size() >= blocks.size());
  // Room for one byte less than the blocks: what does not become smaller is not wanted.
  const std::size_t size = compressor_->compress(blocks, room.first(blocks.size() - 1));
  if (size == 0) std::memcpy(room.data(), blocks.data(), blocks.size());
  const std::size_t stored = size == 0 ? blocks.size() : size;
  frames_.push_back({.offset = body_bytes_,
                     .stored_bytes = static_cast<std::uint32_t>(stored),
                     .blocks = static_cast<std::uint32_t>(blocks.size() / block_bytes),
                     .compressed = size > 0,
                     .checksum = checksum_of(room.first(stored))});
  body_bytes_ += stored;
}

bool PackBuilder::is_full() const {
  return frames_.size() == pack_frames_max || body_bytes_ >= pack_body_bytes_wanted;
}

std::optional<std::uint32_t> PackBuilder::absorb(const PackBuilder& other) {
  const std::size_t more_bytes = other.body_bytes_ - pack_header_bytes;
  if (frames_.size() + other.frames_.size() > pack_frames_max ||
      body_bytes_ + more_bytes > pack_buffer_bytes) {
    return std::nullopt;
  }
  const std::size_t base = frames_.size() * frame_blocks;
  digests_->resize(base);  // holes up to the next frame
  digests_->insert(digests_->end(), other.digests_->begin(), other.digests_->end());
  std::memcpy(buffer_.get() + body_bytes_, other.buffer_.get() + pack_header_bytes, more_bytes);
  for (Frame frame : other.frames_) {
    frame.offset += body_bytes_ - pack_header_bytes;
    frames_.push_back(frame);
  }
  body_bytes_ += more_bytes;
  return static_cast<std::uint32_t>(base);
}

SealedPack PackBuilder::seal() && {
  CHECK(!frames_.empty() && digests_->size() == slots_of(frames_));
  const auto index = std::make_shared<const PackIndex>(std::move(digests_), std::move(frames_));
  SealedPack pack{.name = {},
                  .index = index,
                  .buffer = std::move(buffer_),
                  .body_bytes = body_bytes_,
                  .tail = index->encode()};
  pack.name = Digest::of(pack.tail);
  const Bytes samples = encode_samples(*index);
  const Footer footer{.slots = static_cast<std::uint32_t>(index->digests().size()),
                      .index_offset = body_bytes_,
                      .index_bytes = static_cast<std::uint32_t>(pack.tail.size()),
                      .samples_bytes = static_cast<std::uint32_t>(samples.size()),
                      .samples_checksum = checksum_of(samples),
                      .index_digest = pack.name};
  append(pack.tail, samples);
  append(pack.tail, footer.encode());
  return pack;
}

}  // namespace pinaco::store
