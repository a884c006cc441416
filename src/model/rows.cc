#include "model/rows.h"

namespace pinaco::model {

Result<Json> parse_row(const kv::Row& row) {
  auto json = parse_json(row.value);
  if (!json) {
    return fail(Kind::corrupt,
                "A row of the database cannot be read: " + json.error().message + ".");
  }
  return json;
}

Result<> for_rows(kv::Reader& reader, const std::string& prefix,
                  const std::function<Result<>(const kv::Row&)>& function) {
  const std::string end = kv::prefix_end(prefix);
  std::string begin = prefix;
  for (;;) {
    const auto rows = TRY(reader.range(begin, end, rows_at_once));
    for (const auto& row : rows) TRY(function(row));
    if (rows.size() < rows_at_once) return {};
    begin = rows.back().key + '\0';
  }
}

}  // namespace pinaco::model
