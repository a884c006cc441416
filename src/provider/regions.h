// Where resources may be: regions that are restricted, and zones. Inside this room only.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

// The regions that the view's subscription may use, in the catalogue's order.
Result<std::vector<const Location*>> usable_regions(const World& world, const model::View& view);

// check_region() for the location of a resource of a type.
Result<> check_location(const ResourceType& type, const Call& call, const model::View& view,
                        std::string_view asked);
// The zones of a resource are some of its location's.
Result<> check_zones(const ResourceType& type, const Call& call, const model::Resource& wanted);

}  // namespace pinaco::provider
