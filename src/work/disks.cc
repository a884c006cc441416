// The disks of machines: handed to guests with an overlay each, captured while they run, and folded
// back into the store when they do not.
#include <fmt/format.h>

#include <set>

#include "base/log.h"
#include "base/text.h"
#include "format/format.h"
#include "os/files.h"
#include "work/guests.h"

namespace pinaco::work {
namespace {

constexpr std::size_t overlays_max = 16;

std::string unique_of(const model::Resource& disk) {
  return std::string(string_at(disk.properties, "uniqueId"));
}

std::uint64_t size_of(const model::Resource& disk) {
  return static_cast<std::uint64_t>(int_at(disk.properties, "diskSizeBytes"));
}

std::vector<std::string> overlays_of(const model::Resource& disk) {
  std::vector<std::string> paths;
  if (const Json* list = find_path(disk.internal, "overlays")) {
    for (const Json& path : list->get_array()) paths.emplace_back(path.get_string());
  }
  return paths;
}

Result<store::Written> store_content(Bench& bench, const model::Resource& disk,
                                     const DiskReader& reader) {
  const auto region = bench.depot.find_region(disk.location);
  if (region == nullptr) {
    return fail(Kind::invalid, fmt::format("This server has no region '{}'.", disk.location));
  }
  store::WriteOptions options{
      .parents = {}, .lanes = 2, .progress = [&](auto, auto) { return !bench.ending.load(); }};
  const auto before = string_at(disk.internal, "content.manifest");
  if (!before.empty()) options.parents.push_back(TRY(Digest::parse(before)));
  return region->write(reader, options);
}

Json content_from(const store::Written& written, std::uint64_t size_bytes) {
  return JsonObject{{"manifest", written.manifest.hex()},
                    {"image", written.image.hex()},
                    {"sizeBytes", size_bytes},
                    {"blocks", written.blocks},
                    {"dataBlocks", written.data_blocks},
                    {"newBlocks", written.new_blocks},
                    {"storedBytes", written.stored_bytes}};
}

// The content below, and each overlay that was really made, in order.
Result<std::shared_ptr<const DiskReader>> open_whole(Bench& bench, const model::Resource& disk,
                                                     const std::vector<std::string>& overlays) {
  std::shared_ptr<const DiskReader> whole = zero_disk(size_of(disk));
  if (const Json* content = find_path(disk.internal, "content")) {
    whole = TRY(bench.depot.open_disk(*content, disk.location, size_of(disk)));
  }
  for (const auto& path : overlays) {
    // One that was noted, but not made before a crash, holds nothing.
    if (!TRY(os::exists(path))) continue;
    whole = TRY(format::open_overlay(TRY(format::open_file(path)), whole));
  }
  return whole;
}

}  // namespace

Result<machine::Disk> open_for_guest(Bench& bench, HeldDisk& disk) {
  const auto unique = unique_of(disk.row);
  if (overlays_of(disk.row).empty()) {
    TRY(bench.model.change(disk.row.id.subscription, [&](model::Change& change) -> Result<> {
      auto row = TRY(change.get(disk.row.id));
      if (overlays_of(row).empty()) {
        set_path(row.internal, "overlays",
                 JsonArray{Json(bench.host->new_overlay_path(unique, change.random()))});
        TRY(change.put(row));
      }
      disk.row = row;
      return {};
    }));
  }
  if (find_path(disk.row.internal, "content") == nullptr) {
    // One that is empty: from now on it can be captured like any other.
    const auto written = TRY(store_content(bench, disk.row, *zero_disk(size_of(disk.row))));
    set_path(disk.row.internal, "content", content_from(written, size_of(disk.row)));
    TRY(bench.model.change(disk.row.id.subscription, [&](model::Change& change) -> Result<> {
      auto row = TRY(change.get(disk.row.id));
      set_path(row.internal, "content", *find_path(disk.row.internal, "content"));
      return change.put(row);
    }));
  }
  auto overlays = overlays_of(disk.row);
  machine::Disk opened{.slot = disk.slot, .overlay_path = overlays.back()};
  opened.size_bytes = size_of(disk.row);
  overlays.pop_back();
  for (auto& path : overlays) {
    if (TRY(os::exists(path))) opened.frozen.push_back(std::move(path));
  }
  opened.base_uri = bench.host->disk_uri(unique);
  const Json* content = find_path(disk.row.internal, "content");
  auto reader = TRY(bench.depot.open_disk(*content, disk.row.location, opened.size_bytes));
  bench.host->disks().add(bench.host->export_name(unique),
                          {.disk = std::move(reader), .description = disk.row.id.text()});
  return opened;
}

Result<> fold_disk(Bench& bench, const arm::ResourceId& id) {
  const auto disk = TRY(bench.model.get(id));
  const auto overlays = overlays_of(disk);
  bench.host->disks().revoke(bench.host->export_name(unique_of(disk)));
  bool written_to = find_path(disk.internal, "content") == nullptr;
  for (const auto& path : overlays) written_to = written_to || TRY(os::exists(path));
  std::optional<store::Written> written;
  if (written_to) {
    written = TRY(store_content(bench, disk, *TRY(open_whole(bench, disk, overlays))));
  }
  TRY(bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(id));
    if (written) set_path(row.internal, "content", content_from(*written, size_of(row)));
    for (const char* folded : {"overlays", "freezing"}) erase_path(row.internal, folded);
    return change.put(row);
  }));
  for (const auto& path : overlays) {
    const auto removed = os::remove_file(path);
    if (!removed) LOG(warning, "work", "an overlay stays behind: {}", removed.error().message);
  }
  return {};
}

namespace {

// Noted before it is made, so that no crash loses what the guest writes next. A guest that does not
// run now writes there when it starts.
Result<std::string> note_overlay(Bench& bench, const model::Resource& disk) {
  auto above = bench.host->new_overlay_path(unique_of(disk), bench.model.random());
  TRY(bench.model.change(disk.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(disk.id));
    JsonArray list = find_path(row.internal, "overlays")->get_array();
    list.emplace_back(above);
    set_path(row.internal, "overlays", std::move(list));
    set_path(row.internal, "freezing", above);
    return change.put(row);
  }));
  return above;
}

Result<> forget_freezing(Bench& bench, const arm::ResourceId& id) {
  return bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(id));
    erase_path(row.internal, "freezing");
    return change.put(row);
  });
}

// From now on the guest writes above all of these overlays, also one that starts later. Attempts
// that fail add one name together, however many they are: names are counted.
Result<> freeze_overlays(Bench& bench, const model::Resource& disk, const std::string& machine,
                         const std::vector<std::string>& overlays) {
  auto& hypervisor = bench.host->hypervisor();
  const auto status = TRY(hypervisor.status(machine));
  if (status.state == machine::State::absent) {
    // What a crash left on another host comes here first.
    TRY(hypervisor.end(machine, Milliseconds(0)));
    // One that was noted and never made is as good as a new one.
    if (TRY(os::exists(overlays.back()))) TRY(note_overlay(bench, disk));
    return forget_freezing(bench, disk.id);
  }
  const std::string slot(string_at(disk.internal, "machine.slot"));
  // One that failed, or perhaps not: the guest may write there since, which belongs to the capture.
  if (string_at(disk.internal, "freezing") == overlays.back()) {
    TRY(hypervisor.freeze(machine, slot, overlays.back()));
  }
  TRY(hypervisor.freeze(machine, slot, TRY(note_overlay(bench, disk))));
  return forget_freezing(bench, disk.id);
}

}  // namespace

Result<Captured> capture_disk(Bench& bench, const arm::ResourceId& id) {
  const auto owner =
      arm::ResourceId::parse(string_at(TRY(bench.model.get(id)).internal, "machine.id"));
  std::string machine;
  std::unique_lock<std::mutex> held;
  if (owner) {
    machine = string_at(TRY(bench.model.get(*owner)).properties, "vmId");
    held = bench.host->lock(machine);
  }
  const auto disk = TRY(bench.model.get(id));
  const auto overlays = overlays_of(disk);
  if (!overlays.empty()) {
    if (overlays.size() >= overlays_max) {
      return fail(arm::error(
          Kind::conflict, "OperationNotAllowed",
          fmt::format(
              "The disk '{}' was captured {} times while its machine had it. Deallocate the "
              "machine once; that joins them.",
              disk.id.name(), overlays.size() - 1)));
    }
    TRY(freeze_overlays(bench, disk, machine, overlays));
  }
  const auto whole = TRY(open_whole(bench, disk, overlays));
  if (held.owns_lock()) held.unlock();  // the files are open; whoever removes them leaves us ours
  auto written = TRY(store_content(bench, disk, *whole));
  auto content = content_from(written, size_of(disk));
  return Captured{.content = std::move(content), .pin = std::move(written.pin)};
}

Result<> free_disk(Bench& bench, const arm::ResourceId& id, const arm::ResourceId& owner,
                   bool erase) {
  const auto is_ours = [&](const std::optional<model::Resource>& row) {
    return row && iequals(string_at(row->internal, "machine.id"), owner.text());
  };
  const auto disk = TRY(bench.model.find(id));
  // A repeat of what was done finds it free, or with another machine that has it since.
  if (!is_ours(disk)) return {};
  const auto overlays = overlays_of(*disk);
  if (bench.host == nullptr && !overlays.empty()) {
    return fail(arm::error(Kind::conflict, "OperationNotAllowed",
                           fmt::format("The disk '{}' has writes of a machine that are not stored "
                                       "yet, and no machines run on this server now.",
                                       disk->id.name())));
  }
  if (!erase && bench.host != nullptr) TRY(fold_disk(bench, id));
  TRY(bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.find(id));
    if (!is_ours(row)) return {};
    if (erase) return change.erase(id);
    for (const char* owned : {"machine", "managedBy", "set"}) erase_path(row->internal, owned);
    set_path(row->properties, "diskState", "Unattached");
    return change.put(*row);
  }));
  if (!erase) return {};
  if (bench.host != nullptr) bench.host->disks().revoke(bench.host->export_name(unique_of(*disk)));
  for (const auto& path : overlays) (void)os::remove_file(path);
  return {};
}

Result<std::vector<model::Resource>> named_disks(const model::View& view,
                                                 const model::Resource& machine) {
  std::vector<model::Resource> disks;
  const auto add = [&](const Json& shown) -> Result<> {
    const auto id = arm::ResourceId::parse(string_at(shown, "managedDisk.id"));
    auto disk = id ? TRY(view.find(*id)) : std::optional<model::Resource>();
    if (disk) disks.push_back(std::move(*disk));
    return {};
  };
  if (const Json* os = find_path(machine.properties, "storageProfile.osDisk")) TRY(add(*os));
  if (const Json* data = find_path(machine.properties, "storageProfile.dataDisks")) {
    for (const Json& disk : data->get_array()) TRY(add(disk));
  }
  return disks;
}

Result<std::vector<model::Resource>> disks_of_machine(Bench& bench, const arm::ResourceId& id) {
  std::vector<model::Resource> held;
  TRY(bench.model.read(id.subscription, [&](const model::View& view) -> Result<> {
    held.clear();
    // What a scale set made may be a thousand, and takes hardly a disk that its row does not name.
    const auto machine = TRY(view.find(id));
    if (machine && !string_at(machine->internal, "set").empty()) {
      held = TRY(named_disks(view, *machine));
      return {};
    }
    const arm::ResourceId all{.subscription = id.subscription,
                              .group = {},
                              .provider = "Microsoft.Compute",
                              .types = {"disks"},
                              .names = {}};
    held = TRY(view.list_all(all));
    return {};
  }));
  std::erase_if(held, [&](const model::Resource& row) {
    return !iequals(string_at(row.internal, "machine.id"), id.text());
  });
  return held;
}

Result<> drop_writes(Bench& bench, const model::Resource& disk) {
  bench.host->disks().revoke(bench.host->export_name(unique_of(disk)));
  for (const auto& path : overlays_of(disk)) TRY(os::remove_file(path));
  return {};
}

Result<> remove_stray_overlays(Bench& bench) {
  std::set<std::string> named;
  for (const auto& subscription : TRY(bench.model.shards())) {
    TRY(bench.model.read(subscription, [&](const model::View& view) -> Result<> {
      const arm::ResourceId all{.subscription = subscription,
                                .group = {},
                                .provider = "Microsoft.Compute",
                                .types = {"disks"},
                                .names = {}};
      for (const auto& row : TRY(view.list_all(all))) {
        for (const auto& path : overlays_of(row)) named.insert(path);
      }
      return {};
    }));
  }
  const std::string& folder = bench.host->options().folder;
  for (const auto& name : TRY(os::list_folder(folder))) {
    const auto path = fmt::format("{}/{}", folder, name);
    if (named.contains(path)) continue;
    LOG(info, "work", "removed the overlay {}, which no disk names", path);
    TRY(os::remove_file(path));
  }
  return {};
}

}  // namespace pinaco::work
