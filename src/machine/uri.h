// Where an NBD export is, taken from the two kinds of URI that this project writes.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace pinaco::machine {

struct ExportAddress {
  std::string name = {};
  std::string host = {};  // empty for a socket file
  std::string port = {};
  std::string socket_path = {};
};

// nbd://host[:port]/name (port 10809 when missing, IPv6 in brackets) or
// nbd+unix:///name?socket=path; percent-encoding is undone.
Result<ExportAddress> parse_export_uri(std::string_view uri);

// The same as QEMU's SocketAddress.
Json to_qemu(const ExportAddress& address);

}  // namespace pinaco::machine
