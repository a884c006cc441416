// What a reference to a gallery image means for a deployment: which version, whether it is there,
// and what whoever deploys it is to know about it.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/recycle.h"
#include "provider/sources.h"

namespace pinaco::provider {
namespace {

bool is_type(const arm::ResourceId& id, std::string_view type) {
  return iequals(id.provider, "Microsoft.Compute") && iequals(id.type(), type) && id.is_resource();
}

std::string_view state_in(const model::Resource& version, std::string_view location) {
  const Json* region = find_path(version.internal, "regions." + std::string(location));
  return region == nullptr ? std::string_view() : string_at(*region, "state");
}

std::string_view version_ended_on(const model::Resource& version, WallTime now) {
  return ended_on(version.properties, "publishingProfile.endOfLifeDate", now);
}

bool hides_old(const LifePolicy& policy) {
  return policy.end_of_life >= EndOfLife::hide;
}

bool blocks_old(const LifePolicy& policy) {
  return policy.end_of_life >= EndOfLife::block;
}

// Which versions may be the latest.
struct Wanted {
  bool eager = false;
  bool old_too = false;     // past their end of life
  bool marked_too = false;  // about to go
};

Error too_old(std::string_view reference) {
  return arm::error(
      Kind::conflict, "OperationNotAllowed",
      fmt::format("The gallery image '{}' has reached its end of life, and this server starts "
                  "nothing new from such images. Choose a newer version, or ask the image's owner "
                  "to move endOfLifeDate.",
                  reference),
      "imageReference");
}

bool is_excluded(const World& world, const model::Resource& version, std::string_view location) {
  if (bool_at(version.properties, "publishingProfile.excludeFromLatest")) return true;
  const Json* regions = find_path(version.properties, "publishingProfile.targetRegions");
  if (regions == nullptr) return false;
  for (const Json& region : regions->get_array()) {
    const Location* known = world.find_location(string_at(region, "name"));
    if (known != nullptr && known->name == location && bool_at(region, "excludeFromLatest")) {
      return true;
    }
  }
  return false;
}

Result<std::optional<model::Resource>> find_latest(const Call& call, const model::View& view,
                                                   const arm::ResourceId& definition,
                                                   std::string_view location, Wanted wanted) {
  std::optional<model::Resource> latest;
  const auto now = call.model.clock().now();
  if (!wanted.old_too) {
    const auto parent = TRY(view.find(definition));
    if (parent && !ended_on(parent->properties, "endOfLifeDate", now).empty()) return latest;
  }
  TRY(view.from_last(
      definition.child("versions", ""), [&](model::Resource version) -> Result<bool> {
        // An update that failed takes nothing from what was there before.
        if (!bool_at(version.internal, "created") && version.provisioning == "Failed") return true;
        if (!is_deployable(version, location, wanted.eager)) return true;
        if (is_excluded(call.world, version, location)) return true;
        if (!wanted.old_too && !version_ended_on(version, now).empty()) return true;
        if (!wanted.marked_too && is_marked(version)) return true;
        latest = std::move(version);
        return false;
      }));
  return latest;
}

}  // namespace

Error image_not_available(std::string_view reference, std::string_view location) {
  return arm::error(
      Kind::not_found, "GalleryImageNotFound",
      fmt::format("\"The gallery image {} is not available in {} region. Please contact image "
                  "owner to replicate to this region, or change your requested region.\"",
                  reference, location),
      "imageReference");
}

bool is_deployable(const model::Resource& version, std::string_view location, bool eager) {
  if (any_awaits_capture(version)) return false;
  const auto state = state_in(version, location);
  if (state == "Completed") return true;
  // It can be opened while its blocks still arrive, or will never: what is missing here is read
  // from a region that has it.
  return eager && version.provisioning != "Failed" &&
         (state == "Replicating" || state == "Unknown");
}

bool is_eager(const Draft& draft) {
  return draft.call.world.eager || iequals(string_at(draft.wanted.tags, "pinaco-eager"), "true");
}

Result<model::Resource> find_deployable(const Call& call, const model::View& view,
                                        const arm::ResourceId& id, std::string_view reference,
                                        std::string_view location, bool eager) {
  if (id.types.size() == 3) {
    auto version = TRY(view.find(id));
    if (!version) {
      auto old = TRY(find_recycled(view, id));
      if (old && old->usable_until > call.model.clock().now()) version = std::move(old->version);
    }
    if (!version || !is_deployable(*version, location, eager)) {
      return fail(image_not_available(reference, location));
    }
    return std::move(*version);
  }
  const auto gallery = TRY(view.find(id.parent()));
  const auto definition = TRY(view.find(id));
  const auto policy = policy_of(call.world, gallery ? gallery->tags : Json(nullptr),
                                definition ? definition->tags : Json(nullptr));
  const Wanted usual{.eager = eager, .old_too = !hides_old(policy)};
  auto latest = TRY(find_latest(call, view, id, location, usual));
  if (latest) return std::move(*latest);
  const Wanted any{.eager = eager, .old_too = true, .marked_too = true};
  if (TRY(find_latest(call, view, id, location, any))) return fail(too_old(reference));
  return fail(image_not_available(reference, location));
}

Result<> check_life(const Draft& draft, const model::Resource& version,
                    const model::Resource& definition, std::string_view reference,
                    std::vector<std::string>& warnings) {
  const auto now = draft.change.now();
  const auto gallery = TRY(draft.find_linked(definition.id.parent()));
  const auto policy =
      policy_of(draft.call.world, gallery ? gallery->tags : Json(nullptr), definition.tags);
  for (const auto* row : {&version, &definition}) {
    if (!is_marked(*row)) continue;
    warnings.push_back(fmt::format(
        "The gallery image '{}' is to be deleted at {}. Plan to move to a newer version.",
        reference, string_at(row->internal, fmt::format("{}.goes", mark_path))));
  }
  auto date = version_ended_on(version, now);
  if (date.empty()) date = ended_on(definition.properties, "endOfLifeDate", now);
  if (date.empty() || policy.end_of_life == EndOfLife::off) return {};
  if (blocks_old(policy)) return fail(too_old(reference));
  warnings.push_back(fmt::format(
      "The gallery image '{}' reached its end of life at {}. Plan to move to a newer version.",
      reference, date));
  return {};
}

void advise_on_size(const Json& definition, const MachineSize& size, std::string_view reference,
                    std::vector<std::string>& warnings) {
  const auto advise = [&](std::string_view what, std::string_view unit, double have) {
    const Json* least = find_path(definition, fmt::format("recommended.{}.min", what));
    const Json* most = find_path(definition, fmt::format("recommended.{}.max", what));
    const bool low = least != nullptr && have < static_cast<double>(least->get_int64());
    const bool high = most != nullptr && have > static_cast<double>(most->get_int64());
    if (!low && !high) return;
    warnings.push_back(fmt::format("The size '{}' has {} {}; the image '{}' recommends {} {}.",
                                   size.name, have, unit, reference, low ? "at least" : "at most",
                                   (low ? least : most)->get_int64()));
  };
  advise("vCPUs", "vCPUs", size.processors);
  advise("memory", "GB of memory", static_cast<double>(size.memory_mib) / 1024);
}

Result<model::Resource> resolve_image(const Call& call, const model::View& view,
                                      const arm::ResourceId& reference, std::string_view location,
                                      bool eager) {
  auto id = reference;
  const bool exact = is_type(id, "galleries/images/versions") && !iequals(id.name(), "latest");
  if (is_type(id, "galleries/images/versions") && !exact) id = id.parent();
  if (!exact && !is_type(id, "galleries/images")) {
    return fail(arm::invalid_parameter(
        "imageReference", fmt::format("'{}' is not a gallery image definition or version. Expect "
                                      "…/galleries/{{gallery}}/images/{{definition}}"
                                      "[/versions/{{version}}].",
                                      reference.text())));
  }
  if (!iequals(id.subscription, view.subscription())) {
    std::optional<model::Resource> found;
    TRY(call.model.read(id.subscription, [&](const model::View& other) -> Result<> {
      found = TRY(resolve_image(call, other, reference, location, eager));
      return {};
    }));
    return std::move(*found);
  }
  TRY(call.may_link(exact ? "Microsoft.Compute/galleries/images/versions/read"
                          : "Microsoft.Compute/galleries/images/read",
                    id));
  return find_deployable(call, view, id, reference.text(), location, eager);
}

}  // namespace pinaco::provider
