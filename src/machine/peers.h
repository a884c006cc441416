// From which addresses a libvirt host connects to this server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pinaco::machine {

// The host that a libvirt URI names, without account, port and brackets; empty for this one.
std::string host_in_uri(std::string_view uri);
// Its IPv4 addresses now; those of this server for a host that is this one; empty when the name
// cannot be looked up, as one that only SSH knows. `server` is this server's address.
std::vector<std::string> peers_of(std::string_view uri, const std::string& server);

}  // namespace pinaco::machine
