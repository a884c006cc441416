// The parts of the configuration that have a file of their own. Inside config*.cc only.
#pragma once

#include "app/config.h"
#include "app/config_values.h"

namespace pinaco::app {

Result<> read_cost(const toml::table& table, const std::string& data_folder, cost::Prices& prices);
Result<> read_limits(const toml::table& table, Config& config);
Result<> read_lifecycle(const toml::table& table, provider::LifePolicy& life);
Result<> read_machines(const toml::table& table, const std::string& data_folder,
                       MachinesConfig& machines);
Result<> read_regions(const toml::array& list, const std::string& data_folder, Config& config);

}  // namespace pinaco::app
