// Scale sets: as many instances as were asked for, each a machine like any other. Inside this room
// only.
//
// A set's operation is a loop over rows that may be cut anywhere: it looks at what there is, does
// the next step and comes again until nothing is left to do.
#pragma once

#include <set>

#include "work/guests.h"

namespace pinaco::work {

// scale_stamp.cc: makes rows of up to `wanted` instances in one transaction, from the set's model.
// They are "Creating": each with an operation of its own, or, where machines are simulated, under
// the set's. How many were made.
// None when the set does not want `capacity` any more: look again.
Result<std::size_t> stamp_instances(Bench& bench, const model::Operation& operation,
                                    std::size_t wanted, std::int64_t capacity);
// Starts at once those that are under the set's operation, when nothing really runs.
Result<> start_simulated(Bench& bench, const model::Operation& operation,
                         const std::vector<model::Resource>& instances);

// What an instance has of its own, as it is stamped or renewed: from the set's model.
// Where private addresses come from, within one transaction.
struct Addresses {
  Ipv4Network network;
  std::set<std::uint32_t> taken;
  std::uint32_t from = 0;
};
Result<Addresses> addresses_of(const model::View& view, const model::Resource& set);
Result<std::string> take_address(Addresses& addresses, const model::Resource& set);
std::string slot_of(const Json& data_disk);  // of a storageProfile: "lun0"
// The row of a disk; `modelled` is the model's entry, `shown` becomes that in the machine's
// storageProfile, which is the `place`th.
Result<> put_disk(Bench& bench, model::Change& change, const model::Resource& set,
                  const model::Resource& machine, const Json& modelled, std::size_t place,
                  Json& shown);
// The row of a public address; its number comes when the machine starts. The id.
Result<std::string> put_address(model::Change& change, const model::Resource& set,
                                const arm::ResourceId& card, const std::string& configuration,
                                const std::string& suffix);

// scale_deeds.cc: starts `task` on each that has not had it by this operation, and comes again
// until all have ended it. The first failure is the answer, once all have ended.
struct Deed {
  std::string task;
  bool leaves = false;  // the set wants one less for each
  Json input = JsonObject();
};
// What an instance remembers of it.
std::string deed_of(const model::Operation& operation, std::string_view task);
Result<> do_to_each(Bench& bench, const model::Operation& operation,
                    const std::vector<model::Resource>& instances, const Deed& deed);

// scale_upgrade.cc: brings instances to the set's model, all at once or in batches. One is renewed
// by its own operation, reimage_machine() in scale_renew.cc.
Result<> upgrade_instances(Bench& bench, const model::Operation& operation,
                           const model::Resource& set, bool rolling);

// scale_removal.cc: of uniform sets, as remove_machine() does, but many in a transaction.
Result<> remove_instances(Bench& bench, const std::vector<model::Resource>& instances,
                          const std::string& operation);

// A set with its instances as they were at one moment.
struct Members {
  model::Resource set;
  std::vector<model::Resource> instances;
};
Result<Members> read_members(Bench& bench, const model::Operation& operation);
// The rows of a set's instances.
Result<std::vector<model::Resource>> read_instances(Bench& bench, const model::Resource& set);

}  // namespace pinaco::work
