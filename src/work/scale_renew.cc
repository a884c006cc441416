// An instance becomes what its set's model says now. Its rows do, in one transaction: profile,
// disks, network interface. Then what it wrote is dropped, and it starts as a new machine does.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "work/scale_sets.h"

namespace pinaco::work {
namespace {

constexpr std::int64_t gib = 1 << 30;

const Json* find_slot(const Json* list, std::string_view slot) {
  if (list == nullptr) return nullptr;
  for (const Json& each : list->get_array()) {
    if (slot_of(each) == slot) return &each;
  }
  return nullptr;
}

const Json* find_modelled(const model::Resource& set, std::string_view slot) {
  for (const Json& each : find_path(set.internal, "model.disks")->get_array()) {
    if (string_at(each, "slot") == slot) return &each;
  }
  return nullptr;
}

// What somebody attached to a flexible set's machine is not the set's to touch.
bool is_of_set(const model::Resource& machine, const HeldDisk& disk) {
  return disk.slot == "os" || model::is_instance(machine.id) ||
         !string_at(disk.row.internal, "set").empty();
}

// Made by the set, which wants it no more.
bool leaves(const model::Resource& set, const model::Resource& machine, const HeldDisk& disk) {
  return disk.slot != "os" && is_of_set(machine, disk) && find_modelled(set, disk.slot) == nullptr;
}

// What becomes of an instance: only an upgrade takes data disks away, and only of who asked for all
// data disks does it make the others anew.
struct Wish {
  bool all = false;
  bool upgrade = false;
  bool tried = false;  // before anything is ended: what the guest wrote is not stored yet
};

// Its content is the image's again, or none.
bool is_anew(const model::Resource& set, const model::Resource& machine, const HeldDisk& disk,
             const Wish& wish) {
  return disk.slot == "os" ||
         (wish.all && is_of_set(machine, disk) && find_modelled(set, disk.slot) != nullptr);
}

// How large the model has a data disk that is to be kept; a disk never shrinks.
std::int64_t grown_gb(const model::Resource& set, const HeldDisk& disk) {
  const auto now = int_at(disk.row.properties, "diskSizeGB");
  const Json* modelled = disk.slot == "os" ? nullptr : find_modelled(set, disk.slot);
  return modelled == nullptr ? now : std::max(now, int_at(*modelled, "row.properties.diskSizeGB"));
}

class Renewal {
 public:
  Renewal(Bench& bench, model::Change& change, const Guest& guest, const model::Resource& set,
          Wish wish)
      : bench_(bench), change_(change), guest_(guest), set_(set), wish_(wish) {}

  Result<> run(const model::Operation& operation) {
    row_ = TRY(change_.get(guest_.row.id));
    if (row_.operation != operation.id) return fail(Kind::cancelled, "It was taken over.");
    model_ = TRY(model::resource_from(*find_path(set_.internal, "model.machine")));
    follow_profile();
    // One that keeps what the model has no more still waits for an upgrade.
    const bool whole = wish_.upgrade || std::ranges::none_of(guest_.disks, [&](const auto& disk) {
                         return leaves(set_, row_, disk);
                       });
    if (whole) set_path(row_.internal, "model", int_at(set_.internal, "model.number"));
    set_path(row_.internal, "renewed", operation.id);
    if (guest_.card) TRY(follow_card());
    for (const auto& disk : guest_.disks) {
      if (is_anew(set_, row_, disk, wish_)) TRY(reset(disk));
    }
    TRY(follow_data_disks());
    return change_.put(row_);
  }

 private:
  void follow_profile() {
    for (const char* member : {"hardwareProfile", "storageProfile.imageReference"}) {
      if (const Json* value = find_path(model_.properties, member)) {
        set_path(row_.properties, member, *value);
      }
    }
    if (const Json* profile = find_path(model_.properties, "osProfile")) {
      Json mine = *profile;
      set_path(mine, "computerName", string_at(row_.properties, "osProfile.computerName"));
      set_path(row_.properties, "osProfile", std::move(mine));
    }
    for (const char* member : {"os", "size", "provisioning"}) {
      if (const Json* value = find_path(model_.internal, member)) {
        set_path(row_.internal, member, *value);
      }
    }
    for (const char* gone : {"provisioned", "agent", "told", "trouble"}) {
      erase_path(row_.internal, gone);
    }
    if (row_.sku.is_object()) set_path(row_.sku, "name", string_at(set_.sku, "name"));
    if (const Json* diagnostics =
            find_path(set_.properties, "virtualMachineProfile.diagnosticsProfile")) {
      set_path(row_.properties, "diagnosticsProfile", *diagnostics);
    }
    for (const char* member : {"caching", "diskSizeGB"}) {
      const auto path = fmt::format("storageProfile.osDisk.{}", member);
      if (const Json* value = find_path(model_.properties, path)) {
        set_path(row_.properties, path, *value);
      }
    }
  }

  // As the image has it, or empty.
  Result<> reset(const HeldDisk& held) {
    const Json* modelled = find_modelled(set_, held.slot);
    if (modelled == nullptr) return {};
    const auto wanted = TRY(model::resource_from(*find_path(*modelled, "row")));
    auto disk = TRY(change_.get(held.row.id));
    const auto unique = change_.random().uuid();
    set_path(disk.properties, "uniqueId", unique);
    for (const char* member : {"diskSizeGB", "diskSizeBytes", "creationData"}) {
      if (const Json* value = find_path(wanted.properties, member)) {
        set_path(disk.properties, member, *value);
      }
    }
    set_path(disk.properties, "diskState", "Attached");
    set_path(disk.internal, "image", string_at(wanted.internal, "image"));
    if (const Json* content = find_path(wanted.internal, "content")) {
      set_path(disk.internal, "content", *content);
    } else {
      erase_path(disk.internal, "content");
    }
    set_path(disk.internal, "overlays",
             JsonArray{Json(bench_.host->new_overlay_path(unique, change_.random()))});
    return change_.put(disk);
  }

  // Those of the model in its order, made where there is none yet, and then what is not the set's.
  Result<> follow_data_disks() {
    constexpr const char* path = "storageProfile.dataDisks";
    const Json* wanted = find_path(model_.properties, path);
    const Json* current = find_path(row_.properties, path);
    JsonArray data;
    if (wanted != nullptr) {
      for (const Json& each : wanted->get_array()) {
        const auto slot = slot_of(each);
        const Json* mine = find_slot(current, slot);
        data.push_back(mine == nullptr ? each : *mine);
        if (mine != nullptr) {
          if (const Json* caching = find_path(each, "caching")) {
            set_path(data.back(), "caching", *caching);
          }
          continue;
        }
        const Json* modelled = find_modelled(set_, slot);
        if (modelled == nullptr)
          return fail(Kind::corrupt, "The model has a place without a disk.");
        TRY(put_disk(bench_, change_, set_, row_, *modelled, data.size() + 1, data.back()));
      }
    }
    for (const auto& held : guest_.disks) {
      if (held.slot == "os") continue;
      if (wish_.upgrade && leaves(set_, row_, held)) {
        TRY(let_go(held));
        continue;
      }
      const Json* mine = find_slot(current, held.slot);
      if (find_slot(wanted, held.slot) == nullptr && mine != nullptr) data.push_back(*mine);
      const auto gb = TRY(grow(held));
      for (Json& entry : data) {
        if (slot_of(entry) == held.slot) set_path(entry, "diskSizeGB", gb);
      }
    }
    set_path(row_.properties, path, std::move(data));
    return {};
  }

  // What is kept was stored before this began.
  Result<> check_stored(const model::Resource& disk) const {
    if (wish_.tried || find_path(disk.internal, "overlays") == nullptr) return {};
    return fail(later("What was written to a disk is to be stored first."));
  }

  Result<> let_go(const HeldDisk& held) {
    auto disk = TRY(change_.get(held.row.id));
    if (!TRY(model::is_locked(change_, disk))) return change_.erase(disk.id);
    TRY(check_stored(disk));
    for (const char* gone : {"machine", "managedBy", "set"}) erase_path(disk.internal, gone);
    set_path(disk.properties, "diskState", "Unattached");
    return change_.put(disk);
  }

  // The size that it has then.
  Result<std::int64_t> grow(const HeldDisk& held) {
    auto disk = TRY(change_.get(held.row.id));
    const auto before = int_at(disk.properties, "diskSizeGB");
    const auto gb = grown_gb(set_, held);
    if (is_anew(set_, row_, held, wish_) || before >= gb) return before;
    TRY(check_stored(disk));
    set_path(disk.properties, "diskSizeGB", gb);
    set_path(disk.properties, "diskSizeBytes", gb * gib);
    TRY(change_.put(disk));
    return gb;
  }

  Result<> follow_card() {
    auto card = TRY(change_.get(guest_.card->id));
    const auto group = string_at(set_.internal, "model.card.group");
    if (group.empty()) {
      erase_path(card.properties, "networkSecurityGroup");
    } else {
      set_path(card.properties, "networkSecurityGroup.id", group);
    }
    Json configurations = *find_path(card.properties, "ipConfigurations");
    Json& first = configurations.get_array().front();
    const auto subnet = string_at(set_.internal, "model.card.subnet");
    if (!iequals(string_at(first, "properties.subnet.id"), subnet)) {
      auto addresses = TRY(addresses_of(change_, set_));
      const auto address = TRY(take_address(addresses, set_));
      set_path(first, "properties.privateIPAddress", address);
      set_path(first, "properties.privateIPAllocationMethod", "Dynamic");
      set_path(first, "properties.subnet.id", subnet);
    }
    TRY(follow_address(card.id, first));
    set_path(card.properties, "ipConfigurations", std::move(configurations));
    return change_.put(card);
  }

  // The one that the set made; another that somebody gave the machine stays.
  Result<> follow_address(const arm::ResourceId& card, Json& configuration) {
    constexpr const char* path = "properties.publicIPAddress";
    const auto wanted = string_at(set_.internal, "model.card.address");
    if (guest_.address) {
      if (string_at(guest_.address->internal, "set").empty()) return {};
      std::string name = guest_.address->id.name();
      if (model::is_flexible(set_)) name = name.substr(0, name.rfind('-'));
      if (iequals(name, wanted)) return {};
      TRY(change_.erase(guest_.address->id));
      erase_path(configuration, path);
    }
    if (wanted.empty()) return {};
    const auto id = TRY(put_address(
        change_, set_, card, std::string(string_at(configuration, "id")), change_.random().hex(4)));
    set_path(configuration, path, JsonObject{{"id", id}});
    return {};
  }

  Bench& bench_;
  model::Change& change_;
  const Guest& guest_;
  const model::Resource& set_;
  const Wish wish_;
  model::Resource row_;
  model::Resource model_;
};

// What the guest wrote to disks that are kept, but not as they are: a lock keeps one from going, or
// it grows. Nobody writes any more.
Result<> store_kept(Bench& bench, const Guest& guest, const model::Resource& set,
                    const Wish& wish) {
  for (const auto& disk : guest.disks) {
    if (disk.slot == "os" || find_path(disk.row.internal, "overlays") == nullptr) continue;
    bool kept = !is_anew(set, guest.row, disk, wish) &&
                grown_gb(set, disk) > int_at(disk.row.properties, "diskSizeGB");
    if (wish.upgrade && leaves(set, guest.row, disk)) {
      TRY(bench.model.read(set.id.subscription, [&](const model::View& view) -> Result<> {
        kept = TRY(model::is_locked(view, disk.row));
        return {};
      }));
    }
    if (kept) TRY(fold_disk(bench, disk.row.id));
  }
  return {};
}

// Whether it can be written: it is, and not kept.
Result<> try_renewal(Bench& bench, const model::Operation& operation, const Guest& guest,
                     const model::Resource& set, Wish wish) {
  wish.tried = true;
  bool good = false;
  auto tried = bench.model.change(set.id.subscription, [&](model::Change& change) -> Result<> {
    good = false;
    TRY(Renewal(bench, change, guest, set, wish).run(operation));
    good = true;
    return fail(Kind::cancelled, "It was only tried.");
  });
  return good ? Result<>() : tried;
}

Result<> renew(Bench& bench, const model::Operation& operation, const model::Resource& set,
               Guest guest, const Wish& wish) {
  TRY(try_renewal(bench, operation, guest, set, wish));
  // With its console and firmware variables: a new machine has none.
  TRY(bench.host->hypervisor().remove(guest.id));
  guest = TRY(read_guest(bench, operation.resource));
  TRY(store_kept(bench, guest, set, wish));
  TRY(bench.model.change(set.id.subscription, [&](model::Change& change) {
    return Renewal(bench, change, guest, set, wish).run(operation);
  }));
  // Files of what is kept have other names by now, or are gone.
  for (const auto& disk : guest.disks) {
    const bool gone = wish.upgrade && leaves(set, guest.row, disk);
    if (gone || is_anew(set, guest.row, disk, wish)) TRY(drop_writes(bench, disk.row));
  }
  return {};
}

// One that could not be renewed is as it was: it does not start.
Result<> note_unchanged(Bench& bench, const model::Operation& operation, const Guest& guest) {
  const auto status = TRY(bench.host->hypervisor().status(guest.id));
  return bench.model.change(guest.row.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(guest.row.id));
    if (row.operation != operation.id) return {};
    bool stored = true;
    for (const auto& disk : TRY(named_disks(change, row))) {
      stored = stored && find_path(disk.internal, "overlays") == nullptr;
    }
    set_path(row.internal, "power",
             status.state == machine::State::running            ? "running"
             : status.state == machine::State::absent && stored ? "deallocated"
                                                                : "stopped");
    return change.put(row);
  });
}

}  // namespace

Result<> reimage_machine(Bench& bench, const model::Operation& operation) {
  TRY(need_host(bench));
  auto guest = TRY(read_guest(bench, operation.resource));
  const auto set_id = arm::ResourceId::parse(string_at(guest.row.internal, "set"));
  if (!set_id) {
    return fail(arm::error(Kind::conflict, "OperationNotAllowed",
                           fmt::format("'{}' was not made by a scale set and has no model to go "
                                       "back to.",
                                       name_of(guest.row))));
  }
  if (string_at(guest.row.internal, "renewed") != operation.id) {
    const auto set = TRY(bench.model.get(*set_id));
    if (find_path(set.internal, "model.machine") == nullptr) {
      return fail(arm::error(
          Kind::conflict, "OperationNotAllowed",
          fmt::format("The scale set '{}' has no virtualMachineProfile.", set.id.name())));
    }
    const Wish wish{.all = bool_at(operation.input, "all"),
                    .upgrade = bool_at(operation.input, "onlyOld")};
    if (!wish.upgrade || !model::has_latest_model(set, guest.row)) {
      const auto held = bench.host->try_lock(guest.id);
      if (!held) return fail(later("Something is being done to it."));
      guest = TRY(read_guest(bench, operation.resource));
      if (guest.row.operation != operation.id) {
        return fail(Kind::cancelled, "Another operation took the instance over.");
      }
      if (const auto renewed = renew(bench, operation, set, guest, wish); !renewed) {
        if (!is_later(renewed.error())) TRY(note_unchanged(bench, operation, guest));
        return renewed;
      }
    }
  }
  return bring_up(bench, operation);
}

}  // namespace pinaco::work
