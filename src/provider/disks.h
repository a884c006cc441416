// The rows of managed disks and snapshots; see provider.h for what a row says.
//
// internal of such a row: "content" (what is stored, see sources.h), "upload" {"bytes":n} while
// bytes are taken, "grants" (ids of the facts "grant/<id>" that let signed links through).
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

extern const ResourceType disks;
extern const ResourceType snapshots;

// A signed link's fact: {"resource":id,"of":identity,"access":"Read"|"Write","expires":iso8601}.
std::string grant_fact(std::string_view grant);

}  // namespace pinaco::provider
