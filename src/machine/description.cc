#include "machine/description.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "machine/overlay.h"
#include "machine/uri.h"
#include "os/files.h"

namespace pinaco::machine {
namespace {

constexpr std::size_t disks_max = 64;

std::string text_at(const Json& json, std::string_view path) {
  return std::string(string_at(json, path));
}

}  // namespace

Result<> check_id(const std::string& id) {
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  bool good = id.size() == form.size();
  for (std::size_t i = 0; good && i < form.size(); ++i) {
    const bool digit = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f');
    good = form[i] == '-' ? id[i] == '-' : digit;
  }
  if (good) return {};
  return fail(Kind::invalid,
              fmt::format("A guest's name is a GUID in lower case, not '{}'.", cut_text(id, 64)));
}

std::optional<int> lun_of(std::string_view slot) {
  if (!slot.starts_with("lun") || slot.size() > 5) return std::nullopt;
  const auto number = slot.substr(3);
  if (number.size() == 2 && number[0] == '0') return std::nullopt;
  const auto lun = parse_int(number, 0, 63);
  if (!lun) return std::nullopt;
  return static_cast<int>(*lun);
}

Result<> check_disk(const Disk& disk) {
  if (disk.slot != "os" && !lun_of(disk.slot)) {
    return fail(Kind::invalid, fmt::format("A disk's place is os or lun0 to lun63, not '{}'.",
                                           cut_text(disk.slot, 64)));
  }
  // The supervisor works in a folder of its own.
  auto paths = disk.frozen;
  paths.push_back(disk.overlay_path);
  for (const auto& path : paths) {
    if (!path.starts_with('/')) {
      return fail(Kind::invalid, fmt::format("An overlay's path begins with '/', not as '{}'.",
                                             cut_text(path, 256)));
    }
  }
  if (!disk.base_uri.empty()) TRY(parse_export_uri(disk.base_uri));
  return {};
}

Result<> check_machine(const Machine& machine) {
  TRY(check_id(machine.id));
  if (machine.cpus < 1 || machine.cpus > 64) {
    return fail(Kind::invalid,
                fmt::format("A guest has 1 to 64 processors, not {}.", machine.cpus));
  }
  if (machine.memory_mib < 32 || machine.memory_mib > (1u << 20)) {
    return fail(Kind::invalid, fmt::format("A guest has 32 MiB to 1 TiB of memory, not {} MiB.",
                                           machine.memory_mib));
  }
  if (machine.disks.empty() || machine.disks.size() > disks_max ||
      machine.disks.front().slot != "os") {
    return fail(Kind::invalid, "A guest has 1 to 64 disks, of which the first is in the slot os.");
  }
  std::set<std::string> slots;
  for (const auto& disk : machine.disks) {
    TRY(check_disk(disk));
    if (!slots.insert(disk.slot).second) {
      return fail(Kind::invalid, fmt::format("Two disks are in the slot {}.", disk.slot));
    }
  }
  return {};
}

Json to_json(const Machine& machine) {
  JsonArray disks;
  for (const auto& disk : machine.disks) {
    JsonArray frozen;
    for (const auto& path : disk.frozen) frozen.emplace_back(path);
    disks.push_back(JsonObject{{"slot", disk.slot},
                               {"base", disk.base_uri},
                               {"overlay", disk.overlay_path},
                               {"size", disk.size_bytes},
                               {"frozen", std::move(frozen)}});
  }
  return JsonObject{{"id", machine.id},          {"uefi", machine.uefi},
                    {"cpus", machine.cpus},      {"memory", machine.memory_mib},
                    {"disks", std::move(disks)}, {"facts", guest::to_json(machine.facts)}};
}

Result<Machine> machine_from(const Json& json) {
  Machine machine;
  machine.id = text_at(json, "id");
  machine.uefi = bool_at(json, "uefi");
  machine.cpus = static_cast<unsigned>(std::max<std::int64_t>(int_at(json, "cpus"), 0));
  machine.memory_mib = static_cast<unsigned>(std::max<std::int64_t>(int_at(json, "memory"), 0));
  const auto* disks = find_path(json, "disks");
  if (disks == nullptr || !disks->is_array()) return fail(Kind::invalid, "It has no disks.");
  for (const auto& each : disks->get_array()) {
    Disk disk = {.slot = text_at(each, "slot"),
                 .base_uri = text_at(each, "base"),
                 .overlay_path = text_at(each, "overlay"),
                 .size_bytes = static_cast<std::uint64_t>(int_at(each, "size"))};
    const auto* frozen = find_path(each, "frozen");
    if (frozen != nullptr && frozen->is_array()) {
      for (const auto& path : frozen->get_array()) {
        disk.frozen.emplace_back(path.is_string() ? std::string_view(path.get_string()) : "");
      }
    }
    machine.disks.push_back(std::move(disk));
  }
  const auto* facts = find_path(json, "facts");
  if (facts == nullptr) return fail(Kind::invalid, "It has no facts.");
  machine.facts = TRY(guest::facts_from(*facts));
  TRY(check_machine(machine));
  return machine;
}

Json to_json(const guest::Report& report) {
  constexpr std::string_view words[] = {"unknown", "ready", "failed"};
  return JsonObject{{"health", words[static_cast<std::size_t>(report.health)]},
                    {"text", report.text},
                    {"agent", report.agent}};
}

guest::Report report_from(const Json& json) {
  const auto health = string_at(json, "health");
  return {.health = health == "ready"    ? guest::Health::ready
                    : health == "failed" ? guest::Health::failed
                                         : guest::Health::unknown,
          .text = text_at(json, "text"),
          .agent = text_at(json, "agent")};
}

Result<> ensure_overlay(const std::string& path, std::uint64_t size_bytes) {
  if (TRY(os::exists(path))) return {};
  return create_overlay(path, size_bytes);
}

}  // namespace pinaco::machine
