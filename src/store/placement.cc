// Which places a copy of an image goes to.
#include <algorithm>
#include <numeric>

#include "store/local_region.h"

namespace pinaco::store {
namespace {

// Places by zone, zones in the order in which they are configured, within a zone the best first.
std::vector<std::vector<std::size_t>> by_zone(const std::vector<Place>& places,
                                              const std::vector<std::uint64_t>& held_bytes,
                                              bool premium) {
  std::vector<std::vector<std::size_t>> zones;
  for (std::size_t i = 0; i < places.size(); ++i) {
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
      if (premium && places[a].premium != places[b].premium) return places[a].premium;
      if (held_bytes[a] != held_bytes[b]) return held_bytes[a] > held_bytes[b];
      return a < b;
    });
  }
  return zones;
}

}  // namespace

std::vector<std::size_t> choose_places(const std::vector<Place>& places,
                                       const std::vector<std::uint64_t>& held_bytes,
                                       const CopyOptions& options) {
  auto zones = by_zone(places, held_bytes, options.premium);
  const std::size_t replicas = std::max<std::size_t>(options.replicas, 1);
  if (options.redundancy == Redundancy::local) {
    const auto better = [&](const auto& a, const auto& b) {
      if (options.premium && places[a[0]].premium != places[b[0]].premium) {
        return places[b[0]].premium;
      }
      const auto held = [&](std::uint64_t sum, std::size_t place) {
        return sum + held_bytes[place];
      };
      return std::accumulate(a.begin(), a.end(), std::uint64_t{0}, held) <
             std::accumulate(b.begin(), b.end(), std::uint64_t{0}, held);
    };
    auto chosen = *std::max_element(zones.begin(), zones.end(), better);
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
