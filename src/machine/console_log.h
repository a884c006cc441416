// The last of what a guest's serial console said, as a file that others may read at any time.
// Threads: one writer. Limits: the file holds at most 2 MiB and always the last 1 MiB.
#pragma once

#include <string>

#include "os/files.h"

namespace pinaco::machine {

inline constexpr std::size_t console_bytes_max = 1 << 20;

class ConsoleLog {
 public:
  static Result<ConsoleLog> create(const std::string& path);  // replaces what is there
  Result<> append(ByteView piece);

 private:
  ConsoleLog(std::string path, os::File file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  os::File file_;
  std::uint64_t size_bytes_ = 0;
};

Result<std::string> read_console(const std::string& path);  // its last 1 MiB

}  // namespace pinaco::machine
