// The manifest format; the byte picture is in docs/formats.md and must say what this file does.
#include "store/manifest.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <unordered_set>

#include "store/pack.h"

namespace pinaco::store {
namespace {

constexpr std::string_view magic = "PncMani1";
constexpr std::uint32_t format_version = 1;
constexpr std::size_t header_bytes = 80;
constexpr std::size_t line_bytes = Digest::size_bytes + 4;
constexpr std::size_t part_bytes = 12;
constexpr std::size_t raw_bytes_max = 8 << 20;
constexpr std::size_t decoded_runs_max = (16 << 20) / sizeof(Run);
constexpr int compression_level = 9;

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Kind::corrupt, fmt::format("This is not a whole manifest: {}.", what));
}

void append_varint(Bytes& into, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) into.push_back(static_cast<std::uint8_t>(value | 0x80));
  into.push_back(static_cast<std::uint8_t>(value));
}

// Small numbers of either sign as small numbers: 0, -1, 1, -2 … become 0, 1, 2, 3 …
std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

// Steps beyond any table could overflow the sums they go into.
bool is_step(std::int64_t value) {
  constexpr std::int64_t limit = std::int64_t{1} << 32;
  return value > -limit && value < limit;
}

// Reads varints; past the end or over 64 bits it fails and yields zeros.
class VarintReader {
 public:
  explicit VarintReader(ByteView bytes) : bytes_(bytes) {}
  std::uint64_t next() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ >= bytes_.size()) break;
      const std::uint8_t byte = bytes_[at_++];
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    return 0;
  }
  bool good() const { return good_; }
  bool at_end() const { return at_ == bytes_.size(); }
  ByteView rest() const { return bytes_.subspan(at_); }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

// Where each pack's last run ended, which is where its next one is likely to begin.
class Expectation {
 public:
  explicit Expectation(std::size_t lines) : next_(lines) {}
  std::int64_t& of(std::uint32_t line) {
    if (line >= next_.size()) next_.resize(std::size_t{line} + 1);
    return next_[line];
  }

 private:
  std::vector<std::int64_t> next_;
};

}  // namespace

// --- reading ------------------------------------------------------------------------------------

Result<std::shared_ptr<const Manifest>> Manifest::parse(Bytes bytes, const Digest& name) {
  if (Digest::of(bytes) != name) return corrupt("its content is not what its name says");
  const ByteView view(bytes);
  if (view.size() < header_bytes || as_text(view.first(magic.size())) != magic) {
    return corrupt("it has no magic");
  }
  if (load_le<std::uint32_t>(view, 8) != format_version) return corrupt("an unknown version");
  auto manifest = std::make_shared<Manifest>();
  manifest->name_ = name;
  manifest->size_bytes_ = load_le<std::uint64_t>(view, 16);
  manifest->data_blocks_ = load_le<std::uint64_t>(view, 24);
  manifest->runs_ = load_le<std::uint64_t>(view, 32);
  std::memcpy(manifest->image_.bytes.data(), view.data() + 40, Digest::size_bytes);
  const std::uint64_t lines = load_le<std::uint32_t>(view, 12);
  const std::uint64_t parts = load_le<std::uint32_t>(view, 72);
  const std::uint64_t size = manifest->size_bytes_;
  if (size == 0 || size % block_bytes != 0 || size > disk_bytes_max) return corrupt("its size");
  if (manifest->data_blocks_ > manifest->blocks()) return corrupt("too many blocks with data");
  if (parts != (manifest->blocks() + segment_blocks - 1) / segment_blocks) {
    return corrupt("its number of segments does not fit its size");
  }
  if (header_bytes + lines * line_bytes + parts * part_bytes > view.size()) {
    return corrupt("its tables are longer than it is");
  }
  std::size_t at = header_bytes;
  manifest->lines_.reserve(lines);
  for (std::uint64_t i = 0; i < lines; ++i, at += line_bytes) {
    PackLine line{.pack = {}, .base = load_le<std::uint32_t>(view, at + Digest::size_bytes)};
    std::memcpy(line.pack.bytes.data(), view.data() + at, Digest::size_bytes);
    if (line.base >= pack_slots_max) return corrupt("a pack's base is out of range");
    manifest->lines_.push_back(line);
  }
  std::size_t offset = at + parts * part_bytes;
  std::uint64_t runs = 0;
  manifest->parts_.reserve(parts);
  for (std::uint64_t i = 0; i < parts; ++i, at += part_bytes) {
    const Part part{.offset = offset,
                    .stored_bytes = load_le<std::uint32_t>(view, at),
                    .raw_bytes = load_le<std::uint32_t>(view, at + 4),
                    .runs = load_le<std::uint32_t>(view, at + 8)};
    if (part.stored_bytes > view.size() - offset) return corrupt("a segment is cut off");
    if (part.raw_bytes > raw_bytes_max || part.runs > segment_blocks) {
      return corrupt("a segment is too large");
    }
    offset += part.stored_bytes;
    runs += part.runs;
    manifest->parts_.push_back(part);
  }
  if (offset != view.size()) return corrupt("bytes follow its end");
  if (runs != manifest->runs_) return corrupt("its number of runs");
  manifest->bytes_ = std::move(bytes);
  return manifest;
}

std::vector<Digest> Manifest::packs() const {
  std::vector<Digest> packs;
  std::unordered_set<Digest> seen;
  for (const PackLine& line : lines_) {
    if (seen.insert(line.pack).second) packs.push_back(line.pack);
  }
  return packs;
}

std::uint64_t Manifest::blocks_of(std::size_t number) const {
  return std::min(segment_blocks, blocks() - number * segment_blocks);
}

Result<std::shared_ptr<const Segment>> Manifest::segment(std::size_t number) const {
  CHECK(number < parts_.size());
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(decoded_, number, &Decoded::number);
    if (found != decoded_.end()) {
      decoded_.splice(decoded_.begin(), decoded_, found);
      return decoded_.front().segment;
    }
  }
  auto segment = std::make_shared<const Segment>(TRY(decode(number)));
  const std::lock_guard lock(mutex_);
  if (std::ranges::find(decoded_, number, &Decoded::number) == decoded_.end()) {
    decoded_.push_front({.number = number, .segment = segment});
    decoded_runs_ += segment->size();
    while (decoded_runs_ > decoded_runs_max && decoded_.size() > 1) {
      decoded_runs_ -= decoded_.back().segment->size();
      decoded_.pop_back();
    }
  }
  return segment;
}

Result<Segment> Manifest::decode(std::size_t number) const {
  const Part& part = parts_[number];
  const std::uint64_t blocks = blocks_of(number);
  if (part.stored_bytes == 0)
    return Segment{{.first = 0, .count = static_cast<std::uint32_t>(blocks)}};
  Bytes raw(part.raw_bytes);
  const std::size_t size =
      ZSTD_decompress(raw.data(), raw.size(), bytes_.data() + part.offset, part.stored_bytes);
  if (ZSTD_isError(size) != 0U || size != raw.size()) return corrupt("a segment does not unpack");
  VarintReader head(raw);
  const std::uint64_t counts_bytes = head.next();
  const std::uint64_t lines_bytes = head.next();
  const ByteView columns = head.rest();
  if (!head.good() || counts_bytes > columns.size() ||
      lines_bytes > columns.size() - counts_bytes) {
    return corrupt("a segment's columns");
  }
  VarintReader counts(columns.first(counts_bytes));
  VarintReader line_steps(columns.subspan(counts_bytes, lines_bytes));
  VarintReader slot_steps(columns.subspan(counts_bytes + lines_bytes));
  Expectation expected(lines_.size());
  Segment runs;
  runs.reserve(part.runs);
  std::uint64_t first = 0;
  std::int64_t line = 0;
  for (std::uint32_t i = 0; i < part.runs; ++i) {
    const std::uint64_t coded = counts.next();
    const std::uint64_t count = coded >> 1;
    if (count == 0 || count > blocks - first) return corrupt("a run's length");
    Run run{.first = static_cast<std::uint32_t>(first), .count = static_cast<std::uint32_t>(count)};
    if ((coded & 1) != 0) {
      const std::int64_t line_step = unzigzag(line_steps.next());
      const std::int64_t slot_step = unzigzag(slot_steps.next());
      if (!is_step(line_step) || !is_step(slot_step)) return corrupt("a run's pack");
      line += line_step;
      if (line < 0 || line >= static_cast<std::int64_t>(lines_.size())) {
        return corrupt("a run's pack");
      }
      run.line = static_cast<std::uint32_t>(line);
      const std::int64_t slot = expected.of(run.line) + slot_step;
      const std::int64_t end = slot + static_cast<std::int64_t>(count);
      if (slot < 0 || end + lines_[run.line].base > static_cast<std::int64_t>(pack_slots_max)) {
        return corrupt("a run goes past its pack");
      }
      expected.of(run.line) = end;
      run.slot = static_cast<std::uint32_t>(slot) + lines_[run.line].base;
    }
    runs.push_back(run);
    first += count;
  }
  if (!counts.good() || !line_steps.good() || !slot_steps.good() || !counts.at_end() ||
      !line_steps.at_end() || !slot_steps.at_end() || first != blocks) {
    return corrupt("a segment's runs do not add up");
  }
  return runs;
}

const Run& run_at(const Segment& segment, std::uint64_t block) {
  const auto after = std::ranges::upper_bound(segment, block, {}, &Run::first);
  CHECK(after != segment.begin());
  return *std::prev(after);
}

// --- writing ------------------------------------------------------------------------------------

void append_run(std::vector<DraftRun>& runs, const DraftRun& run) {
  if (run.count == 0) return;
  if (!runs.empty() && runs.back().ref == run.ref &&
      (run.ref == no_pack || runs.back().slot + runs.back().count == run.slot)) {
    runs.back().count += run.count;
  } else {
    runs.push_back(run);
  }
}

std::uint32_t ManifestWriter::line_number(std::uint32_t ref) {
  const auto [found, fresh] = numbers_.try_emplace(ref, static_cast<std::uint32_t>(refs_.size()));
  if (fresh) refs_.push_back(ref);
  return found->second;
}

void ManifestWriter::add(std::span<const DraftRun> runs) {
  Part part{.runs = static_cast<std::uint32_t>(runs.size())};
  if (std::ranges::all_of(runs, [](const DraftRun& run) { return run.ref == no_pack; })) {
    parts_.push_back({});  // zeros need no runs
    return;
  }
  Bytes counts;
  Bytes lines;
  Bytes slots;
  Expectation expected(refs_.size());
  std::int64_t line = 0;
  for (const DraftRun& run : runs) {
    append_varint(counts, std::uint64_t{run.count} << 1 | (run.ref == no_pack ? 0U : 1U));
    if (run.ref == no_pack) continue;
    const std::uint32_t number = line_number(run.ref);
    append_varint(lines, zigzag(std::int64_t{number} - line));
    line = number;
    append_varint(slots, zigzag(std::int64_t{run.slot} - expected.of(number)));
    expected.of(number) = std::int64_t{run.slot} + run.count;
    data_blocks_ += run.count;
  }
  Bytes raw;
  append_varint(raw, counts.size());
  append_varint(raw, lines.size());
  append(raw, counts);
  append(raw, lines);
  append(raw, slots);
  part.raw_bytes = static_cast<std::uint32_t>(raw.size());
  const std::size_t before = body_.size();
  body_.resize(before + ZSTD_compressBound(raw.size()));
  const std::size_t size = ZSTD_compress(body_.data() + before, body_.size() - before, raw.data(),
                                         raw.size(), compression_level);
  CHECK(ZSTD_isError(size) == 0U);
  body_.resize(before + size);
  part.stored_bytes = static_cast<std::uint32_t>(size);
  runs_ += part.runs;
  parts_.push_back(part);
}

Bytes ManifestWriter::finish(std::uint64_t size_bytes, const Digest& image,
                             const std::function<PackLine(std::uint32_t ref)>& line_of) const {
  Bytes bytes;
  bytes.reserve(header_bytes + refs_.size() * line_bytes + parts_.size() * part_bytes +
                body_.size());
  append(bytes, as_bytes(magic));
  append_le<std::uint32_t>(bytes, format_version);
  append_le<std::uint32_t>(bytes, static_cast<std::uint32_t>(refs_.size()));
  append_le<std::uint64_t>(bytes, size_bytes);
  append_le<std::uint64_t>(bytes, data_blocks_);
  append_le<std::uint64_t>(bytes, runs_);
  append(bytes, image.bytes);
  append_le<std::uint32_t>(bytes, static_cast<std::uint32_t>(parts_.size()));
  append_le<std::uint32_t>(bytes, 0);
  for (const std::uint32_t ref : refs_) {
    const PackLine line = line_of(ref);
    append(bytes, line.pack.bytes);
    append_le<std::uint32_t>(bytes, line.base);
  }
  for (const Part& part : parts_) {
    append_le<std::uint32_t>(bytes, part.stored_bytes);
    append_le<std::uint32_t>(bytes, part.raw_bytes);
    append_le<std::uint32_t>(bytes, part.runs);
  }
  append(bytes, body_);
  return bytes;
}

}  // namespace pinaco::store
