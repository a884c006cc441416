#include "provider/recycle.h"

#include <fmt/format.h>

#include "base/text.h"
#include "provider/galleries.h"

namespace pinaco::provider {
namespace {

constexpr const char* policy = "softDeletePolicy";
// In one transaction of at most 1,000 writes, with up to 400 rules; each takes two rows of its cost
// along.
constexpr std::size_t erased_max = 150;
constexpr std::string_view since_days = "2026-03-03";  // api-version

// {"row","deleted","usableUntil","goes"}. The janitor looks for all below "recycled/", so that
// their bytes stay; groups take them along.
std::string prefix_of(const arm::ResourceId& definition) {
  return fmt::format("recycled/{}/versions/", definition.key());
}

std::chrono::hours days_of(const model::Resource& gallery, const char* member, std::int64_t usual) {
  return std::chrono::hours(24) *
         int_at(gallery.properties, fmt::format("{}.{}", policy, member), usual);
}

std::string fact_of(const arm::ResourceId& version) {
  return prefix_of(version.parent()) + to_lower(version.name());
}

Result<Recycled> recycled_from(const Json& fact) {
  const Json* row = find_path(fact, "row");
  if (row == nullptr) return fail(Kind::corrupt, "A deleted version has no row.");
  auto version = TRY(model::resource_from(*row));
  const auto time = [&](const char* member) {
    return parse_iso8601(string_at(fact, member)).value_or(WallTime());
  };
  return Recycled{.version = std::move(version),
                  .deleted = time("deleted"),
                  .usable_until = time("usableUntil"),
                  .goes = time("goes")};
}

// .../softDeletedArtifactTypes/Images/artifacts/{definition}/versions[/{version}]
Result<arm::ResourceId> definition_of(const Call& call) {
  if (!iequals(call.parts.at("kind"), "Images")) {
    return fail(arm::invalid_parameter(
        "artifactType", fmt::format("'{}' is not a kind of artifact that is kept: use Images.",
                                    call.parts.at("kind").substr(0, 100))));
  }
  return arm::ResourceId{.subscription = call.parts.at("subscription"),
                         .group = call.parts.at("group"),
                         .provider = "Microsoft.Compute",
                         .types = {"galleries", "images"},
                         .names = {call.parts.at("gallery"), call.parts.at("image")}};
}

Result<> may(const Call& call, const arm::ResourceId& definition, std::string_view what) {
  return call.access.may(call.caller,
                         fmt::format("Microsoft.Compute/galleries/images/versions/{}", what),
                         definition.text());
}

// What clients call it.
arm::ResourceId recycled_id(const arm::ResourceId& version) {
  auto id = version;
  id.types = {"galleries", "softDeletedArtifactTypes", "artifacts", "versions"};
  id.names = {version.names.at(0), "Images", version.names.at(1), version.names.at(2)};
  return id;
}

Json shown(const Call& call, const Recycled& old) {
  JsonObject properties{{"resourceArmId", old.version.id.text()},
                        {"softDeletedArtifactType", "Images"},
                        {"softDeletedTime", to_iso8601(old.deleted)}};
  if (call.api_version >= since_days) {
    properties["consumptionEndTime"] = to_iso8601(old.usable_until);
    properties["hardDeletionTargetTime"] = to_iso8601(old.goes);
  }
  return JsonObject{
      {"name", old.version.id.name()},
      {"id", recycled_id(old.version.id).text()},
      {"type", "Microsoft.Compute/galleries/softDeletedArtifactTypes/artifacts/versions"},
      {"location", old.version.location},
      {"properties", std::move(properties)}};
}

Result<std::vector<Recycled>> recycled_of(const model::View& view,
                                          const arm::ResourceId& definition) {
  std::vector<Recycled> found;
  for (const auto& [name, fact] : TRY(view.facts(prefix_of(definition)))) {
    found.push_back(TRY(recycled_from(fact)));
  }
  return found;
}

Result<> erase_recycled(model::Change& change, const arm::ResourceId& version) {
  return change.erase_fact(fact_of(version));
}

bool names_source(const Json& properties) {
  const Json* storage = find_path(properties, "storageProfile");
  if (storage != nullptr && storage->is_object()) {
    for (const char* member : {"source", "osDiskImage.source", "dataDiskImages"}) {
      const Json* found = find_path(*storage, member);
      if (found != nullptr && !found->is_null()) return true;
    }
  }
  return find_path(properties, "publishingProfile.source") != nullptr;
}

}  // namespace

bool keeps_deleted(const model::Resource& gallery) {
  return bool_at(gallery.properties, "softDeletePolicy.isSoftDeleteEnabled");
}

Result<> check_recycling(const Draft& draft) {
  const auto in = [&](const char* member, std::int64_t low) -> Result<> {
    const auto path = fmt::format("{}.{}", policy, member);
    if (find_path(draft.wanted.properties, path) == nullptr) return {};
    const auto days = int_at(draft.wanted.properties, path);
    if (days >= low && days <= retention_days_max) return {};
    return fail(arm::out_of_range(fmt::format("gallery.properties.{}", path), days, low,
                                  retention_days_max));
  };
  TRY(in("retentionPeriodInDays", 1));
  TRY(in("gracePeriodInDays", 0));
  if (!keeps_deleted(draft.wanted) || (draft.current && keeps_deleted(*draft.current))) return {};
  return draft.call.access.may(draft.call.caller, "Microsoft.Compute/galleries/share/action",
                               draft.wanted.id.text());
}

WallTime recycled_until(const model::Resource& gallery, WallTime now) {
  return now + days_of(gallery, "retentionPeriodInDays", retention_days_usual) +
         days_of(gallery, "gracePeriodInDays", 0);
}

Result<> recycle(model::Change& change, const model::Resource& gallery,
                 const model::Resource& version) {
  const auto already = TRY(change.facts(prefix_of(version.id.parent())));
  if (already.size() >= recycled_max) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("The gallery keeps {} deleted versions of the image definition '{}', as many "
                    "as it may. Delete some of those for good (as this one would be, by DELETE of "
                    "{}), or shorten how long they are kept, and try again.",
                    already.size(), version.id.parent().nested_name(),
                    recycled_id(version.id).text())));
  }
  auto row = version;
  row.operation.clear();
  erase_path(row.internal, mark_path);
  const auto usable =
      change.now() + days_of(gallery, "retentionPeriodInDays", retention_days_usual);
  return change.put_fact(fact_of(version.id),
                         JsonObject{{"row", model::to_json(row)},
                                    {"deleted", to_iso8601(change.now())},
                                    {"usableUntil", to_iso8601(usable)},
                                    {"goes", to_iso8601(recycled_until(gallery, change.now()))}});
}

Result<std::optional<Recycled>> find_recycled(const model::View& view,
                                              const arm::ResourceId& version) {
  const auto fact = TRY(view.find_fact(fact_of(version)));
  if (!fact) return std::nullopt;
  return TRY(recycled_from(*fact));
}

Result<bool> restore_recycled(Draft& draft) {
  auto& wanted = draft.wanted;
  const bool asked = bool_at(wanted.properties, "restore");
  erase_path(wanted.properties, "restore");
  const auto old = TRY(find_recycled(draft.change, wanted.id));
  if (draft.current && (bool_at(draft.current->internal, "created") || !old)) return false;
  if (!old) {
    if (!asked) return false;
    return fail(arm::error(
        Kind::not_found, "ResourceNotFound",
        fmt::format("The image version '{}' cannot be restored: no version of this name was "
                    "deleted in its gallery while soft delete was on, or it is gone for good.",
                    wanted.id.nested_name()),
        "galleryImageVersion.properties.restore"));
  }
  if (!asked && names_source(wanted.properties)) {
    return fail(arm::error(
        Kind::conflict, "Conflict",
        fmt::format("The image version '{}' was deleted and can be restored until {}: PUT it "
                    "without a storageProfile. To use its number for another image, delete '{}' "
                    "first.",
                    wanted.id.nested_name(), to_iso8601(old->goes),
                    recycled_id(wanted.id).text())));
  }
  if (!iequals(wanted.location, old->version.location)) {
    return fail(
        arm::error(Kind::conflict, "InvalidResourceLocation",
                   fmt::format("The image version '{}' was in location '{}' and is restored "
                               "there, not in '{}'.",
                               wanted.id.nested_name(), old->version.location, wanted.location)));
  }
  const auto id = wanted.id;
  wanted = old->version;
  wanted.id = id;
  // The worker finds its bytes in place; a region that has changed meanwhile it fills.
  draft.task = "replicate_version";
  TRY(erase_recycled(draft.change, id));
  return true;
}

Result<> check_recycled(const Call&, model::Change& change, const model::Resource& definition) {
  const auto old = TRY(recycled_of(change, definition.id));
  if (old.empty()) return {};
  if (!keeps_deleted(TRY(change.get(definition.id.parent())))) {
    if (old.size() <= erased_max) return {};
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("The image definition '{}' has {} deleted versions, of which {} go with it at "
                    "most. `pinaco delete` takes any number away.",
                    definition.id.nested_name(), old.size(), erased_max)));
  }
  return fail(arm::error(
      Kind::conflict, "OperationNotAllowed",
      fmt::format("The image definition '{}' has {} deleted version(s) that can be restored, such "
                  "as '{}'. Delete those for good, or turn the gallery's soft delete off, and try "
                  "again.",
                  definition.id.nested_name(), old.size(),
                  recycled_id(old.front().version.id).text())));
}

Result<> remove_recycled(const Call&, model::Change& change, const model::Resource& definition) {
  for (const auto& each : TRY(recycled_of(change, definition.id))) {
    TRY(erase_recycled(change, each.version.id));
  }
  return {};
}

Result<Outcome> list_recycled(const Call& call) {
  const auto definition = TRY(definition_of(call));
  TRY(may(call, definition, "read"));
  JsonArray rows;
  TRY(call.model.read(definition.subscription, [&](const model::View& view) -> Result<> {
    rows.clear();
    if (!TRY(view.find(definition))) return fail(arm::parent_not_found(definition));
    for (const auto& each : TRY(recycled_of(view, definition))) rows.push_back(shown(call, each));
    return {};
  }));
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> delete_recycled(const Call& call) {
  const auto definition = TRY(definition_of(call));
  TRY(may(call, definition, "delete"));
  const auto version = definition.child("versions", call.parts.at("version"));
  Outcome outcome;
  TRY(call.model.change(definition.subscription, [&](model::Change& change) -> Result<> {
    outcome = Outcome{.status = 204};
    const auto old = TRY(find_recycled(change, version));
    if (!old) return {};
    TRY(access::check_locks(change, definition.text(), true));
    outcome = Outcome{.status = 202, .location_header = true};
    outcome.operation =
        TRY(change.start(model::Operation{.resource = old->version.id,
                                          .surface = "capsOperations",
                                          .location = old->version.location,
                                          .state = model::OperationState::succeeded}));
    return erase_recycled(change, version);
  }));
  return outcome;
}

}  // namespace pinaco::provider
