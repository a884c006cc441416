// Values of the configuration, read strictly: a wrong one names its line. Inside config*.cc only:
// toml++ is slow to compile.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <vector>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "base/result.h"

namespace pinaco::app {

Error bad(const toml::node& node, std::string message);
// Every member of the table is one of these.
Result<> check_names(const toml::table& table, std::initializer_list<std::string_view> known);
// What is not there leaves `into` as it is.
Result<> read_number(const toml::table& table, std::string_view name, int low, int high, int& into);
Result<> read_text(const toml::table& table, std::string_view name, std::string& into);
Result<> read_texts(const toml::table& table, std::string_view name,
                    std::vector<std::string>& into);
Result<> read_flag(const toml::table& table, std::string_view name, bool& into);

}  // namespace pinaco::app
