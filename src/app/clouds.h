// Names of Microsoft's clouds. A client that knows nothing but these names reaches this server by
// them when the server's proxy (proxy.h) answers for a cloud.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pinaco::app {

struct Cloud {
  std::string_view name;  // as Packer's cloud_environment_name says it
  std::string_view manager;
  std::string_view login;
  std::vector<std::string_view> others;  // "*.x" is one label before x

  std::vector<std::string> hosts() const;
};

std::span<const Cloud> known_clouds();
const Cloud* find_cloud(std::string_view name);  // nullptr when unknown; case does not count

// As certificates mean it: case does not count, a star is exactly one label.
bool is_host_of(std::string_view host, std::span<const std::string> names);

}  // namespace pinaco::app
