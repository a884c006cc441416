// What the shared handlers of resource types have in common. Inside this room only.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

// Another operation works on it: the same may be asked again later (Kind::busy).
Error busy_with(const model::Resource& resource);

}  // namespace pinaco::provider
