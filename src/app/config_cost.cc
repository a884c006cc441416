// The part [cost] of the configuration, and the file of prices that it names.
#include <cmath>

#include "app/config_parts.h"
#include "arm/arm.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

constexpr std::string_view storage_types[] = {"Standard_LRS", "Standard_ZRS", "Premium_LRS",
                                              "PremiumV2_LRS"};

// An error of the file of prices, which has lines of its own.
Error in_file(Error error, const std::string& path) {
  error.message = fmt::format("In the prices '{}': {}", path, error.message);
  return error;
}

Result<> read_price(const toml::table& table, std::string_view name,
                    std::optional<cost::Nanos>& into) {
  const auto* node = table.get(name);
  if (node == nullptr) return {};
  const auto value = node->is_integer() || node->is_floating_point() ? node->value<double>()
                                                                     : std::optional<double>();
  const bool good = value && *value >= 0 && *value <= cost::price_max;  // and not NaN
  const double nanos = good ? *value * static_cast<double>(cost::nanos_a_unit) : 0;
  if (!good || std::abs(nanos - std::round(nanos)) > std::max(1e-6, nanos * 1e-15)) {
    return fail(bad(*node, fmt::format("'{}' must be a price from 0 to {} with at most nine "
                                       "decimals, as 0.05.",
                                       name, cost::price_max)));
  }
  into = std::llround(nanos);
  return {};
}

Result<> read_storage(const toml::table& table, cost::StoragePrices& prices) {
  for (const auto type : storage_types) {
    std::optional<cost::Nanos> price;
    TRY(read_price(table, type, price));
    if (price) prices[std::string(type)] = *price;
  }
  return {};
}

Result<> read_region(const toml::table& table, cost::Prices& prices) {
  TRY(check_names(
      table, {"name", "egress", "Standard_LRS", "Standard_ZRS", "Premium_LRS", "PremiumV2_LRS"}));
  std::string name;
  TRY(read_text(table, "name", name));
  if (name.empty()) return fail(bad(table, "prices of a region need its name."));
  cost::RegionPrices region;
  TRY(read_price(table, "egress", region.egress));
  TRY(read_storage(table, region.storage));
  if (prices.regions.emplace(arm::normalize_location(name), std::move(region)).second) return {};
  return fail(bad(table, fmt::format("the prices of region '{}' are there twice.", name)));
}

Result<> read_currency(const toml::table& table, cost::Prices& prices) {
  TRY(read_text(table, "currency", prices.currency));
  const auto& code = prices.currency;
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (code.size() == 3 && std::ranges::all_of(code, capital)) return {};
  return fail(bad(*table.get("currency"), "'currency' is a code of three letters, as \"EUR\"."));
}

Result<> read_all(const toml::table& root, cost::Prices& prices) {
  TRY(check_names(root, {"currency", "egress", "storage", "region"}));
  TRY(read_currency(root, prices));
  std::optional<cost::Nanos> egress;
  TRY(read_price(root, "egress", egress));
  if (egress) prices.egress = *egress;
  if (const auto* node = root.get("storage")) {
    const auto* storage = node->as_table();
    if (storage == nullptr) return fail(bad(*node, "write the prices of storage below [storage]."));
    TRY(check_names(*storage, {"Standard_LRS", "Standard_ZRS", "Premium_LRS", "PremiumV2_LRS"}));
    TRY(read_storage(*storage, prices.storage));
  }
  const auto* node = root.get("region");
  if (node == nullptr) return {};
  const auto* list = node->as_array();
  if (list == nullptr) return fail(bad(*node, "write the prices of each region as [[region]]."));
  for (const auto& each : *list) {
    const auto* region = each.as_table();
    if (region == nullptr) {
      return fail(bad(each, "write the prices of each region as [[region]]."));
    }
    TRY(read_region(*region, prices));
  }
  return {};
}

}  // namespace

Result<> read_prices(const std::string& text, const std::string& path, cost::Prices& prices) {
  const auto parsed = toml::parse(text);
  if (!parsed) {
    return fail(Kind::invalid,
                fmt::format("'{}' is not valid TOML at line {}: {}", path,
                            parsed.error().source().begin.line, parsed.error().description()));
  }
  const auto read = read_all(parsed.table(), prices);
  if (!read) return fail(in_file(read.error(), path));
  return {};
}

Result<> read_cost(const toml::table& table, const std::string& data_folder, cost::Prices& prices) {
  TRY(check_names(table, {"prices", "unit"}));
  std::string word;
  TRY(read_text(table, "unit", word));
  if (!word.empty()) {
    const auto unit = cost::parse_unit(word);
    if (!unit) return fail(bad(*table.get("unit"), "'unit' is \"provisioned\" or \"stored\"."));
    prices.unit = *unit;
  }
  std::string path;
  TRY(read_text(table, "prices", path));
  if (path.empty()) return {};
  if (!path.starts_with('/')) path = data_folder + "/" + path;
  return read_prices(TRY(os::read_file(path, 1 << 20)), path, prices);
}

}  // namespace pinaco::app
