// The ledger as rows and as what they say. Inside this room only.
//
//   cost/of/subscriptions/…/versions/1.0.0/now              {"id","regions":{r:{"since",…}}}
//   cost/of/subscriptions/…/versions/1.0.0/past/<20 digits>  the same, of what ended then
//   cost/of/subscriptions/…/versions/1.0.0/egress/<20 digits>
//                                        {"id","from","regions":{r:{"bytes","moved"}}}
//   cost/begun  cost/swept               of the shard: see catch_up(), forget_old()
//
// Facts of the subscription; times are microseconds since 1970. What ends together is one row, so
// that a version that goes writes two, in however many regions it was.
#pragma once

#include "cost/cost.h"

namespace pinaco::cost {

inline constexpr std::string_view rows_of = "cost/of";
inline constexpr std::string_view begun_fact = "cost/begun";
inline constexpr std::string_view swept_fact = "cost/swept";

struct Image {  // of a disk, in the region that it was imported in
  std::string manifest;
  std::uint64_t stored_bytes = 0;  // that were new then
};

struct Stay {  // of a version in a region, in which nothing about it changed
  std::string region;
  std::string type;  // of the storage
  std::int64_t replicas = 1;
  std::int64_t disks = 1;            // of the version
  std::int64_t gib = 0;              // provisioned, of its disks together, each in whole ones
  std::uint64_t occupied_bytes = 0;  // that are not zeros
  std::uint64_t stored_bytes = 0;    // that were written here, for all copies
  std::vector<Image> images = {};    // and these, unless another version brought them
  WallTime since = {};
  std::optional<WallTime> until = {};  // not yet
};

struct Transfer {  // the first copy into a region
  std::string from;
  std::string to;
  std::uint64_t bytes = 0;  // that are not zeros
  std::uint64_t moved = 0;  // that really crossed
  WallTime at = {};
};

struct VersionLedger {
  std::string key;
  std::string id;
  std::vector<Stay> stays;
  std::vector<Transfer> transfers;
};

// The row of the version, or what soft delete keeps of it, against the ledger: what is no longer so
// ends now, and what is new begins.
enum class Egress { charged, free };
Result<> settle_version(model::Change& change, const std::string& key, Egress egress);

// Version by version in the order of their keys, from `after` on, until `take` says false.
Result<> each_ledger(const model::View& view, std::string_view scope, std::string_view after,
                     const std::function<bool(VersionLedger)>& take);

// What a row's name says.
struct RowName {
  std::string_view version;
  std::string_view kind;              // "now", "past", "egress"
  std::optional<WallTime> time = {};  // of the last two
};
std::optional<RowName> parse_row_name(std::string_view name);

}  // namespace pinaco::cost
