// How many resources of a type there are in a location: rows beside those of the resources, which
// change in the same transactions. Inside this room only.
//
// Whatever makes a resource, deletes it, gives up half-way or goes on after a crash does so by
// Change::put and Change::erase. So they count, and nobody else can forget to.
#pragma once

#include <string>

#include "kv/kv.h"
#include "model/model.h"

namespace pinaco::model {

// Whether resources with such a key are counted.
bool is_counted(std::string_view key);
// Where the row of a resource with this key is counted; empty: nowhere. Machines of a scale set
// count with their set.
std::string count_key(const Resource& resource);
std::string count_key(std::string_view type, std::string_view location);

// The resource that was at `key` becomes `after`; nullptr: it goes. Before its row is written.
Result<> move_count(kv::Transaction& transaction, const std::string& key, const Resource* after);

// What all rows say.
Result<Counts> counts_of_rows(kv::Reader& reader);
// What is kept.
Result<std::size_t> kept_count(kv::Reader& reader, std::string_view key);
Result<Counts> kept_counts(kv::Reader& reader);

// Whether the rows of a shard are where keys.h says and are counted. `conflict`: they were written
// by a newer version of this program.
Result<bool> is_up_to_date(kv::Reader& reader);
Result<> write_counts(kv::Transaction& transaction);  // and that it is up to date

}  // namespace pinaco::model
