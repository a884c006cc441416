#include "app/clouds.h"

#include <algorithm>

#include "base/text.h"

namespace pinaco::app {
namespace {

// Of the hosts that a cloud's clients know by heart: those that answer for what this server has.
// German is the cloud that is no more: its names shadow nothing.
const std::vector<Cloud>& table() {
  static const std::vector<Cloud> clouds = {
      {.name = "German",
       .manager = "management.microsoftazure.de",
       .login = "login.microsoftonline.de",
       .others = {"graph.cloudapi.de", "graph.microsoft.de", "vault.microsoftazure.de",
                  "*.vault.microsoftazure.de", "*.blob.core.cloudapi.de"}},
      {.name = "Public",
       .manager = "management.azure.com",
       .login = "login.microsoftonline.com",
       .others = {"login.windows.net", "graph.microsoft.com", "graph.windows.net",
                  "vault.azure.net", "*.vault.azure.net", "*.blob.core.windows.net"}}};
  return clouds;
}

}  // namespace

std::vector<std::string> Cloud::hosts() const {
  std::vector<std::string> all{std::string(manager), std::string(login)};
  for (const auto each : others) all.emplace_back(each);
  return all;
}

std::span<const Cloud> known_clouds() {
  return table();
}

const Cloud* find_cloud(std::string_view name) {
  const auto found =
      std::ranges::find_if(table(), [&](const Cloud& cloud) { return iequals(cloud.name, name); });
  return found == table().end() ? nullptr : &*found;
}

bool is_host_of(std::string_view host, std::span<const std::string> names) {
  return std::ranges::any_of(names, [&](std::string_view name) {
    if (!name.starts_with("*.")) return iequals(name, host);
    const auto dot = host.find('.');
    return dot != host.npos && dot > 0 && iequals(host.substr(dot), name.substr(1));
  });
}

}  // namespace pinaco::app
