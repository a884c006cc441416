#include "machine/control.h"

#include <fmt/format.h>

#include <algorithm>

#include "machine/description.h"

namespace pinaco::machine {
namespace {

// cloud-init and waagent know Azure by these words.
constexpr auto chassis = "type=3,asset=7783-7084-3265-9085-8269-3286-77";
constexpr auto system_words =
    "type=1,manufacturer=Microsoft Corporation,product=Virtual Machine,"
    "version=Hyper-V UEFI Release v4.1";

// systemd must not say "kvm" or "qemu" where the agents' units ask for "microsoft".
std::string processor(Accelerator accelerator) {
  if (accelerator == Accelerator::tcg) return guest_processor + ",-hypervisor";
  return guest_processor + ",kvm=off,hv-relaxed,hv-vapic,hv-vpindex,hv-time";
}

std::string accelerator_words(Accelerator accelerator, unsigned memory_mib) {
  if (accelerator == Accelerator::kvm) return "kvm";
  // Room for translated code: without a limit it is a GiB.
  return fmt::format("tcg,thread=multi,tb-size={}", std::clamp(memory_mib / 8, 32u, 512u));
}

std::string top_node(const Disk& disk) {
  return fmt::format("{}.{}", disk.slot, disk.frozen.size());
}

}  // namespace

Result<std::string> receive_line(const os::Socket& socket, std::size_t bytes_max,
                                 Milliseconds timeout) {
  const auto end = system_clock().steady() + timeout;
  std::string line;
  Bytes buffer(64 << 10);
  while (true) {
    const auto left = std::chrono::ceil<Milliseconds>(end - system_clock().steady());
    const auto got = TRY(socket.read_some(buffer, std::max(left, Milliseconds(0))));
    if (got == 0) return fail(Kind::unavailable, "the other side ended before it had answered");
    const auto piece = as_text(ByteView(buffer).first(got));
    const auto stop = piece.find('\n');
    line += piece.substr(0, stop);
    if (line.size() > bytes_max) {
      return fail(Kind::corrupt, fmt::format("a line is longer than {} bytes", bytes_max));
    }
    if (stop != std::string_view::npos) return line;
  }
}

Result<> send_line(const os::Socket& socket, const Json& json, Milliseconds timeout) {
  return socket.write_all(as_bytes(to_text(json) + "\n"), timeout);
}

Json to_answer(const Result<>& result) {
  if (result) return JsonObject();
  return JsonObject{{"error", result.error().message}, {"kind", to_string(result.error().kind)}};
}

Result<> from_answer(const Json& json) {
  const auto error = string_at(json, "error");
  if (error.empty()) return {};
  for (const auto kind : {Kind::invalid, Kind::not_found, Kind::conflict, Kind::busy}) {
    if (string_at(json, "kind") == to_string(kind)) return fail(kind, std::string(error));
  }
  return fail(Kind::unavailable, std::string(error));
}

std::vector<Json> disk_nodes(const Disk& disk) {
  std::vector<Json> nodes;
  std::string below;
  if (!disk.base_uri.empty()) {
    below = disk.slot + ".base";
    // Checked before: check_disk.
    nodes.push_back(nbd_node(below, parse_export_uri(disk.base_uri).value_or(ExportAddress())));
  }
  auto paths = disk.frozen;
  paths.push_back(disk.overlay_path);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto name = fmt::format("{}.{}", disk.slot, i);
    auto node = overlay_node(name, below, paths[i]);
    if (i + 1 < paths.size()) set_path(node, "read-only", true);
    nodes.push_back(std::move(node));
    below = name;
  }
  return nodes;
}

std::string device_of(std::string_view slot) {
  return fmt::format("disk-{}", slot);
}

Json disk_device(const Disk& disk) {
  // A guest that loses its disk is paused, so that it never sees an error it would keep.
  JsonObject device = {{"id", device_of(disk.slot)},
                       {"drive", top_node(disk)},
                       {"rerror", "stop"},
                       {"werror", "stop"}};
  if (const auto lun = lun_of(disk.slot)) {
    device["driver"] = "scsi-hd";
    device["bus"] = "scsi.0";
    device["channel"] = 0;
    device["scsi-id"] = 0;
    device["lun"] = *lun;
  } else {
    device["driver"] = "virtio-blk-pci";
    device["bootindex"] = 1;
  }
  return device;
}

std::vector<std::string> supervised_line(const Machine& machine, Accelerator accelerator,
                                         const Firmware& firmware, bool with_disc) {
  // clang-format off
  std::vector<std::string> line = {
      qemu_program, "-nodefaults", "-no-user-config", "-no-shutdown",
      "-name", machine.id,
      "-uuid", machine.id,
      "-display", "none",
      "-machine", machine.uefi ? "q35,pflash0=code,pflash1=variables" : "pc",
      "-accel", accelerator_words(accelerator, machine.memory_mib),
      "-cpu", processor(accelerator),
      "-smp", std::to_string(machine.cpus),
      "-m", std::to_string(machine.memory_mib),
      "-smbios", chassis,
      "-smbios", system_words,
      "-chardev", "stdio,id=console,signal=off",
      "-serial", "chardev:console",
      "-chardev", "socket,id=control,fd=4",
      "-mon", "chardev=control,mode=control",
      // The supervisor has made the folder its own, so that no path is too long for a socket.
      "-chardev", "socket,id=qmp,path=qmp,server=on,wait=off",
      "-mon", "chardev=qmp,mode=control",
      "-device", "VGA",
      "-device", "virtio-rng-pci",
      "-device", "pvpanic",
      "-device", "virtio-scsi-pci,id=scsi",
      "-netdev", to_text(JsonObject{{"type", "stream"}, {"id", "network"}, {"server", false},
                                    {"addr", JsonObject{{"type", "fd"}, {"str", "5"}}}}),
      "-device", to_text(JsonObject{{"driver", "virtio-net-pci"}, {"netdev", "network"},
                                    {"mac", machine.facts.mac}, {"romfile", ""}}),
  };
  // clang-format on
  const auto add = [&](const char* option, const Json& json) {
    line.emplace_back(option);
    line.push_back(to_text(json));
  };
  if (machine.uefi) {
    add("-blockdev", raw_file_node("code", firmware.code_path, true));
    add("-blockdev", raw_file_node("variables", firmware.variables_path, false));
  }
  for (const auto& disk : machine.disks) {
    for (const auto& node : disk_nodes(disk)) add("-blockdev", node);
    add("-device", disk_device(disk));
  }
  if (with_disc) add("-blockdev", raw_file_node(std::string(disc_node), "disc.iso", true));
  JsonObject drive = {{"driver", "scsi-cd"}, {"id", disc_device}, {"bus", "scsi.0"},
                      {"channel", 0},        {"scsi-id", 1},      {"lun", 0}};
  if (with_disc) drive["drive"] = disc_node;
  add("-device", drive);
  return line;
}

}  // namespace pinaco::machine
