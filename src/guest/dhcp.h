// DHCP as Azure's hosts answer it (RFC 2131, RFC 3442): one lease for one card, of a day, with
// routes to the two magic addresses and option 245, by which agents find the wire server.
// Pure; the question is a stranger's text, all lengths are checked.
#pragma once

#include <optional>

#include "guest/ethernet.h"

namespace pinaco::guest {

// The answering frame; nullopt when the question gets none.
std::optional<Bytes> answer_dhcp(ByteView frame, const Layout& layout);

}  // namespace pinaco::guest
