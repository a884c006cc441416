#include "provider/disk_growth.h"

#include <fmt/format.h>

#include "base/text.h"
#include "provider/tracked.h"

namespace pinaco::provider {
namespace {

constexpr std::int64_t gib = 1 << 30;

// What the guest has open keeps its size until it is opened again.
Result<> check_machine_rests(const model::Resource& machine, const model::Resource& disk) {
  if (string_at(machine.internal, "power") == "deallocated") return {};
  return fail(arm::error(
      Kind::conflict, "OperationNotAllowed",
      fmt::format("Cannot resize disk {} while it is attached to running VM {}. Resizing a disk of "
                  "an Azure Virtual Machine requires the virtual machine to be deallocated. Please "
                  "stop your VM and retry the operation.",
                  disk.id.name(), machine.id.name())));
}

Result<> check_size(std::int64_t before, std::int64_t after, std::string_view name,
                    std::string path) {
  if (after > disk_gb_max) return fail(arm::out_of_range(path, after, 1, disk_gb_max));
  if (after >= before) return {};
  return fail(arm::error(
      Kind::conflict, "OperationNotAllowed",
      fmt::format("A disk cannot shrink: '{}' has {} GB, {} were asked for.", name, before, after),
      std::move(path)));
}

void show_size(model::Resource& machine, const model::Resource& disk, std::int64_t gb) {
  const auto show = [&](Json& entry) {
    if (iequals(string_at(entry, "managedDisk.id"), disk.id.text())) {
      set_path(entry, "diskSizeGB", gb);
    }
  };
  if (const Json* os = find_path(machine.properties, "storageProfile.osDisk")) {
    Json shown = *os;
    show(shown);
    set_path(machine.properties, "storageProfile.osDisk", std::move(shown));
  }
  if (const Json* data = find_path(machine.properties, "storageProfile.dataDisks")) {
    Json shown = *data;
    for (Json& entry : shown.get_array()) show(entry);
    set_path(machine.properties, "storageProfile.dataDisks", std::move(shown));
  }
}

}  // namespace

Result<> change_size(Draft& draft) {
  Json& properties = draft.wanted.properties;
  const std::int64_t before = int_at(draft.current->properties, "diskSizeGB");
  const std::int64_t after = int_at(properties, "diskSizeGB", before);
  TRY(check_size(before, after, draft.wanted.id.name(),
                 fmt::format("{}.properties.diskSizeGB", draft.type.label)));
  if (after == before) return {};
  const auto owner = arm::ResourceId::parse(string_at(draft.current->internal, "machine.id"));
  auto machine = owner ? TRY(draft.change.find(*owner)) : std::optional<model::Resource>();
  if (machine) {
    TRY(check_machine_rests(*machine, *draft.current));
    show_size(*machine, *draft.current, after);
    TRY(draft.change.put(*machine));
  }
  set_path(properties, "diskSizeBytes", after * gib);
  return {};
}

Result<> grow_listed(Draft& draft, Json& known, const Json& said, std::string_view path) {
  const std::int64_t before = int_at(known, "diskSizeGB");
  const std::int64_t after = int_at(said, "diskSizeGB", before);
  TRY(check_size(before, after, string_at(known, "name"), fmt::format("{}.diskSizeGB", path)));
  if (after == before) return {};
  auto disk =
      TRY(draft.change.get(TRY(arm::ResourceId::parse(string_at(known, "managedDisk.id")))));
  TRY(check_size(int_at(disk.properties, "diskSizeGB"), after, disk.id.name(),
                 fmt::format("{}.diskSizeGB", path)));
  TRY(check_machine_rests(*draft.current, disk));
  if (!disk.operation.empty()) return fail(busy_with(disk));
  TRY(access::check_locks(draft.change, disk.id.text(), false));
  set_path(disk.properties, "diskSizeGB", after);
  set_path(disk.properties, "diskSizeBytes", after * gib);
  set_path(known, "diskSizeGB", after);
  return draft.change.put(disk);
}

}  // namespace pinaco::provider
