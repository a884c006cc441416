// Rows that an older version of this program wrote, brought to where keys.h says. Each step is a
// transaction that can be repeated; a kill between two of them is gone on from at the next start.
#include <fmt/format.h>

#include "base/log.h"
#include "model/counts.h"
#include "model/keys.h"
#include "model/rows.h"

namespace pinaco::model {
namespace {

constexpr std::size_t rows_a_step = 400;  // two writes each

}  // namespace

Result<> Model::bring_up_to_date() {
  const std::string prefix = type_prefix("microsoft.compute/galleries/images/versions", {});
  for (const auto& shard : TRY(shards())) {
    bool done = false;
    TRY(kv_.read(shard, [&](kv::Reader& reader) -> Result<> {
      done = TRY(is_up_to_date(reader));
      return {};
    }));
    if (done) continue;
    LOG(info, "model", "the rows of the subscription {} are brought up to date", shard);
    std::string begin = prefix;
    for (bool more = true; more;) {
      std::string next;
      TRY(kv_.change(shard, [&](kv::Transaction& transaction) -> Result<> {
        const auto rows = TRY(transaction.range(begin, kv::prefix_end(prefix), rows_a_step));
        more = rows.size() == rows_a_step;
        for (const auto& row : rows) {
          const auto key = resource_key(TRY(resource_from(TRY(parse_row(row)))).id);
          next = row.key + '\0';
          if (key == row.key) continue;
          TRY(transaction.erase(row.key));
          TRY(transaction.put(key, row.value));
        }
        return {};
      }));
      begin = next;
    }
    TRY(kv_.change(shard, write_counts));
  }
  return {};
}

}  // namespace pinaco::model
