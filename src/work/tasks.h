// The tasks an operation may name, as steps: each may be cut anywhere and repeated from its
// start, and then finds what is done. Inside this room only.
#pragma once

#include "work/work.h"

namespace pinaco::work {

// What a task may use.
struct Bench {
  model::Model& model;
  Depot& depot;
  const WorkerOptions& options;
  const std::atomic<bool>& ending;
  Host* host = nullptr;  // where machines run; nullptr: nowhere
};

// Not yet: comes again soon, and does not count as an attempt.
Error later(std::string what);
bool is_later(const Error& error);

Result<> import_upload(Bench& bench, const model::Operation& operation);
Result<> write_empty_disk(Bench& bench, const model::Operation& operation);
Result<> replicate_version(Bench& bench, const model::Operation& operation);
Result<> delete_group(Bench& bench, const model::Operation& operation);
// --- capture.cc: contents that name a disk of a machine become stored ones.
Result<> capture_contents(Bench& bench, const model::Operation& operation);
// The same for a version, before its regions are filled.
Result<> capture_sources(Bench& bench, const arm::ResourceId& id);
// --- machines.cc
Result<> create_machine(Bench& bench, const model::Operation& operation);
Result<> update_machine(Bench& bench, const model::Operation& operation);
Result<> start_machine(Bench& bench, const model::Operation& operation);
Result<> restart_machine(Bench& bench, const model::Operation& operation);
Result<> power_off_machine(Bench& bench, const model::Operation& operation);
Result<> deallocate_machine(Bench& bench, const model::Operation& operation);
Result<> delete_machine(Bench& bench, const model::Operation& operation);
// --- scale_sets.cc, scale_upgrade.cc
Result<> update_scale_set(Bench& bench, const model::Operation& operation);
Result<> act_on_scale_set(Bench& bench, const model::Operation& operation);
Result<> delete_scale_set(Bench& bench, const model::Operation& operation);
Result<> reimage_machine(Bench& bench, const model::Operation& operation);
// --- addresses.cc
Result<> assign_address(Bench& bench, const model::Operation& operation);
// --- keeper.cc: rows follow what guests do by themselves.
Result<> look_after_machines(Bench& bench);
// After a start of this process: guests that run are found again, and those that should run and do
// not, say after a start of the host, are started.
Result<> find_machines_again(Bench& bench);

// --- told.cc: an error's message, or what a guest's trouble is, without the server's own paths.
std::string told(const Bench& bench, std::string message);

// A disk without a byte.
std::shared_ptr<DiskReader> zero_disk(std::uint64_t size_bytes);

// Ends an operation in the transaction that also writes what it did.
Result<> finish(model::Change& change, const model::Operation& operation);
// The same with an error; the resource stays as it is but for its state.
Result<> finish_failed(Bench& bench, const model::Operation& operation, const Error& error);

Result<store::Swept> sweep_regions(Bench& bench);
// The manifests that rows of one subscription, and versions that can be restored, keep in a region.
Result<> for_manifests(
    const model::View& view, const std::string& region,
    const std::function<void(const arm::ResourceId& id, const Digest& manifest)>& keep_it);
// --- space.cc: see Workers::freed_without().
Result<Workers::Freed> freed_without(Bench& bench,
                                     const std::function<bool(const arm::ResourceId& id)>& goes);

}  // namespace pinaco::work
