// What a Hypervisor and its supervisors share: the names in a guest's folder, the lines they send
// each other, and the command line of QEMU.
//
//   lock         held by the supervisor and by QEMU, as long as either lives
//   qmp          QMP, for one client at a time
//   control      the supervisor: a line of JSON each way, {"do": "change", "facts": …}, {"do":
//   "kill"} disc.iso     the provisioning disc, until it is ejected or the guest has reported
//   console.log  the serial console
//   report.json  what the guest said of itself; "trouble"
//   ended.json   why it ended; "orderly"
//   uefi.vars    the firmware's variables
//
// A supervisor begins with descriptor 3, the lock, and descriptor 4, a socket on which it is told
// its Machine and answers {} or {"error": …} once QEMU runs.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "machine/machine.h"
#include "machine/qemu.h"
#include "os/sockets.h"

namespace pinaco::machine {

inline constexpr int lock_descriptor = 3;
inline constexpr int channel_descriptor = 4;

// One line, without its end. corrupt when it is longer; unavailable when the other side ends first.
Result<std::string> receive_line(const os::Socket& socket, std::size_t bytes_max,
                                 Milliseconds timeout);
Result<> send_line(const os::Socket& socket, const Json& json, Milliseconds timeout);
// An answer: {} is fine, {"error": text, "kind": …} an error.
Json to_answer(const Result<>& result);
Result<> from_answer(const Json& json);

// The nodes of a disk, lowest first, to be added in this order: SLOT.base, SLOT.0, SLOT.1, …
std::vector<Json> disk_nodes(const Disk& disk);
// The device that shows the topmost of them.
Json disk_device(const Disk& disk);
std::string device_of(std::string_view slot);  // its id
inline constexpr std::string_view disc_device = "disc-drive";
inline constexpr std::string_view disc_node = "disc";

// Descriptor 3 is the lock, 4 the supervisor's QMP socket, 5 the network card.
std::vector<std::string> supervised_line(const Machine& machine, Accelerator accelerator,
                                         const Firmware& firmware, bool with_disc);

}  // namespace pinaco::machine
