// From the ledger to what is charged: the stays of a version in a region and storage type, cut into
// calendar months and days.
//
// What a day costs is what the month costs up to its end less what it costs up to its beginning,
// each rounded once. So days add up to their month, and the halves of a month in which the replicas
// changed to the whole.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cost/amount.h"
#include "cost/ledger.h"

namespace pinaco::cost {
namespace {

// What another version has brought is not counted twice: two versions of one disk, of which the
// first is said to need the room.
class Brought {
 public:
  std::uint64_t bytes_of(const Stay& stay, const std::string& version) {
    std::uint64_t bytes = stay.stored_bytes;
    for (const auto& image : stay.images) {
      const auto [place, first] = by_.emplace(stay.region + "/" + image.manifest, version);
      if (first || place->second == version) bytes += image.stored_bytes;
    }
    return bytes;
  }

 private:
  std::map<std::string, std::string> by_;
};

struct Part {  // a stay with what counts about it
  WallTime since;
  WallTime until;
  std::int64_t disks;
  Wide charged_bytes;
  std::uint64_t stored_bytes;
};
using Parts = std::vector<Part>;

struct Sum {         // of [begin of the month, a time)
  Wide charged = 0;  // byte-microseconds
  Wide stored = 0;
};

Sum sum_of(const Parts& parts, WallTime begin, WallTime end) {
  Sum sum;
  for (const auto& part : parts) {
    const Wide time = overlap(part.since, part.until, begin, end);
    sum.charged += part.charged_bytes * time;
    sum.stored += part.stored_bytes * time;
  }
  return sum;
}

class Pricing {
 public:
  Pricing(const Prices& prices, const Query& query, WallTime now)
      : prices_(prices), query_(query), now_(now) {}

  std::vector<Charge> charges_of(const VersionLedger& ledger) {
    std::vector<Charge> charges;
    std::map<std::pair<std::string, std::string>, Parts> places;
    for (const auto& stay : ledger.stays) {
      const auto until = std::min(stay.until.value_or(now_), now_);
      if (until <= month_of(query_.from) || stay.since >= query_.to) continue;
      const Wide bytes = prices_.unit == Unit::provisioned ? static_cast<Wide>(stay.gib) * gib
                                                           : static_cast<Wide>(stay.occupied_bytes);
      places[{stay.region, stay.type}].push_back(
          {.since = stay.since,
           .until = until,
           .disks = stay.replicas * stay.disks,
           .charged_bytes = bytes * static_cast<Wide>(stay.replicas),
           .stored_bytes = brought_.bytes_of(stay, ledger.key)});
    }
    for (const auto& [place, parts] : places) {
      Charge like{.version = ledger.id, .region = place.first, .type = place.second};
      like.price = prices_.of_storage(like.region, like.type);
      add_months(like, parts, charges);
    }
    for (const auto& transfer : ledger.transfers) add_transfer(ledger, transfer, charges);
    std::ranges::sort(charges, {}, &Charge::key);
    return charges;
  }

 private:
  void add_months(const Charge& like, const Parts& parts, std::vector<Charge>& charges) const {
    const auto first = std::ranges::min(parts, {}, &Part::since).since;
    const auto last = std::min(std::ranges::max(parts, {}, &Part::until).until, query_.to);
    for (auto month = month_of(std::max(first, query_.from)); month < last;
         month = month_after(month, 1)) {
      const auto month_end = month_after(month, 1);
      if (query_.grain == Grain::month) {
        add_period(like, parts, month, month, month_end, charges);
        continue;
      }
      const auto day = std::chrono::days(1);
      for (auto from = std::max(month, day_of(std::max(first, query_.from)));
           from < std::min(month_end, last); from += day) {
        add_period(like, parts, month, from, from + day, charges);
      }
    }
  }

  static void add_period(const Charge& like, const Parts& parts, WallTime month, WallTime from,
                         WallTime to, std::vector<Charge>& charges) {
    Charge charge = like;
    charge.from = from;
    charge.to = to;
    bool there = false;
    for (const auto& part : parts) {
      if (overlap(part.since, part.until, from, to) == 0) continue;
      charge.disks = std::max(charge.disks, part.disks);
      there = true;
    }
    if (!there) return;
    const auto before = sum_of(parts, month, from);
    const auto after = sum_of(parts, month, to);
    const auto unit = month_unit(month);
    charge.charged = quotient(after.charged - before.charged, unit);
    charge.stored = quotient(after.stored - before.stored, unit);
    charge.cost =
        price_of(after.charged, unit, like.price) - price_of(before.charged, unit, like.price);
    charges.push_back(std::move(charge));
  }

  void add_transfer(const VersionLedger& ledger, const Transfer& transfer,
                    std::vector<Charge>& charges) const {
    if (transfer.at < query_.from || transfer.at >= query_.to || transfer.at > now_) return;
    const bool months = query_.grain == Grain::month;
    const auto from = months ? month_of(transfer.at) : day_of(transfer.at);
    Charge charge{.version = ledger.id,
                  .meter = Meter::egress,
                  .region = transfer.from,
                  .type = transfer.to,
                  .from = from,
                  .to = months ? month_after(from, 1) : from + std::chrono::days(1)};
    charge.charged = quotient(transfer.bytes, gib);
    charge.stored = quotient(transfer.moved, gib);
    charge.price = prices_.of_egress(transfer.from);
    charge.cost = price_of(transfer.bytes, gib, charge.price);
    // A region that was given up and filled again in one day or month is one line.
    const auto key = charge.key();
    const auto same = std::ranges::find(charges, key, &Charge::key);
    if (same == charges.end()) {
      charges.push_back(std::move(charge));
      return;
    }
    same->charged += charge.charged;
    same->stored += charge.stored;
    same->cost = sum(same->cost, charge.cost);
  }

  const Prices& prices_;
  const Query& query_;
  const WallTime now_;
  Brought brought_;
};

}  // namespace

std::string Charge::key() const {
  return fmt::format("{}/{}/{}/{}", region, meter == Meter::storage ? "storage" : "egress", type,
                     to_iso8601(from).substr(0, 10));
}

Result<> each_version(
    const model::View& view, const Prices& prices, const Query& query, WallTime now,
    const std::function<bool(const std::string& key, std::vector<Charge>)>& take) {
  Pricing pricing(prices, query, now);
  return each_ledger(view, query.scope, query.after, [&](VersionLedger ledger) {
    auto charges = pricing.charges_of(ledger);
    return charges.empty() || take(ledger.key, std::move(charges));
  });
}

}  // namespace pinaco::cost
