// Where an NBD export is: a small reading of the NBD URI text (NBD's doc/uri.md).
#include "machine/uri.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::machine {
namespace {

std::unexpected<Error> refuse(std::string_view uri, std::string_view why) {
  return fail(Kind::invalid, fmt::format("'{}' is no NBD address: {}. Use nbd://host:port/name or "
                                         "nbd+unix:///name?socket=path.",
                                         uri, why));
}

}  // namespace

Result<ExportAddress> parse_export_uri(std::string_view uri) {
  constexpr std::string_view tcp = "nbd://";
  constexpr std::string_view local = "nbd+unix:///";
  ExportAddress address;
  std::optional<std::string> name;
  if (uri.starts_with(local)) {
    const auto rest = uri.substr(local.size());
    constexpr std::string_view query = "?socket=";
    const auto at = rest.find(query);
    if (at == std::string_view::npos) return refuse(uri, "it has no ?socket=");
    name = percent_decode(rest.substr(0, at));
    const auto path = percent_decode(rest.substr(at + query.size()));
    if (!path || path->empty()) return refuse(uri, "its socket is empty");
    address.socket_path = *path;
  } else if (uri.starts_with(tcp)) {
    const auto rest = uri.substr(tcp.size());
    const auto slash = rest.find('/');
    auto authority = rest.substr(0, slash);
    name = percent_decode(slash == std::string_view::npos ? "" : rest.substr(slash + 1));
    const auto bracket = authority.rfind(']');
    const auto colon = authority.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    address.port = has_port ? authority.substr(colon + 1) : "10809";
    if (!parse_int(address.port, 1, 65535)) return refuse(uri, "its port is no number");
    if (has_port) authority = authority.substr(0, colon);
    if (authority.starts_with('[') && authority.ends_with(']')) {
      authority = authority.substr(1, authority.size() - 2);
    }
    if (authority.empty()) return refuse(uri, "its host is empty");
    address.host = authority;
  } else {
    return refuse(uri, "its scheme is unknown");
  }
  if (!name) return refuse(uri, "its percent-encoding is broken");
  address.name = *name;
  return address;
}

Json to_qemu(const ExportAddress& address) {
  if (address.host.empty()) return JsonObject{{"type", "unix"}, {"path", address.socket_path}};
  return JsonObject{{"type", "inet"}, {"host", address.host}, {"port", address.port}};
}

}  // namespace pinaco::machine
