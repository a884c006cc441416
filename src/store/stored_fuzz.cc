// Fuzzing what reads stored objects: any bytes as a pack's footer, its index with frames, or a
// manifest. Names are made to fit, as whoever writes into a bucket could; everything that is
// taken must stay inside its bounds.
#include "store/manifest.h"
#include "store/pack.h"

namespace pinaco::store {
namespace {

void read_index(ByteView bytes) {
  const auto index = PackIndex::parse(bytes, Digest::of(bytes));
  if (!index) return;
  CHECK(!(*index)->frames().empty() && (*index)->frames().size() <= pack_frames_max);
  CHECK((*index)->encode().size() == bytes.size());
  for (std::size_t frame = 0; frame < (*index)->frames().size(); ++frame) {
    const Frame& entry = (*index)->frames()[frame];
    Bytes raw(entry.blocks * block_bytes);
    // The frame's bytes are whatever these are: zstd must cope, and no digest will fit.
    Bytes stored(bytes.begin(), bytes.end());
    stored.resize(entry.stored_bytes);
    CHECK(!decode_frame(**index, frame, stored, raw));
  }
}

void read_manifest(ByteView bytes) {
  const auto manifest = Manifest::parse({bytes.begin(), bytes.end()}, Digest::of(bytes));
  if (!manifest) return;
  for (std::size_t number = 0; number < (*manifest)->segments(); ++number) {
    const auto segment = (*manifest)->segment(number);
    if (!segment) return;
    std::uint64_t next = 0;
    for (const Run& run : **segment) {
      CHECK(run.first == next && run.count > 0);
      next += run.count;
      if (run.line == no_pack) continue;
      CHECK(run.line < (*manifest)->lines().size() && run.slot + run.count <= pack_slots_max);
    }
    CHECK(next == std::min(segment_blocks, (*manifest)->blocks() - number * segment_blocks));
  }
}

void read_footer(ByteView bytes) {
  const auto footer = Footer::parse(bytes, bytes.size());
  if (footer) CHECK(footer->samples_offset() + footer->samples_bytes <= bytes.size());
}

}  // namespace
}  // namespace pinaco::store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaco::store;
  if (size == 0) return 0;
  const pinaco::ByteView bytes(data + 1, size - 1);
  if (data[0] % 3 == 0) read_index(bytes);
  if (data[0] % 3 == 1) read_manifest(bytes);
  if (data[0] % 3 == 2) read_footer(bytes);
  return 0;
}
