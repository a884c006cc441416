// Versions that were deleted in a gallery with soft delete: a fact each, until they are restored by
// a PUT or go for good. While it can be used, a version that is named by its number can still be
// deployed; later it can only be restored. What is over is found by its fact and goes by itself.
// Inside this room only.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

struct Recycled {
  model::Resource version;  // as it was
  WallTime deleted = {};
  WallTime usable_until = {};  // for new machines that name it by its number
  WallTime goes = {};
};

inline constexpr std::int64_t retention_days_usual = 7;
inline constexpr std::int64_t retention_days_max = 365;

// Of the policy of a gallery: the right to turn it on, and its numbers.
Result<> check_recycling(const Draft& draft);
Result<std::optional<Recycled>> find_recycled(const model::View& view,
                                              const arm::ResourceId& version);
// A PUT of a version that was deleted and has no source, or says so: the draft becomes the old
// version. Whether that is so; one that has another meaning is refused.
Result<bool> restore_recycled(Draft& draft);
// A definition is deleted: refused while its gallery keeps deleted versions of it, else those go.
Result<> check_recycled(const Call& call, model::Change& change, const model::Resource& definition);
Result<> remove_recycled(const Call& call, model::Change& change,
                         const model::Resource& definition);

Result<Outcome> list_recycled(const Call& call);
Result<Outcome> delete_recycled(const Call& call);

}  // namespace pinaco::provider
