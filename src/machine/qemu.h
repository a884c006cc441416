// QEMU's program, its command line, and the machine protocol (QMP) on a socket of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "machine/uri.h"
#include "os/sockets.h"

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
Result<Firmware> prepare_uefi(const std::string& variables_path);

// Descriptor 3 of the process is the QMP socket; the console is its standard output.
std::vector<std::string> command_line(const BootOptions& options, const ExportAddress& address,
                                      Accelerator accelerator, const std::string& overlay_path,
                                      const Firmware& firmware);

// The client's side of QMP ("QEMU Machine Protocol", docs/interop/qmp-spec.txt): JSON lines.
class Qmp {
 public:
  explicit Qmp(os::Socket socket) : socket_(std::move(socket)) {}
  const os::Socket& socket() const { return socket_; }
  Result<> start() const { return send("qmp_capabilities"); }
  Result<> quit() const { return send("quit"); }
  // Reads what has come; the reason if it says that the guest cannot go on. At the end of the
  // stream is_open() turns false.
  Result<std::optional<std::string>> receive();
  bool is_open() const { return open_; }

 private:
  Result<> send(std::string_view command) const;
  os::Socket socket_;
  std::string input_;
  bool open_ = true;
};

}  // namespace pinaco::machine
