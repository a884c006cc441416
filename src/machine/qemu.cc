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
  if (!TRY(os::exists(variables_path))) {
    TRY(os::write_file_durably(variables_path, as_bytes(*variables)));
  }
  return Firmware{.code_path = code_path, .variables_path = variables_path};
}

Json nbd_node(const std::string& node, const ExportAddress& address) {
  return JsonObject{{"driver", "nbd"},        {"node-name", node}, {"server", to_qemu(address)},
                    {"export", address.name}, {"read-only", true}, {"reconnect-delay", 60}};
}

Json overlay_node(const std::string& node, const std::string& backing, const std::string& path) {
  return JsonObject{{"driver", "qcow2"},
                    {"node-name", node},
                    {"backing", backing.empty() ? Json() : Json(backing)},
                    {"discard", "unmap"},
                    {"file", JsonObject{{"driver", "file"},
                                        {"node-name", node + std::string(file_suffix)},
                                        {"filename", path}}}};
}

Json raw_file_node(const std::string& node, const std::string& path, bool read_only) {
  return JsonObject{{"driver", "raw"},
                    {"node-name", node},
                    {"read-only", read_only},
                    {"file", JsonObject{{"driver", "file"}, {"filename", path}}}};
}

std::vector<std::string> command_line(const BootOptions& options, const ExportAddress& address,
                                      Accelerator accelerator, const std::string& overlay_path,
                                      const Firmware& firmware) {
  const bool uefi = !firmware.code_path.empty();
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
      "-blockdev", to_text(nbd_node("base", address)),
      "-blockdev", to_text(overlay_node("disk", "base", overlay_path)),
      // A guest that loses its disk is paused, so that it never sees an error it would keep.
      "-device", "virtio-blk-pci,drive=disk,bootindex=1,rerror=stop,werror=stop",
  };
  // clang-format on
  if (uefi) {
    line.insert(line.end(),
                {"-blockdev", to_text(raw_file_node("code", firmware.code_path, true)), "-blockdev",
                 to_text(raw_file_node("variables", firmware.variables_path, false))});
  }
  if (options.network) {
    line.insert(line.end(), {"-netdev", "user,id=network", "-device",
                             "virtio-net-pci,netdev=network,romfile="});
  } else {
    line.insert(line.end(), {"-nic", "none"});
  }
  return line;
}

}  // namespace pinaco::machine
