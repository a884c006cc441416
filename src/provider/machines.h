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
};
Result<Image> find_machine_image(const Draft& draft, const Json& reference);

// machine_profile.cc: checks and completes osProfile, and takes what is secret out of it.
Result<> prepare_profile(Draft& draft, const Image& image);
// machine_disks.cc: makes or takes the disks that storageProfile names, as rows of their own.
Result<> prepare_disks(Draft& draft, const Image& image, const MachineSize& size);
Result<> change_disks(Draft& draft, const MachineSize& size);
// machine_network.cc
Result<> prepare_cards(Draft& draft);

// machine_actions.cc
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
Result<Outcome> list_usages(const Call& call);

// Every api-version of virtual machines and managed images, oldest first.
std::span<const std::string_view> compute_api_versions();
Error machine_is(const model::Resource& machine, std::string_view operation,
                 std::string_view because);

}  // namespace pinaco::provider
