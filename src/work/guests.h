// From rows to machines: what the hypervisor is told about a virtual machine, and its disks as they
// are. Inside this room only.
#pragma once

#include "work/tasks.h"

namespace pinaco::work {

// A disk of a machine, with the row that it is.
struct HeldDisk {
  std::string slot;
  bool deleted_with_machine = false;
  model::Resource row;
};

// Everything that a machine's row names, as it is now.
struct Guest {
  model::Resource row;
  Json secrets = JsonObject();  // its own, or those of the scale set that made it
  std::string id;               // vmId
  std::vector<HeldDisk> disks;  // the first is the OS disk
  std::optional<model::Resource> card;
  std::optional<model::Resource> address;  // public
  std::string subnet;                      // "10.0.0.0/24"
  std::vector<int> ports;                  // that the network lets in
};
Result<Guest> read_guest(Bench& bench, const arm::ResourceId& id);

// As people call it: an instance's id ends with its number only.
std::string name_of(const model::Resource& machine);

// Whether its image wants a guest to say when it is ready, and it has not yet.
bool awaits_report(const Bench& bench, const Guest& guest);

// Its turn to be made from a replica of its image; a later() while others are. What is no version
// of a gallery has one replica.
Result<> enter_replica(Bench& bench, const Guest& guest);

// What only the first start needed; but for NoCloud, whose seed is made again at each.
void forget_secrets(model::Resource& row);

Result<guest::Facts> facts_of(const Guest& guest);
// Makes what it needs first: contents of empty disks, overlays, exports, dynamic addresses. Ports
// of this host are looked for only when it has no process, which would hold them itself.
Result<machine::Machine> ready_to_start(Bench& bench, Guest& guest, bool absent);
// One disk for the hypervisor: exported, with an overlay noted in its row.
Result<machine::Disk> open_for_guest(Bench& bench, HeldDisk& disk);

// machines.cc: an error that says so where no machines run.
Result<> need_host(const Bench& bench);
// Starts it if it does not run, and comes back until it has done what its image
// promises; then the operation has ended.
Result<> bring_up(Bench& bench, const model::Operation& operation);

// Ends it at once and erases its row; what its options say of disks and cards is done to them. Only
// while `operation` works on it; `more` is done in the transaction that erases the row.
Result<> remove_machine(Bench& bench, const arm::ResourceId& id, const std::string& operation,
                        const std::function<Result<>(model::Change&)>& more = nullptr);
// Its cards are free or gone, as their options say, and so are the links to its diagnostics.
Result<> let_go(model::Change& change, const model::Resource& machine);
// Its facts, as they are now, to a guest that runs, if they are not what it was told last.
Result<> tell_facts(Bench& bench, const arm::ResourceId& id);
// Nobody starts them any more; busy while another operation works on one.
Result<> mark_for_removal(Bench& bench, const std::vector<model::Resource>& machines,
                          const std::string& operation);

// --- disks.cc ---
// Stores what a machine wrote to a disk and removes the overlays. Nobody writes any more.
Result<> fold_disk(Bench& bench, const arm::ResourceId& disk);
// The disk as it is now, also while its machine runs: stored, and pinned until a row names it.
struct Captured {
  Json content;
  store::Pin pin;
};
Result<Captured> capture_disk(Bench& bench, const arm::ResourceId& disk);
// --- import.cc: the fixed VHD that a page blob is, if nobody writes to it meanwhile.
Result<Captured> import_blob(Bench& bench, const Json& blob, const std::string& region);
// Gives it back to whoever wants it: no machine, no overlays.
// Only if it is `owner`'s; else it is left as it is.
Result<> free_disk(Bench& bench, const arm::ResourceId& disk, const arm::ResourceId& owner,
                   bool erase);
// All that say they are the machine's, listed by its row or not.
Result<std::vector<model::Resource>> disks_of_machine(Bench& bench, const arm::ResourceId& id);
// Those that its row names.
Result<std::vector<model::Resource>> named_disks(const model::View& view,
                                                 const model::Resource& machine);
Result<> remove_stray_overlays(Bench& bench);
// What a machine wrote to the disk is forgotten: `disk` is the row as it was then.
Result<> drop_writes(Bench& bench, const model::Resource& disk);

// --- addresses.cc ---
// An address of this host for a public address's row, which then shows it.
Result<> assign_address_to(Bench& bench, const arm::ResourceId& id);

}  // namespace pinaco::work
