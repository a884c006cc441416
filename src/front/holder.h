// Who made a link or an export, as its row remembers it, so that the right to it can be asked for
// again: it ends with its maker's. Inside this room only. Pure but for what Access reads.
#pragma once

#include "front/front.h"

namespace pinaco::front {

// The right that opens the bytes of a disk, a snapshot or a version: beginGetAccess for the first
// two; those of a version belong to whoever may read it.
std::string bytes_right(const arm::ResourceId& id);

Json holder_of(const identity::Caller& caller);
// Whether the holder is there, enabled, and has bytes_right() on the resource.
Result<bool> still_may(const Parts& parts, const Json& holder, const arm::ResourceId& id);

// durationInSeconds of a request: from 1 to `seconds_max`.
Result<Seconds> duration_of(const Json& body, Seconds otherwise, Seconds seconds_max);

}  // namespace pinaco::front
