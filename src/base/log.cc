#include "base/log.h"

#include <unistd.h>

#include <atomic>

#include "base/clock.h"

namespace pinaco {
namespace {

std::atomic<Level> threshold = Level::info;
constexpr std::size_t line_bytes_max = 4096;

}  // namespace

void set_log_level(Level level) {
  threshold = level;
}
bool log_enabled(Level level) {
  return level >= threshold.load(std::memory_order_relaxed);
}

void log_line(Level level, std::string_view room, std::string_view text) {
  constexpr const char* names[] = {"debug", "info", "warning", "error"};
  std::string line = fmt::format("{} {:7} {}: ", to_iso8601(system_clock().now()).substr(0, 23),
                                 names[static_cast<int>(level)], room);
  for (const char c : text) {
    if (line.size() > line_bytes_max) {
      line += "...";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  line += '\n';
  // One write, so that lines of several threads do not mix. A closed standard error is no reason
  // to stop serving.
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace pinaco
