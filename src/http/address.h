// Which addresses are of the Internet at large. Pure.
#pragma once

#include "base/bytes.h"

namespace pinaco::http {

// Of 4 or 16 bytes, in network order. Not: loopback, private, shared (RFC 6598), link-local,
// multicast, reserved and documentation ones, tunnels, and what is no address at all.
bool is_public_address(ByteView address);

}  // namespace pinaco::http
