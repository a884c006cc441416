// Access to the bytes of a disk by signed links, granted and revoked. Inside this room only.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

Result<Outcome> begin_access(const Call& call);
Result<Outcome> end_access(const Call& call);
// Refused while a link may still be used; the second forgets those that are over.
Result<> check_no_links(const model::View& view, const model::Resource& disk, WallTime now);
Result<> remove_disk(const Call& call, model::Change& change, const model::Resource& disk);

}  // namespace pinaco::provider
