// Where machines are: virtual machines by themselves and in flexible scale sets are one collection,
// the instances of uniform scale sets lie below their set.
//
// Threads: any. Errors: those of the View.
#pragma once

#include <string>
#include <vector>

#include "arm/arm.h"

namespace pinaco::model {

class Change;
class View;
struct Resource;

// Of the whole subscription, or of a group.
Result<std::vector<Resource>> list_machines(const View& view, const std::string& group = {});
// The members of a scale set, those that are being deleted among them.
Result<std::vector<Resource>> list_instances(const View& view, const Resource& set);
bool is_instance(const arm::ResourceId& id);  // of a uniform set
bool is_flexible(const Resource& set);        // else uniform
// Whether an instance is what its set's model says now, of the version that it means now.
bool has_latest_model(const Resource& set, const Resource& instance);

// Whether a lock keeps it from being deleted: one on it, on a disk or an interface of its, on its
// scale set, on a resource group or on the subscription.
Result<bool> is_locked(const View& view, const Resource& machine);

// A machine is on its way out: its set wants one less, once. The caller writes the machine's row.
Result<> leave_set(Change& change, Resource& machine);

// Some of the roles and locks on a resource and below it, and how many: a transaction has at most
// 1,000 writes. As many as rules_a_step means that there may be more.
inline constexpr std::size_t rules_a_step = 400;
Result<std::size_t> erase_some_rules(Change& change, const arm::ResourceId& id);
// The same for what is attached to it (attached_prefix).
inline constexpr std::size_t attached_a_step = 200;
Result<std::size_t> erase_some_attached(Change& change, const arm::ResourceId& id);

// A deletion need not wait until something has come to be: the operation on the row, if it is of
// that kind, ends as preempted, and the row is free. False: it has to be waited for.
Result<bool> preempt(Change& change, const Resource& row);

}  // namespace pinaco::model
