#include "machine/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "machine/description.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

constexpr const char* note_name = "placed.json";

Machine without_secrets(const Machine& machine) {
  Machine kept = machine;
  kept.disc.clear();
  kept.facts = {};
  kept.facts.id = machine.facts.id;
  kept.facts.name = machine.facts.name;
  kept.facts.mac = machine.facts.mac;
  return kept;
}

}  // namespace

Result<> refuse_if_placed(const std::string& guest_folder) {
  const auto path = fmt::format("{}/{}", guest_folder, note_name);
  if (!TRY(os::exists(path))) return {};
  const auto text = os::read_file(path, 4 << 20);
  const auto note = text ? parse_json(*text).value_or(JsonObject()) : Json(JsonObject());
  const auto host = string_at(note, "host");
  return fail(Kind::conflict,
              fmt::format("What this guest wrote is on the libvirt host '{}'. Start this server "
                          "with driver = \"libvirt\" and that host, and deallocate the machine "
                          "before the driver is changed.",
                          host.empty() ? "?" : host));
}

Result<Placed> Placement::place(const Machine& machine, const std::set<std::string>& without) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> used;
  for (const auto& id : folders_.list()) {
    const auto placed = find(id);
    if (placed && *placed) used[(*placed)->host] += (*placed)->machine.memory_mib;
  }
  const LibvirtHost* best = nullptr;
  std::uint64_t most = 0;
  std::string full;
  for (const auto& host : hosts_) {
    const auto taken = std::min(used[host.name], host.memory_mib);
    const auto left = host.memory_mib - taken;
    full += fmt::format("{}'{}' has {} of {} MiB left", full.empty() ? "" : ", ", host.name, left,
                        host.memory_mib);
    if (without.contains(host.name) || left < machine.memory_mib) continue;
    if (best != nullptr && left <= most) continue;
    best = &host;
    most = left;
  }
  if (best == nullptr) {
    return fail(Error{
        .kind = Kind::conflict,
        .message = fmt::format("No libvirt host has room for a guest of {} MiB: {}. Deallocate "
                               "machines, or give a [[machines.host]] more memory_mib, or add one.",
                               machine.memory_mib, full),
        .code = "AllocationFailed"});
  }
  Placed placed{.host = best->name, .pool = best->pool, .machine = without_secrets(machine)};
  TRY(os::make_folders(folders_.folder_of(machine.id)));
  TRY(keep(placed));
  return placed;
}

Result<std::optional<Placed>> Placement::find(const std::string& id) const {
  if (!TRY(os::exists(folders_.path_of(id, note_name)))) return std::nullopt;
  const auto note = folders_.read_note(id, note_name);
  Placed placed;
  placed.host = string_at(note, "host");
  placed.pool = string_at(note, "pool");
  placed.kvm = bool_at(note, "kvm");
  placed.has_disc = bool_at(note, "disc");
  placed.card_port = static_cast<int>(int_at(note, "card"));
  placed.console_port = static_cast<int>(int_at(note, "console"));
  const auto* delivered = find_path(note, "delivered");
  if (delivered != nullptr && delivered->is_array()) {
    for (const auto& path : delivered->get_array()) {
      if (path.is_string()) placed.delivered.emplace(path.get_string());
    }
  }
  const auto* machine = find_path(note, "machine");
  auto known = machine == nullptr ? Result<Machine>(fail(Kind::corrupt, "it names no machine"))
                                  : machine_from(*machine);
  if (!known || placed.host.empty()) {
    return fail(
        Kind::corrupt,
        fmt::format("'{}' does not say where the guest is: {}", folders_.path_of(id, note_name),
                    known ? std::string("it names no host") : known.error().message));
  }
  placed.machine = std::move(*known);
  return placed;
}

Result<Placed> Placement::get(const std::string& id) const {
  auto placed = TRY(find(id));
  if (placed) return std::move(*placed);
  return fail(Kind::not_found, fmt::format("The guest {} does not run.", id));
}

Result<> Placement::keep(const Placed& placed) const {
  JsonArray delivered;
  for (const auto& path : placed.delivered) delivered.emplace_back(path);
  const JsonObject note = {
      {"host", placed.host},
      {"pool", placed.pool},
      {"machine", to_json(placed.machine)},
      {"kvm", placed.kvm},
      {"disc", placed.has_disc},
      {"card", placed.card_port},
      {"console", placed.console_port},
      {"delivered", std::move(delivered)},
  };
  return os::write_file_durably(folders_.path_of(placed.machine.id, note_name),
                                as_bytes(to_text(note)));
}

Result<> Placement::forget(const std::string& id) const {
  return os::remove_file(folders_.path_of(id, note_name));
}

}  // namespace pinaco::machine
