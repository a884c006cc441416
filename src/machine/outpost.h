// The part of a guest that stays here when its QEMU runs on another host: its network card and its
// console, to which that QEMU connects over TCP. A process of its own, like any supervisor: guests
// outlive the server, and a hole in the card's network is a hole in one guest.
//
// It takes one connection for each after `expect`, within 120 s, and no other; what comes uninvited
// is dropped.
#pragma once

#include "machine/machine.h"
#include "os/sockets.h"

namespace pinaco::machine {

// Its whole life. `begin` is what it was told; answers {"card": port, "console": port} on the
// channel. Then on its control socket: {"do": "expect", "from": [address, …]} (none: any),
// {"do": "withdraw"}, which takes that back, {"do": "change", "facts": …}, and {"do": "kill"} or
// {"do": "end"}, after which it ends. Returns its exit status.
int keep_outpost(const Json& begin, const os::Socket& channel, const AttachCard& attach);

}  // namespace pinaco::machine
