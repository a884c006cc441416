// What a GiB costs where.
#include "cost/cost.h"

namespace pinaco::cost {

std::string_view to_string(Unit unit) {
  return unit == Unit::provisioned ? "provisioned" : "stored";
}

std::optional<Unit> parse_unit(std::string_view word) {
  for (const Unit unit : {Unit::provisioned, Unit::stored}) {
    if (to_string(unit) == word) return unit;
  }
  return std::nullopt;
}

Nanos Prices::of_storage(std::string_view region, std::string_view type) const {
  if (const auto own = regions.find(region); own != regions.end()) {
    const auto found = own->second.storage.find(type);
    if (found != own->second.storage.end()) return found->second;
  }
  const auto found = storage.find(type);
  return found == storage.end() ? 0 : found->second;
}

Nanos Prices::of_egress(std::string_view source) const {
  const auto own = regions.find(source);
  return own != regions.end() && own->second.egress ? *own->second.egress : egress;
}

}  // namespace pinaco::cost
