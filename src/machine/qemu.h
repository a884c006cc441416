// QEMU's program, what its command lines are made of, and the one for `boot`.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.h"
#include "machine/uri.h"

namespace pinaco::machine {

inline const std::string qemu_program = "qemu-system-x86_64";
inline const std::string guest_processor = "max";  // all that the accelerator can do

// Says which package brings the program that was not found.
Error explain_missing(Error error);
Result<> find_qemu();
// Whether a guest of a boot sector ends as it should within `time_box`.
Result<bool> runs_on(Accelerator accelerator, Milliseconds time_box);

// The size of the export, as the server tells it.
Result<std::uint64_t> find_disk_bytes(const std::string& nbd_uri);

struct Firmware {  // empty: SeaBIOS
  std::string code_path = {};
  std::string variables_path = {};
};
// Makes the variables' file unless it is there.
Result<Firmware> prepare_uefi(const std::string& variables_path);

// Descriptor 3 of the process is the QMP socket; the console is its standard output.
std::vector<std::string> command_line(const BootOptions& options, const ExportAddress& address,
                                      Accelerator accelerator, const std::string& overlay_path,
                                      const Firmware& firmware);

// Nodes of QEMU's block layer: an export, which is only read, and an overlay above `backing` (""
// has nothing below: it reads as zeros).
Json nbd_node(const std::string& node, const ExportAddress& address);
inline constexpr std::string_view file_suffix = ".file";  // of the node of an overlay's file
Json overlay_node(const std::string& node, const std::string& backing, const std::string& path);
Json raw_file_node(const std::string& node, const std::string& path, bool read_only);

}  // namespace pinaco::machine
