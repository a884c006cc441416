// PNG (RFC 2083): a signature and chunks of length, name, data, CRC. One image chunk, deflated, of
// rows that each begin with the filter 0.
#include "machine/picture.h"

#include <zlib.h>

#include <array>
#include <optional>

#include "base/text.h"

namespace pinaco::machine {
namespace {

constexpr std::uint32_t side_max = 16'384;
constexpr std::string_view signature = "\x89PNG\r\n\x1a\n";

// The next word of the header, which whitespace ends.
std::string_view take_word(std::string_view& text) {
  const auto end = text.substr(0, 16).find_first_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  const auto word = text.substr(0, end);
  text.remove_prefix(end + 1);
  return word;
}

std::optional<std::uint32_t> take_number(std::string_view& text, std::uint32_t most) {
  const auto number = parse_int(take_word(text), 1, most);
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

void add_chunk(Bytes& png, std::string_view name, ByteView data) {
  Bytes length(4);
  store_be<std::uint32_t>(length, 0, static_cast<std::uint32_t>(data.size()));
  append(png, length);
  const auto begin = png.size();
  append(png, as_bytes(name));
  append(png, data);
  Bytes sum(4);
  store_be<std::uint32_t>(sum, 0,
                          static_cast<std::uint32_t>(::crc32(
                              0, png.data() + begin, static_cast<uInt>(png.size() - begin))));
  append(png, sum);
}

}  // namespace

Result<Bytes> to_png(ByteView picture) {
  auto text = as_text(picture);
  if (text.starts_with(signature)) return Bytes(picture.begin(), picture.end());
  const auto refuse = [] {
    return fail(Kind::corrupt, "The host's picture is no PPM and no PNG.");
  };
  if (take_word(text) != "P6") return refuse();
  const auto width = take_number(text, side_max);
  const auto height = width ? take_number(text, side_max) : std::nullopt;
  if (!height || take_number(text, 255) != 255u) return refuse();
  const std::size_t row = std::size_t{*width} * 3;
  if (text.size() != row * *height) return refuse();

  Bytes rows;
  rows.reserve((row + 1) * *height);
  for (std::size_t y = 0; y < *height; ++y) {
    rows.push_back(0);
    append(rows, as_bytes(text.substr(y * row, row)));
  }
  uLongf size = ::compressBound(rows.size());
  Bytes packed(size);
  if (::compress2(packed.data(), &size, rows.data(), rows.size(), 6) != Z_OK) return refuse();

  Bytes header(13);
  store_be<std::uint32_t>(header, 0, *width);
  store_be<std::uint32_t>(header, 4, *height);
  header[8] = 8;  // bits
  header[9] = 2;  // red, green, blue
  Bytes png;
  append(png, as_bytes(signature));
  add_chunk(png, "IHDR", header);
  add_chunk(png, "IDAT", ByteView(packed).first(size));
  add_chunk(png, "IEND", {});
  return png;
}

}  // namespace pinaco::machine
