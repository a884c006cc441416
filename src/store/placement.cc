// Which places a copy of an image goes to.
#include <algorithm>
#include <numeric>

#include "store/local_region.h"

namespace pinaco::store {
namespace {

using Held = std::vector<std::optional<std::uint64_t>>;

// The places that come into question, by zone, zones in the order in which they are configured,
// within a zone the best first.
std::vector<std::vector<std::size_t>> by_zone(const std::vector<Place>& places, const Held& held,
                                              const CopyOptions& options) {
  const auto fits = [&](std::size_t i) { return !options.premium || places[i].premium; };
  // Where one of several zones will do, it is one that answers now.
  bool answering = false;
  for (std::size_t i = 0; i < places.size(); ++i) {
    answering =
        answering || (options.redundancy == Redundancy::local && fits(i) && held[i].has_value());
  }
  std::vector<std::vector<std::size_t>> zones;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!fits(i)) continue;
    if (answering && !held[i]) continue;
    const auto zone = std::ranges::find_if(
        zones, [&](const auto& members) { return places[members[0]].zone == places[i].zone; });
    if (zone == zones.end()) {
      zones.push_back({i});
    } else {
      zone->push_back(i);
    }
  }
  for (auto& members : zones) {
    std::ranges::sort(members, [&](std::size_t a, std::size_t b) {
      if (held[a] != held[b]) return held[a] > held[b];  // one that does not answer comes last
      return a < b;
    });
  }
  return zones;
}

}  // namespace

std::vector<std::size_t> choose_places(const std::vector<Place>& places, const Held& held_bytes,
                                       const CopyOptions& options) {
  auto zones = by_zone(places, held_bytes, options);
  if (zones.empty()) return {};
  const std::size_t replicas = std::max<std::size_t>(options.replicas, 1);
  if (options.redundancy == Redundancy::local) {
    const auto held = [&](std::uint64_t sum, std::size_t place) {
      return sum + held_bytes[place].value_or(0);
    };
    const auto less = [&](const auto& a, const auto& b) {
      return std::accumulate(a.begin(), a.end(), std::uint64_t{0}, held) <
             std::accumulate(b.begin(), b.end(), std::uint64_t{0}, held);
    };
    auto chosen = *std::max_element(zones.begin(), zones.end(), less);
    chosen.resize(std::min(chosen.size(), replicas));
    return chosen;
  }
  // One in every zone, then round again until there are enough.
  std::vector<std::size_t> chosen;
  for (std::size_t round = 0; round < places.size(); ++round) {
    for (const auto& members : zones) {
      if (round < members.size() && (round == 0 || chosen.size() < replicas)) {
        chosen.push_back(members[round]);
      }
    }
  }
  return chosen;
}

}  // namespace pinaco::store
