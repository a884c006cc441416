// Valid images with a few fields set to nasty values, checksums repaired: no crash, work bounded by
// the file, the same verdict each time, and what is accepted can be read or says why not.
#include "format/format.h"
#include "format/test_images.h"

namespace pinaco::format::testing {
namespace {

// Counts what a reader reads.
class Counting final : public Source {
 public:
  explicit Counting(Bytes image) : inner_(in_memory(std::move(image))) {}
  std::uint64_t size_bytes() const override { return inner_->size_bytes(); }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    bytes_read += into.size();
    return inner_->read(offset, into);
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    return inner_->extents(offset, length);
  }
  mutable std::uint64_t bytes_read = 0;

 private:
  const std::shared_ptr<Source> inner_;
};

struct Field {
  std::uint64_t at;
  std::uint32_t bytes;
};

struct Skeleton {
  std::string name;
  Bytes image;
  std::vector<Field> fields;
  std::function<void(Bytes&)> repair;
};

constexpr Qcow2Parts small{.cluster_bits = 12, .disk_bytes = mib};
constexpr DynamicParts small_vhd{.disk_bytes = mib, .block_bytes = 65536};

Skeleton qcow2_skeleton(std::uint32_t version) {
  auto parts = small;
  parts.version = version;
  Skeleton skeleton{.name = "qcow2", .image = qcow2_image(parts), .repair = [](Bytes&) {}};
  set<std::uint64_t>(skeleton.image, parts.l2() + 8,
                     compressed | std::uint64_t{8} << 58 | parts.end());
  // Deflate: one stored block of 4096 bytes.
  const std::uint8_t block[] = {0x01, 0x00, 0x10, 0xff, 0xef};
  skeleton.image.resize(parts.end() + 4608, 0x33);
  std::ranges::copy(block, skeleton.image.begin() + static_cast<std::ptrdiff_t>(parts.end()));
  skeleton.fields = {{4, 4},   {8, 8},   {16, 4},  {20, 4},  {24, 8},  {32, 4}, {36, 4}, {40, 8},
                     {48, 8},  {56, 4},  {60, 4},  {64, 8},  {72, 8},  {80, 8}, {88, 8}, {96, 4},
                     {100, 4}, {104, 1}, {112, 4}, {116, 4}, {120, 4}, {124, 4}};
  for (const auto table : {parts.l1(), parts.l2(), parts.refcounts()}) {
    for (std::uint64_t i = 0; i < 4; ++i) skeleton.fields.push_back({table + i * 8, 8});
  }
  for (std::uint64_t i = 0; i < 5; ++i) skeleton.fields.push_back({parts.data() + i * 8, 8});
  return skeleton;
}

void add_footer_fields(std::vector<Field>& fields, std::uint64_t at) {
  for (const Field field : {Field{0, 8},
                            {8, 4},
                            {12, 4},
                            {16, 8},
                            {40, 8},
                            {48, 8},
                            {48, 8},
                            {56, 4},
                            {60, 4},
                            {64, 4},
                            {84, 1}}) {
    fields.push_back({at + field.at, field.bytes});
  }
}

std::vector<Skeleton> skeletons() {
  std::vector<Skeleton> all = {qcow2_skeleton(2), qcow2_skeleton(3)};
  Skeleton fixed{.name = "fixed", .image = fixed_vhd(65536)};
  add_footer_fields(fixed.fields, 65536);
  fixed.repair = [](Bytes& image) { seal_footer(image, 65536); };
  all.push_back(fixed);

  Skeleton dynamic{.name = "dynamic", .image = dynamic_vhd(small_vhd)};
  add_footer_fields(dynamic.fields, 0);
  add_footer_fields(dynamic.fields, small_vhd.footer());
  for (const Field field : {Field{0, 8}, {16, 8}, {24, 4}, {28, 4}, {32, 4}, {36, 4}, {40, 8}}) {
    for (int i = 0; i < 3; ++i) dynamic.fields.push_back({512 + field.at, field.bytes});
  }
  for (std::uint64_t i = 0; i < 16; ++i) {
    for (int j = 0; j < 3; ++j) dynamic.fields.push_back({small_vhd.bat + 4 * i, 4});
  }
  dynamic.fields.push_back({small_vhd.block, 8});
  dynamic.repair = [](Bytes& image) {
    // A change of one footer goes into the other, most of the time: see mutate().
    seal_footer(image, 0);
    seal_footer(image, small_vhd.footer());
    seal_header(image);
  };
  all.push_back(dynamic);
  return all;
}

std::uint64_t nasty(Random& random, const Skeleton& skeleton) {
  const std::uint64_t end = skeleton.image.size();
  const std::uint64_t one = 1;
  const std::uint64_t values[] = {0,
                                  1,
                                  2,
                                  3,
                                  4,
                                  7,
                                  9,
                                  12,
                                  16,
                                  21,
                                  22,
                                  63,
                                  64,
                                  103,
                                  104,
                                  112,
                                  511,
                                  512,
                                  513,
                                  1024,
                                  1536,
                                  2048,
                                  4095,
                                  4096,
                                  65535,
                                  65536,
                                  one << 31,
                                  (one << 32) - 1,
                                  one << 32,
                                  (one << 32) + 1,
                                  one << 62,
                                  one << 63,
                                  ~one,
                                  ~(one - 1),
                                  ~std::uint64_t{0},
                                  end,
                                  end - 1,
                                  end + 1,
                                  end / 512,
                                  end - 512,
                                  end / 512 - 1};
  switch (random.below(5)) {
    case 0:
      return random.below(16) * 4096 | copied;
    case 1:
      return compressed | random.below(end + 4096) | random.below(16) << 58;
    case 2:
      return random.below(end / 512 + 4) * 512 | random.below(4) / 3;
    default:
      return values[random.below(std::size(values))];
  }
}

Bytes mutate(Random& random, const Skeleton& skeleton) {
  auto image = skeleton.image;
  for (auto changes = 1 + random.below(5); changes > 0; --changes) {
    const auto& field = skeleton.fields[random.below(skeleton.fields.size())];
    const auto value = nasty(random, skeleton);
    const auto put = [&](std::uint64_t at) {
      if (field.bytes == 1) set<std::uint8_t>(image, at, value);
      if (field.bytes == 4) set<std::uint32_t>(image, at, value);
      if (field.bytes == 8) set<std::uint64_t>(image, at, value);
    };
    put(field.at);
    if (skeleton.name == "dynamic" && field.at < 512 && random.below(5) != 0) {
      put(field.at + small_vhd.footer());
    }
  }
  if (random.below(10) != 0) skeleton.repair(image);
  if (random.below(12) == 0) image.resize(random.below(image.size() + 1));
  if (random.below(40) == 0) image.resize(image.size() + random.below(5000));
  return image;
}

// Reads what a small file may hold, in pieces across boundaries.
Result<std::uint64_t> read_data(const DiskReader& disk) {
  auto extents = disk.extents(0, disk.size_bytes());
  if (!extents) return std::unexpected(extents.error());
  std::uint64_t data = 0;
  Bytes piece;
  for (const auto& extent : *extents) {
    if (extent.zero) continue;
    for (std::uint64_t at = 0; at < extent.length; at += piece.size()) {
      piece.resize(std::min<std::uint64_t>(100'000, extent.length - at));
      if (auto read = disk.read(extent.offset + at, piece); !read) {
        return std::unexpected(read.error());
      }
      data += piece.size();
    }
  }
  return data;
}

TEST(Mutations, NeverCrashAndCostNoMoreThanTheFile) {
  const auto random = seeded_random(20261124);
  const auto all = skeletons();
  int accepted = 0;
  for (int i = 0; i < 6000; ++i) {
    const auto& skeleton = all[random->below(all.size())];
    const auto image = mutate(*random, skeleton);
    const auto stated = random->below(2) == 0 ? std::optional<Format>() : Format::qcow2;
    const auto format = skeleton.name == "qcow2" || !stated ? stated : Format::vhd;
    const auto source = std::make_shared<Counting>(image);
    const auto opened = open_image(source, format);
    // Marks, header and its extensions, then every table once.
    EXPECT_LE(source->bytes_read, 2 * image.size() + 65536) << "mutation " << i;
    const auto again = open_image(in_memory(image), format);
    ASSERT_EQ(opened.has_value(), again.has_value());
    (void)open_uploaded_vhd(in_memory(image));
    if (!opened) {
      EXPECT_EQ(opened.error().message, again.error().message);
      EXPECT_FALSE(opened.error().code.empty()) << opened.error().message;
      continue;
    }
    ++accepted;
    const auto data = read_data(*opened->disk);
    if (data) {
      // Plain clusters cannot be shared; compressed ones expand by a bounded factor.
      EXPECT_LE(*data, image.size() + 64 * mib) << "mutation " << i;
    } else {
      EXPECT_EQ(data.error().code, "ImageMetadataInvalid") << data.error().message;
    }
  }
  EXPECT_GT(accepted, 300);
  EXPECT_LT(accepted, 5000);
}

TEST(Mutations, TheSkeletonsThemselvesAreAccepted) {
  for (const auto& skeleton : skeletons()) {
    const auto error = verdict(in_memory(skeleton.image), {});
    EXPECT_EQ(error.message, "") << skeleton.name;
  }
}

}  // namespace
}  // namespace pinaco::format::testing
