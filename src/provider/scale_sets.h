// The rows of scale sets. What an instance will be is worked out once, when the set is written: its
// "model" holds the rows of a machine, its disks and its network interface without names, and the
// worker stamps instances from it.
//
// internal of a set: "model" {"number", "said", "shown" (digests of the profile), "machine": row,
// "disks": [{"slot","row"}], "card"}, "os" and "layout" (what an image must keep when it is
// changed), "contents" (the image's, which the set keeps alive), "secrets" (as of a machine; its
// instances read them here), "next" (the number of the next instance), "refused", "upgrade" (the
// last rolling upgrade). internal of an instance: as of a machine, and "set" (the id), "model" (the
// number it was made from), "name", "instanceId".
#pragma once

#include "provider/machines.h"

namespace pinaco::provider {

extern const ResourceType scale_sets;
extern const ResourceType scale_set_instances;  // of uniform sets

inline constexpr std::int64_t instances_max = 1000;
inline constexpr std::int64_t instances_of_managed_image_max = 600;
inline constexpr std::int64_t instances_of_one_group_max = 100;

// scale_set_model.cc: works the model out, or keeps the one there is when nothing changed and no
// instance is to be made. Completes the profile and takes what is secret out of it.
Result<> prepare_model(Draft& draft, const MachineSize& size, std::int64_t capacity, bool grows);
// scale_set_network.cc: what networkProfile says of an instance's interface.
Result<Json> prepare_card_model(Draft& draft, std::int64_t capacity);
// The set that a machine says it belongs to, when it is made: flexible, and at the same place.
Result<> prepare_membership(Draft& draft);
// A machine leaves: its set wants one less.
Result<> leave_set(model::Change& change, const model::Resource& machine);

// scale_set_actions.cc: what is done to all instances, or to those that instanceIds names.
Result<Outcome> start_set(const Call& call);
Result<Outcome> power_off_set(const Call& call);
Result<Outcome> deallocate_set(const Call& call);
Result<Outcome> restart_set(const Call& call);
Result<Outcome> reimage_set(const Call& call);
Result<Outcome> reimage_all_of_set(const Call& call);
Result<Outcome> upgrade_set(const Call& call);  // manualupgrade
Result<Outcome> delete_of_set(const Call& call);
Result<Outcome> start_rolling_upgrade(const Call& call);
Result<Outcome> reimage_instance(const Call& call);
Result<Outcome> reimage_all_of_instance(const Call& call);

// scale_set_views.cc
Result<Outcome> scale_set_view(const Call& call);
Result<Outcome> scale_set_skus(const Call& call);
Result<Outcome> instance_view_of_instance(const Call& call);
Result<Outcome> latest_rolling_upgrade(const Call& call);
Result<Outcome> cancel_rolling_upgrade(const Call& call);
Result<Outcome> list_set_cards(const Call& call);
Result<Outcome> list_instance_cards(const Call& call);
Result<Outcome> list_set_addresses(const Call& call);

}  // namespace pinaco::provider
