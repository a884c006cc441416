// Microsoft.Compute/galleries and galleries/images: containers of versions.
#include "provider/galleries.h"

#include <fmt/format.h>

#include "base/text.h"
#include "provider/limits.h"
#include "provider/recycle.h"
#include "provider/schema.h"
#include "provider/sharing.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view versions_known[] = {
    "2018-06-01", "2019-03-01", "2019-07-01", "2019-12-01", "2020-09-30",
    "2021-07-01", "2021-10-01", "2022-01-03", "2022-03-03", "2022-08-03",
    "2023-07-03", "2024-03-03", "2025-03-03", "2025-12-03", "2026-03-03"};

using enum Shape;
using enum Access;

constexpr Member gallery_members[] = {
    {"description", text, changeable},
    {"identifier", object, read_only},
    {"identifier.uniqueName", text, read_only},
    {"provisioningState", text, read_only},
    {"sharingProfile", object, changeable, "2020-09-30"},
    {"sharingProfile.permissions", text, changeable, "2020-09-30", "Private|Groups|Community"},
    {"sharingProfile.groups", free, read_only, "2020-09-30"},
    {"sharingProfile.communityGalleryInfo", object, changeable, "2021-10-01"},
    {"sharingProfile.communityGalleryInfo.publisherUri", text, changeable, "2021-10-01"},
    {"sharingProfile.communityGalleryInfo.publisherContact", text, changeable, "2021-10-01"},
    {"sharingProfile.communityGalleryInfo.eula", text, changeable, "2021-10-01"},
    {"sharingProfile.communityGalleryInfo.publicNamePrefix", text, changeable, "2021-10-01"},
    {"sharingProfile.communityGalleryInfo.communityGalleryEnabled", boolean, read_only,
     "2021-10-01"},
    {"sharingProfile.communityGalleryInfo.publicNames", free, read_only, "2021-10-01"},
    {"softDeletePolicy", object, changeable, "2021-07-01"},
    {"softDeletePolicy.isSoftDeleteEnabled", boolean, changeable, "2021-07-01"},
    {"softDeletePolicy.retentionPeriodInDays", number, changeable, "2026-03-03"},
    {"softDeletePolicy.gracePeriodInDays", number, changeable, "2026-03-03"},
    {"sharingStatus", free, read_only, "2021-10-01"},
};
constexpr Schema gallery_schema{gallery_members};

constexpr Member definition_members[] = {
    {"description", text, changeable},
    {"eula", text, fixed},
    {"privacyStatementUri", text, fixed},
    {"releaseNoteUri", text, changeable},
    {"osType", text, fixed, "", "Windows|Linux"},
    {"osState", text, fixed, "", "Generalized|Specialized"},
    {"hyperVGeneration", text, fixed, "2019-07-01", "V1|V2"},
    {"architecture", text, fixed, "", "x64|Arm64"},
    {"endOfLifeDate", date, changeable},
    {"identifier", object, fixed},
    {"identifier.publisher", text, fixed},
    {"identifier.offer", text, fixed},
    {"identifier.sku", text, fixed},
    {"recommended", object, changeable},
    {"recommended.vCPUs", object, changeable},
    {"recommended.vCPUs.min", number, changeable},
    {"recommended.vCPUs.max", number, changeable},
    {"recommended.memory", object, changeable},
    {"recommended.memory.min", number, changeable},
    {"recommended.memory.max", number, changeable},
    {"disallowed", object, fixed},
    {"disallowed.diskTypes", list, fixed},
    {"disallowed.diskTypes[]", text, fixed},
    {"purchasePlan", object, fixed},
    {"purchasePlan.name", text, fixed},
    {"purchasePlan.publisher", text, fixed},
    {"purchasePlan.product", text, fixed},
    {"features", list, fixed, "2020-09-30"},
    {"features[]", object, fixed, "2020-09-30"},
    {"features[].name", text, fixed, "2020-09-30"},
    {"features[].value", text, fixed, "2020-09-30"},
    {"features[].startsAtVersion", text, fixed, "2024-03-03"},
    {"provisioningState", text, read_only},
};
constexpr Schema definition_schema{definition_members};

Result<> prepare_gallery(Draft& draft) {
  TRY(check_limit(draft, "galleries"));
  TRY(check_policy_tags(draft.call, draft.wanted.id,
                        draft.current ? draft.current->tags : Json(nullptr), draft.wanted.tags));
  Json& properties = draft.wanted.properties;
  set_path(properties, "identifier.uniqueName",
           fmt::format("{}-{}", draft.change.subscription(), to_upper(draft.wanted.id.name())));
  TRY(check_recycling(draft));
  TRY(check_sharing(draft));
  if (draft.current) return {};
  // The unique name has no resource group in it, so neither may the name repeat.
  arm::ResourceId all{.subscription = draft.change.subscription(),
                      .group = {},
                      .provider = "Microsoft.Compute",
                      .types = {"galleries"},
                      .names = {}};
  for (const auto& other : TRY(draft.change.list_all(all))) {
    if (iequals(other.id.name(), draft.wanted.id.name())) {
      return fail(arm::error(
          Kind::conflict, "Conflict",
          fmt::format("The subscription already has a gallery '{}' in resource group '{}'. Choose "
                      "another gallery name.",
                      other.id.name(), other.id.group)));
    }
  }
  return {};
}

Result<> show_gallery(const Call& call, const model::Resource& gallery, JsonObject& properties) {
  // az dereferences this without looking whether it is there.
  if (call.api_version >= "2021-07-01" && !properties.contains("softDeletePolicy")) {
    properties["softDeletePolicy"] = JsonObject{{"isSoftDeleteEnabled", false}};
  }
  show_sharing(call, gallery, properties);
  return {};
}

Result<> check_recommended(const Json& properties, std::string_view what) {
  const auto path = fmt::format("recommended.{}", what);
  const Json* low = find_path(properties, path + ".min");
  const Json* high = find_path(properties, path + ".max");
  for (const Json* each : {low, high}) {
    if (each != nullptr && (each->get_int64() < 0 || each->get_int64() > INT32_MAX)) {
      return fail(arm::out_of_range(fmt::format("galleryImage.properties.{}", path),
                                    each->get_int64(), 0, INT32_MAX));
    }
  }
  if (low != nullptr && high != nullptr && low->get_int64() > high->get_int64()) {
    const auto full = fmt::format("galleryImage.properties.{}", path);
    return fail(arm::invalid_parameter(
        full, fmt::format("The minimum value of {} must not be greater than the maximum value of "
                          "{}.",
                          full, full)));
  }
  return {};
}

Result<> prepare_definition(Draft& draft) {
  TRY(check_limit(draft, "galleries/images"));
  Json& properties = draft.wanted.properties;
  for (const char* required : {"osType", "osState", "identifier"}) {
    if (find_path(properties, required) == nullptr) {
      return fail(arm::missing_parameter(fmt::format("galleryImage.properties.{}", required)));
    }
  }
  for (const char* member : {"publisher", "offer", "sku"}) {
    TRY(arm::check_identifier(member, string_at(properties, fmt::format("identifier.{}", member))));
  }
  for (const char* what : {"vCPUs", "memory"}) TRY(check_recommended(properties, what));
  TRY(check_end_of_life(draft, "endOfLifeDate"));
  TRY(check_policy_tags(draft.call, draft.wanted.id,
                        draft.current ? draft.current->tags : Json(nullptr), draft.wanted.tags));
  if (find_path(properties, "hyperVGeneration") == nullptr) {
    set_path(properties, "hyperVGeneration", "V1");
  }
  if (find_path(properties, "architecture") == nullptr) set_path(properties, "architecture", "x64");
  if (draft.current) return {};

  const auto same = [&](const Json& other, const char* member) {
    const auto path = fmt::format("identifier.{}", member);
    return iequals(string_at(other, path), string_at(properties, path));
  };
  for (const auto& other :
       TRY(draft.change.list_all(draft.wanted.id.parent().child("images", "")))) {
    if (other.id == draft.wanted.id) continue;
    if (same(other.properties, "publisher") && same(other.properties, "offer") &&
        same(other.properties, "sku")) {
      return fail(arm::error(
          Kind::conflict, "OperationNotAllowed",
          fmt::format("Gallery image: '{}' identified by (publisher:'{}', offer:'{}', sku:'{}') "
                      "already exists. Choose a different publisher, offer, sku combination.",
                      other.id.name(), string_at(properties, "identifier.publisher"),
                      string_at(properties, "identifier.offer"),
                      string_at(properties, "identifier.sku"))));
    }
  }
  return {};
}

constexpr Action gallery_actions[] = {
    {"share", "share/action", "2020-09-30", share_gallery},
};

}  // namespace

std::span<const std::string_view> gallery_api_versions() {
  return versions_known;
}

Result<> check_end_of_life(const Draft& draft, std::string_view path) {
  const auto text = string_at(draft.wanted.properties, path);
  if (text.empty()) return {};
  if (draft.current && string_at(draft.current->properties, path) == text) return {};
  if (*parse_iso8601(text) <= draft.change.now()) {
    return fail(arm::invalid_parameter(fmt::format("{}.properties.{}", draft.type.label, path),
                                       "EndOfLifeDate must be set to a future date."));
  }
  return {};
}

const ResourceType galleries{
    .provider = "Microsoft.Compute",
    .type = "galleries",
    .api_versions = versions_known,
    .patch_since = "2019-07-01",
    .label = "gallery",
    .surface = "capsOperations",
    .created_status = 201,
    .output = false,
    .schema = &gallery_schema,
    .check_name = arm::check_gallery_name,
    .prepare = prepare_gallery,
    .removing = check_not_shared,
    .show = show_gallery,
    .actions = gallery_actions,
};

const ResourceType image_definitions{
    .provider = "Microsoft.Compute",
    .type = "galleries/images",
    .api_versions = versions_known,
    .patch_since = "2019-07-01",
    .label = "galleryImage",
    .surface = "capsOperations",
    .created_status = 201,
    .output = false,
    .schema = &definition_schema,
    .check_name = arm::check_definition_name,
    .prepare = prepare_definition,
    .removing = check_recycled,
    .show = nullptr,
    .actions = {},
    .removed = remove_recycled,
};

}  // namespace pinaco::provider
