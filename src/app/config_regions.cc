// The parts [[region]] of the configuration: the catalogue.
#include <algorithm>
#include <set>

#include "app/config_parts.h"
#include "arm/arm.h"

namespace pinaco::app {
namespace {

constexpr std::size_t text_bytes_max = 100;
constexpr std::size_t zone_bytes_max = 8;  // as in requests

// Of what clients read: names of places.
Result<> read_words(const toml::table& table, std::string_view name, std::string& into) {
  TRY(read_text(table, name, into));
  const bool clean =
      std::ranges::none_of(into, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (clean && into.size() <= text_bytes_max) return {};
  return fail(bad(*table.get(name),
                  fmt::format("'{}' must be a text of at most {} bytes without control characters.",
                              name, text_bytes_max)));
}

Result<> read_degrees(const toml::table& table, std::string_view name, double most,
                      std::string& into) {
  const auto* node = table.get(name);
  if (node == nullptr) return {};
  std::optional<double> value = node->value_exact<double>();
  if (!value) {
    if (const auto whole = node->value_exact<std::int64_t>()) value = static_cast<double>(*whole);
  }
  if (!value || !(*value >= -most && *value <= most)) {  // also what is not a number
    return fail(bad(*node, fmt::format("'{}' must be a number from {} to {}.", name, -most, most)));
  }
  into = fmt::format("{}", *value);
  return {};
}

// What clients read of a region, and who may use it.
Result<> read_about(const toml::table& table, RegionConfig& region) {
  region.display_name = region.name;
  TRY(read_words(table, "display_name", region.display_name));
  TRY(read_flag(table, "restricted", region.restricted));
  TRY(read_words(table, "geography", region.geography));
  TRY(read_words(table, "geography_group", region.geography_group));
  TRY(read_words(table, "physical_location", region.physical_location));
  TRY(read_text(table, "paired", region.paired));
  TRY(read_degrees(table, "latitude", 90, region.latitude));
  TRY(read_degrees(table, "longitude", 180, region.longitude));
  if (region.latitude.empty() == region.longitude.empty()) return {};
  return fail(bad(table, fmt::format("region '{}' has one of latitude and longitude: write both or "
                                     "none.",
                                     region.name)));
}

// Another one of the same catalogue.
Result<> check_pair(const toml::table& table, const RegionConfig& region, const Config& config) {
  if (region.paired.empty()) return {};
  const bool known = std::ranges::any_of(
      config.regions, [&](const auto& each) { return each.name == region.paired; });
  if (known && region.paired != region.name) return {};
  return fail(bad(*table.get("paired"),
                  fmt::format("region '{}' is paired with '{}', which is no other region of this "
                              "file.",
                              region.name, region.paired)));
}

// Two regions that one text means could not be told apart.
Result<> check_names_differ(const toml::table& table, const RegionConfig& region,
                            const Config& config) {
  const auto shown = arm::normalize_location(region.display_name);
  for (const auto& each : config.regions) {
    if (each.name == region.name) {
      return fail(bad(table, fmt::format("region '{}' is there twice.", region.name)));
    }
    const auto other = arm::normalize_location(each.display_name);
    if (shown == each.name || shown == other || region.name == other) {
      return fail(bad(table, fmt::format("regions '{}' and '{}' have names that mean the same.",
                                         each.name, region.name)));
    }
  }
  return {};
}

Result<RegionConfig> read_region(const toml::table& table, const std::string& data_folder,
                                 std::set<std::string>& paths) {
  TRY(check_names(table,
                  {"name", "display_name", "stores", "restricted", "geography", "geography_group",
                   "physical_location", "paired", "latitude", "longitude"}));
  RegionConfig region;
  TRY(read_text(table, "name", region.name));
  if (region.name.empty() || region.name != arm::normalize_location(region.name) ||
      region.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos) {
    return fail(bad(table, "a region needs a name of lower-case letters and digits."));
  }
  TRY(read_about(table, region));
  const auto* stores = table.get_as<toml::array>("stores");
  if (stores == nullptr || stores->empty()) {
    return fail(
        bad(table, fmt::format("region '{}' needs stores = [{{ path = \"…\" }}].", region.name)));
  }
  for (const auto& node : *stores) {
    const auto* store = node.as_table();
    if (store == nullptr) return fail(bad(node, "a store is a table: { path = \"…\" }."));
    TRY(check_names(*store, {"path", "zone", "premium"}));
    StoreConfig made;
    TRY(read_text(*store, "path", made.path));
    TRY(read_text(*store, "zone", made.zone));
    TRY(read_flag(*store, "premium", made.premium));
    if (made.path.empty()) return fail(bad(*store, "a store needs a path."));
    if (made.zone.size() > zone_bytes_max) {
      return fail(
          bad(*store, fmt::format("'{}' is no zone: write \"1\", \"2\" or \"3\".", made.zone)));
    }
    if (made.path.front() != '/') made.path = data_folder + "/" + made.path;
    if (!paths.insert(made.path).second) {
      return fail(bad(*store, fmt::format("'{}' is used by two stores.", made.path)));
    }
    region.stores.push_back(std::move(made));
  }
  return region;
}

}  // namespace

Result<> read_regions(const toml::array& list, const std::string& data_folder, Config& config) {
  config.regions.clear();
  std::set<std::string> paths;
  for (const auto& node : list) {
    const auto* table = node.as_table();
    if (table == nullptr) return fail(bad(node, "write each region as [[region]]."));
    auto region = TRY(read_region(*table, data_folder, paths));
    TRY(check_names_differ(*table, region, config));
    config.regions.push_back(std::move(region));
  }
  for (std::size_t i = 0; i < config.regions.size(); i++) {
    TRY(check_pair(*list[i].as_table(), config.regions[i], config));
  }
  return {};
}

}  // namespace pinaco::app
