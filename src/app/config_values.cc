#include "app/config_values.h"

namespace pinaco::app {

Error bad(const toml::node& node, std::string message) {
  return Error{.kind = Kind::invalid,
               .message = fmt::format("The configuration is not valid at line {}: {}",
                                      node.source().begin.line, message)};
}

Result<> check_names(const toml::table& table, std::initializer_list<std::string_view> known) {
  for (const auto& [key, node] : table) {
    bool good = false;
    for (const auto name : known) good = good || key.str() == name;
    if (!good) {
      std::string list;
      for (const auto name : known) list += (list.empty() ? "" : ", ") + std::string(name);
      return fail(bad(node, fmt::format("'{}' is not known here; there are {}.", key.str(), list)));
    }
  }
  return {};
}

Result<> read_number(const toml::table& table, std::string_view name, int low, int high,
                     int& into) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return {};
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < low || *value > high) {
    return fail(bad(*node, fmt::format("'{}' must be a number from {} to {}.", name, low, high)));
  }
  into = static_cast<int>(*value);
  return {};
}

Result<> read_text(const toml::table& table, std::string_view name, std::string& into) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return {};
  const auto value = node->value_exact<std::string>();
  if (!value || value->empty()) return fail(bad(*node, fmt::format("'{}' must be a text.", name)));
  into = *value;
  return {};
}

Result<> read_texts(const toml::table& table, std::string_view name,
                    std::vector<std::string>& into) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return {};
  const auto* list = node->as_array();
  if (list == nullptr) {
    return fail(bad(*node, fmt::format("{} = [\"…\"] is a list of texts.", name)));
  }
  for (const auto& each : *list) {
    const auto text = each.value_exact<std::string>();
    if (!text) return fail(bad(each, fmt::format("{} are texts.", name)));
    into.push_back(*text);
  }
  return {};
}

Result<> read_flag(const toml::table& table, std::string_view name, bool& into) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return {};
  const auto value = node->value_exact<bool>();
  if (!value) return fail(bad(*node, fmt::format("'{}' must be true or false.", name)));
  into = *value;
  return {};
}

}  // namespace pinaco::app
