// What the system allows this process.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace pinaco::os {

// Lets this process, and what it starts, open `wanted` files and sockets, or as many as whoever
// started it allows. Usual limits are 1,024, of which a thousand connections need two each.
// Returns how many there may be.
Result<std::uint64_t> allow_open_files(std::uint64_t wanted);

}  // namespace pinaco::os
