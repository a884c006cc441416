// Disks become larger, by themselves or in the list of their machine; smaller never.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

inline constexpr std::int64_t disk_gb_max = 32767;

// The new size of a disk or snapshot in its own row, when a request changes it. A machine that has
// the disk must be deallocated, and shows the new size.
Result<> change_size(Draft& draft);

// The same for the entry `known` of a machine's list, where `said` names another diskSizeGB.
Result<> grow_listed(Draft& draft, Json& known, const Json& said, std::string_view path);

}  // namespace pinaco::provider
