// Rows of Kv as what they hold. Inside this room only.
#pragma once

#include <functional>

#include "base/json.h"
#include "kv/kv.h"

namespace pinaco::model {

inline constexpr std::size_t rows_at_once = 1000;

Result<Json> parse_row(const kv::Row& row);

// Every row whose key starts with `prefix`, a few at a time so that no range grows too large.
Result<> for_rows(kv::Reader& reader, const std::string& prefix,
                  const std::function<Result<>(const kv::Row&)>& function);

}  // namespace pinaco::model
