// How fast an image is opened and read: bench_image PATH [FORMAT [READ_BYTES]].
//
// Reads what the extents call data, in order, on one thread, and prints the times.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/text.h"
#include "format/format.h"

namespace pinaco::format {
namespace {

double seconds_since(SteadyTime start) {
  return std::chrono::duration<double>(system_clock().steady() - start).count();
}

Result<> measure(const std::string& path, std::optional<Format> stated, std::uint64_t read_bytes) {
  const auto start = system_clock().steady();
  const auto opened = TRY(open_image(TRY(open_file(path)), stated));
  fmt::print("opened {} {} of {} in {:.3f} ms\n", to_string(opened.format), opened.variant,
             human_size(opened.disk->size_bytes()), seconds_since(start) * 1000);
  const auto reading = system_clock().steady();
  std::uint64_t data = 0;
  Bytes buffer(read_bytes);
  for (const auto& extent : TRY(opened.disk->extents(0, opened.disk->size_bytes()))) {
    if (extent.zero) continue;
    for (std::uint64_t at = 0; at < extent.length; at += read_bytes) {
      const auto piece = MutableBytes(buffer).first(std::min(read_bytes, extent.length - at));
      TRY(opened.disk->read(extent.offset + at, piece));
    }
    data += extent.length;
  }
  const auto seconds = seconds_since(reading);
  fmt::print("read {} of data in {:.3f} s: {:.0f} MB/s\n", human_size(data), seconds,
             static_cast<double>(data) / seconds / 1e6);
  return {};
}

}  // namespace
}  // namespace pinaco::format

int main(int count, char** words) {
  using namespace pinaco;
  if (count < 2) {
    fmt::print(stderr, "bench_image PATH [FORMAT [READ_BYTES]]\n");
    return 2;
  }
  std::optional<format::Format> stated;
  if (count > 2) {
    const auto format = format::parse_format(words[2]);
    if (!format) return 2;
    stated = *format;
  }
  const auto read_bytes = count > 3 ? parse_int(words[3], 512, 1 << 30) : 1 << 20;
  if (!read_bytes) return 2;
  const auto done = format::measure(words[1], stated, static_cast<std::uint64_t>(*read_bytes));
  if (done) return 0;
  fmt::print(stderr, "{}: {}\n", done.error().code, done.error().message);
  return 1;
}
