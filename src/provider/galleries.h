// The rows of the gallery types; see provider.h for what a row says.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

extern const ResourceType galleries;
extern const ResourceType image_definitions;
extern const ResourceType image_versions;

// Every api-version of Microsoft.Compute/galleries and below, oldest first.
std::span<const std::string_view> gallery_api_versions();

// A date that is new lies in the future.
Result<> check_end_of_life(const Draft& draft, std::string_view path);
// Tags that override what the server deletes by itself: only by who may delete versions there.
// Of other resources any tag is just one.
Result<> check_policy_tags(const Call& call, const arm::ResourceId& id, const Json& before,
                           const Json& after);

}  // namespace pinaco::provider
