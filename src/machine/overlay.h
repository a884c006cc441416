// An empty QCOW2 disk for a guest to write to. It names no backing file: QEMU gets that on its
// command line, so that the file cannot point anywhere.
#pragma once

#include <string>

#include "base/result.h"

namespace pinaco::machine {

// conflict when the file exists; invalid when the size is 0 or over 64 TiB.
Result<> create_overlay(const std::string& path, std::uint64_t disk_bytes);
// Whether a file is as create_overlay made it for this size: nothing was ever written to it.
Result<bool> is_empty_overlay(const std::string& path, std::uint64_t disk_bytes);

}  // namespace pinaco::machine
