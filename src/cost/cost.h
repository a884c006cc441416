// What image versions cost: a ledger of which replicas were where, when and how large, and what
// that comes to at the prices of whoever runs the server (docs/decisions/cost.md).
//
// The ledger is written by follow(), in the transactions that write the versions; a version that is
// gone keeps its part. It is priced when somebody asks, so that new prices hold for all of it.
//
// Threads: all calls from any thread. Lifetime: of the Model. Limits: months_kept; a report has at
// most lines_max lines. Errors: those of the Model, and quota above lines_max. Rights are the
// caller's business.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "model/model.h"

namespace pinaco::cost {

inline constexpr int months_kept = 13;  // before this one
inline constexpr std::size_t lines_max = 20'000;

// --- prices --------------------------------------------------------------------------------------

// Billionths of the currency: sums of these are exact.
using Nanos = std::int64_t;
inline constexpr Nanos nanos_a_unit = 1'000'000'000;
inline constexpr int price_max = 1000;  // of the currency, for a GiB

// What a replica of a disk is charged by. provisioned: its size in whole GiB, as a managed disk;
// stored: the bytes of it that are not zeros, as a snapshot.
enum class Unit { provisioned, stored };
std::string_view to_string(Unit unit);
std::optional<Unit> parse_unit(std::string_view word);

using StoragePrices = std::map<std::string, Nanos, std::less<>>;  // of a GiB a month, by type

struct RegionPrices {
  StoragePrices storage = {};  // where they differ
  std::optional<Nanos> egress = {};
};

// Round numbers unless the operator has others; nobody's price list.
struct Prices {
  std::string currency = "USD";
  Unit unit = Unit::provisioned;
  StoragePrices storage = {{"Standard_LRS", 50'000'000},
                           {"Standard_ZRS", 62'500'000},
                           {"Premium_LRS", 130'000'000},
                           {"PremiumV2_LRS", 130'000'000}};
  Nanos egress = 20'000'000;  // of a GiB that leaves a region
  std::map<std::string, RegionPrices, std::less<>> regions = {};

  Nanos of_storage(std::string_view region, std::string_view type) const;
  Nanos of_egress(std::string_view source) const;
};

// --- the ledger ----------------------------------------------------------------------------------

// Keeps it from now on; before the Model is used.
void follow(model::Model& model);
// After that: versions that an older program made are charged from now on, and without egress.
Result<> catch_up(model::Model& model);
// What ended more than months_kept months before this one goes; looks once a day.
Result<> forget_old(model::Model& model, const std::atomic<bool>& ending);

// --- what it comes to ----------------------------------------------------------------------------

// Calendar months and days, in UTC.
WallTime month_of(WallTime time);                 // where its month begins
WallTime month_after(WallTime time, int months);  // the beginning of the month that many later
std::string month_name(WallTime time);            // "2026-11"
std::optional<WallTime> parse_month(std::string_view text);
WallTime day_of(WallTime time);

enum class Meter { storage, egress };
enum class Grain { day, month };

// What is charged for a version in a region, for a day or a month.
struct Charge {
  std::string version;  // its id, as it was made
  Meter meter = Meter::storage;
  std::string region;  // of the replicas; of egress: which it left
  std::string type;    // of the storage; of egress: the region it went to
  WallTime from = {};  // of the day or month, to its end
  WallTime to = {};
  std::int64_t disks = 0;  // replicas of its disks, the most at a time
  double charged = 0;      // GiB for a month; of egress: GiB
  double stored = 0;       // what was really written for it, in the same unit
  Nanos price = 0;         // of one
  Nanos cost = 0;

  std::string key() const;  // in which order those of a version come
};

struct Query {
  std::string scope;  // the key of a subscription, a group, a gallery, a definition or a version
  WallTime from = {};
  WallTime to = {};
  Grain grain = Grain::month;
  std::string after = {};  // a version's key; only that one and what comes later
};

// Version by version, in the order of their keys, each with all its charges in the order of theirs,
// until `take` says false. The costs of days add up to that of their month, to the last digit.
Result<> each_version(const model::View& view, const Prices& prices, const Query& query,
                      WallTime now,
                      const std::function<bool(const std::string& key, std::vector<Charge>)>& take);

enum class By { gallery, definition, version, region, type, month };
std::optional<By> parse_by(std::string_view word);
std::string_view to_string(By by);

struct Line {
  std::string id;    // of the gallery, definition or version; else empty
  std::string name;  // "linux/debian-12", "westeurope", "2026-11"
  std::int64_t disks = 0;
  double charged = 0;  // GiB for a month
  double stored = 0;   // GiB for a month that were really needed
  double egress = 0;   // GiB charged
  double moved = 0;    // GiB that really crossed
  Nanos storage_cost = 0;
  Nanos egress_cost = 0;

  void add(const Charge& charge);
  Nanos cost() const;
};

struct Report {
  WallTime from = {};
  WallTime to = {};
  By by = By::gallery;
  std::vector<Line> lines;
  Line total;
};

// from and to are the beginnings of months.
Result<Report> report(const model::View& view, const Prices& prices, const std::string& scope,
                      WallTime from, WallTime to, By by, WallTime now);
Json to_json(const Report& report, const Prices& prices);

}  // namespace pinaco::cost
