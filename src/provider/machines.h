// The rows of virtual machines and managed images; see provider.h for what a row says.
//
// internal of a machine: "power" (running, stopped, deallocated; starting and the like while an
// operation works), "generalized", "health" (what the guest reported), "trouble", "os" (what the
// image said: {"type","state","generation"}), "provisioning" ("azure", "nocloud", "none"),
// "secrets" (what only the guest may see: {"password","customData","userData"}).
// internal of a disk in use: "machine" {"id","slot"}.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

extern const ResourceType virtual_machines;
extern const ResourceType managed_images;

// An image as a machine finds it: what stands behind an imageReference in a region.
struct Image {
  Json definition = JsonObject();  // osType, osState, hyperVGeneration, architecture, …
  Json contents = JsonArray();     // see sources.h
  std::string exact_version = {};
  std::string id = {};     // of the version or managed image; not for callers to see
  std::string shown = {};  // as the caller calls it
  std::string provisioning = "azure";
  std::vector<std::string> warnings = {};  // for whoever deploys it
};
Result<Image> find_machine_image(const Draft& draft, const Json& reference);

// virtual_machines.cc
Result<const MachineSize*> size_of(const Draft& draft);
// What the image needs of the size, and of the request.
Result<> check_fit(Draft& draft, const Image& image, const MachineSize& size);
// What the worker needs of it; the catalogue may change.
void note_size(Draft& draft, const MachineSize& size);

// machine_profile.cc: checks and completes osProfile, and takes what is secret out of it.
Result<> prepare_profile(Draft& draft, const Image& image);
// machine_disks.cc: completes storageProfile, and takes the disks that are to be attached. Those
// that come with the machine are rows that put_disks() has yet to write.
struct MachineDisk {
  std::string slot;  // "os", "lun0"
  model::Resource row;
};
Result<std::vector<MachineDisk>> prepare_disks(Draft& draft, const Image& image,
                                               const MachineSize& size);
Result<> put_disks(Draft& draft, std::vector<MachineDisk> made);
Result<> change_disks(Draft& draft, const MachineSize& size);
// machine_network.cc
Result<> prepare_cards(Draft& draft);

// machine_actions.cc
// Leaves an operation for the worker, and what the machine is on its way to.
Result<Outcome> begin_machine_task(const Call& call, std::string_view task, std::string_view power,
                                   const std::function<Result<>(const model::Resource&)>& check,
                                   JsonObject input = {});
Result<Outcome> start_machine(const Call& call);
Result<Outcome> power_off_machine(const Call& call);
Result<Outcome> deallocate_machine(const Call& call);
Result<Outcome> restart_machine(const Call& call);
Result<Outcome> reapply_machine(const Call& call);
Result<Outcome> generalize_machine(const Call& call);
Result<Outcome> boot_diagnostics(const Call& call);
Result<Outcome> instance_view(const Call& call);
Json instance_view_of(const model::Resource& machine);

// The stored contents of a machine's disks, for a version or a managed image: each names its disk
// when a worker has to capture it first.
Result<Json> contents_of_machine(const Draft& draft, const model::Resource& machine);

// sizes.cc
Result<Outcome> list_sizes(const Call& call);
Result<Outcome> list_skus(const Call& call);

// Every api-version of virtual machines and managed images, oldest first.
std::span<const std::string_view> compute_api_versions();
Error machine_is(const model::Resource& machine, std::string_view operation,
                 std::string_view because);

}  // namespace pinaco::provider
