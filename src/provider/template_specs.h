// Template specs: templates that are kept to be deployed. Inside this room only.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

extern const ResourceType template_specs;
extern const ResourceType template_spec_versions;

}  // namespace pinaco::provider
