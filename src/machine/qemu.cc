// QEMU's command line. Every part that holds a name or a path is JSON, so that nothing needs
// QEMU's own rules of quoting.
#include "machine/qemu.h"

#include <fmt/format.h>

#include "base/text.h"
#include "os/files.h"
#include "os/process.h"

namespace pinaco::machine {

Error explain_missing(Error error) {
  if (error.kind != Kind::not_found) return error;
  error.message = fmt::format(
      "{} is not installed. To boot images here: apt-get install "
      "qemu-system-x86 qemu-utils qemu-block-extra",
      qemu_program);
  return error;
}

Result<> find_qemu() {
  const auto finished = os::run_program({qemu_program, "--version"}, std::chrono::seconds(20));
  if (!finished) return std::unexpected(explain_missing(finished.error()));
  return {};
}

Result<std::uint64_t> find_disk_bytes(const std::string& nbd_uri) {
  // The format is given: nothing in the image may choose how it is read.
  const auto finished = os::run_program({"qemu-img", "info", "-f", "raw", "--output=json", nbd_uri},
                                        std::chrono::seconds(30));
  if (!finished) return std::unexpected(explain_missing(finished.error()));
  if (finished->status != 0) {
    return fail(Kind::unavailable,
                fmt::format("The export cannot be opened: {}", trim(finished->errors)));
  }
  const auto size = int_at(TRY(parse_json(finished->output)), "virtual-size");
  if (size <= 0) return fail(Kind::invalid, "The export is empty: there is nothing to boot.");
  return static_cast<std::uint64_t>(size);
}

Result<Firmware> prepare_uefi(const std::string& variables_path) {
  const std::string folder = "/usr/share/OVMF/";
  const std::string code_path = folder + "OVMF_CODE_4M.fd";
  constexpr std::size_t variables_bytes_max = 4 << 20;
  const auto variables = os::read_file(folder + "OVMF_VARS_4M.fd", variables_bytes_max);
  if (!variables || !TRY(os::exists(code_path))) {
    return fail(Kind::not_found,
                "The firmware for generation V2 images is not installed: apt-get install ovmf");
  }
  TRY(os::write_file_durably(variables_path, as_bytes(*variables)));
  return Firmware{.code_path = code_path, .variables_path = variables_path};
}

namespace {

std::string raw_file(std::string_view node, const std::string& path, bool read_only) {
  return to_text(JsonObject{{"driver", "raw"},
                            {"node-name", node},
                            {"read-only", read_only},
                            {"file", JsonObject{{"driver", "file"}, {"filename", path}}}});
}

}  // namespace

std::vector<std::string> command_line(const BootOptions& options, const ExportAddress& address,
                                      Accelerator accelerator, const std::string& overlay_path,
                                      const Firmware& firmware) {
  const bool uefi = !firmware.code_path.empty();
  const auto base = to_text(JsonObject{{"driver", "nbd"},
                                       {"node-name", "base"},
                                       {"server", to_qemu(address)},
                                       {"export", address.name},
                                       {"read-only", true},
                                       {"reconnect-delay", 60}});
  const auto disk =
      to_text(JsonObject{{"driver", "qcow2"},
                         {"node-name", "disk"},
                         {"backing", "base"},
                         {"discard", "unmap"},
                         {"file", JsonObject{{"driver", "file"}, {"filename", overlay_path}}}});
  // clang-format off
  std::vector<std::string> line = {
      qemu_program, "-nodefaults", "-no-user-config", "-no-reboot",
      "-display", "none",
      "-machine", uefi ? "q35,pflash0=code,pflash1=variables" : "pc",
      // An emulated guest without tb-size takes half a GiB more for translated code.
      "-accel", accelerator == Accelerator::kvm ? "kvm" : "tcg,tb-size=128",
      "-cpu", guest_processor,
      "-smp", std::to_string(options.cpus),
      "-m", std::to_string(options.memory_mib),
      "-chardev", "stdio,id=console,signal=off",
      "-serial", "chardev:console",
      "-chardev", "socket,id=control,fd=3",
      "-mon", "chardev=control,mode=control",
      "-device", "virtio-rng-pci",
      "-blockdev", base,
      "-blockdev", disk,
      // A guest that loses its disk is paused, so that it never sees an error it would keep.
      "-device", "virtio-blk-pci,drive=disk,bootindex=1,rerror=stop,werror=stop",
  };
  // clang-format on
  if (uefi) {
    line.insert(line.end(), {"-blockdev", raw_file("code", firmware.code_path, true), "-blockdev",
                             raw_file("variables", firmware.variables_path, false)});
  }
  if (options.network) {
    line.insert(line.end(), {"-netdev", "user,id=network", "-device",
                             "virtio-net-pci,netdev=network,romfile="});
  } else {
    line.insert(line.end(), {"-nic", "none"});
  }
  return line;
}

Result<> Qmp::send(std::string_view command) const {
  const auto line = to_text(JsonObject{{"execute", command}}) + "\n";
  return socket_.write_all(as_bytes(line), std::chrono::seconds(5));
}

Result<std::optional<std::string>> Qmp::receive() {
  constexpr std::size_t line_bytes_max = 1 << 20;
  Bytes buffer(16 << 10);
  const auto got = socket_.read_some(buffer, Milliseconds(0));
  if (!got || *got == 0) {
    open_ = false;
    return std::optional<std::string>();
  }
  input_.append(as_text(ByteView(buffer).first(*got)));
  std::optional<std::string> trouble;
  for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
    const auto message = parse_json(std::string_view(input_).substr(0, end));
    input_.erase(0, end + 1);
    if (!message) continue;  // QEMU is trusted to speak; a line we cannot read is not for us
    const auto event = string_at(*message, "event");
    if (event == "BLOCK_IO_ERROR") {
      trouble =
          fmt::format("the guest's disk failed: {} of {} ended with '{}'",
                      string_at(*message, "data.operation"), string_at(*message, "data.node-name"),
                      string_at(*message, "data.reason"));
    }
    if (event == "GUEST_PANICKED") trouble = "the guest panicked";
  }
  if (input_.size() > line_bytes_max) return fail(Kind::corrupt, "QEMU sends an endless line.");
  return trouble;
}

}  // namespace pinaco::machine
