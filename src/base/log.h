// Log lines on standard error: time, level, room, text; one line each, at most 4 KiB, control
// characters escaped. Thread-safe. Never log secrets: tokens, signed links, passwords.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace pinaco {

enum class Level { debug, info, warning, error };

void set_log_level(Level level);
bool log_enabled(Level level);
void log_line(Level level, std::string_view room, std::string_view text);

}  // namespace pinaco

// LOG(info, "work", "imported {} in {} s", name, seconds)
#define LOG(level, room, ...)                                                     \
  do {                                                                            \
    if (::pinaco::log_enabled(::pinaco::Level::level)) {                          \
      ::pinaco::log_line(::pinaco::Level::level, room, fmt::format(__VA_ARGS__)); \
    }                                                                             \
  } while (false)
