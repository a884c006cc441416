// The parts [[region]] of the configuration.
#include <set>

#include "app/config_parts.h"
#include "arm/arm.h"

namespace pinaco::app {
namespace {

Result<RegionConfig> read_region(const toml::table& table, const std::string& data_folder,
                                 std::set<std::string>& paths) {
  TRY(check_names(table, {"name", "display_name", "stores"}));
  RegionConfig region;
  TRY(read_text(table, "name", region.name));
  if (region.name.empty() || region.name != arm::normalize_location(region.name) ||
      region.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos) {
    return fail(bad(table, "a region needs a name of lower-case letters and digits."));
  }
  region.display_name = region.name;
  TRY(read_text(table, "display_name", region.display_name));
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
    if (const auto* premium = store->get("premium")) {
      const auto value = premium->value_exact<bool>();
      if (!value) return fail(bad(*premium, "'premium' must be true or false."));
      made.premium = *value;
    }
    if (made.path.empty()) return fail(bad(*store, "a store needs a path."));
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
  std::set<std::string> names;
  std::set<std::string> paths;
  for (const auto& node : list) {
    const auto* table = node.as_table();
    if (table == nullptr) return fail(bad(node, "write each region as [[region]]."));
    auto region = TRY(read_region(*table, data_folder, paths));
    if (!names.insert(region.name).second) {
      return fail(bad(*table, fmt::format("region '{}' is there twice.", region.name)));
    }
    config.regions.push_back(std::move(region));
  }
  return {};
}

}  // namespace pinaco::app
