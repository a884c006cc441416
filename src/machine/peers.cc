#include "machine/peers.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "machine/hypervisor.h"

namespace pinaco::machine {

std::string host_in_uri(std::string_view uri) {
  const auto scheme = uri.find("://");
  if (scheme == std::string_view::npos) return {};
  auto host = uri.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (const auto at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
  return std::string(host.substr(0, host.find(':')));
}

bool is_elsewhere(const LibvirtHost& host) {
  const auto name = host_in_uri(host.uri);
  return !name.empty() && name != "localhost" && name != "::1" && !name.starts_with("127.");
}

std::vector<std::string> peers_of(std::string_view uri, const std::string& server) {
  const auto name = host_in_uri(uri);
  if (!is_elsewhere({.name = {}, .uri = std::string(uri)})) return {server, "127.0.0.1"};
  addrinfo hints = {};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const auto* each = found; each != nullptr; each = each->ai_next) {
    char text[INET_ADDRSTRLEN];
    const auto* address = reinterpret_cast<const sockaddr_in*>(each->ai_addr);
    if (::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text) != nullptr) {
      addresses.emplace_back(text);
    }
  }
  // A name of this server: what connects from here to here may come from either address.
  if (std::ranges::find(addresses, server) != addresses.end()) addresses.emplace_back("127.0.0.1");
  return addresses;
}

}  // namespace pinaco::machine
