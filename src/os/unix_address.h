// The address of a socket file.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "base/result.h"

namespace pinaco::os {

// invalid when the path is empty or has more than 107 bytes.
Result<sockaddr_un> unix_address(const std::string& path);

}  // namespace pinaco::os
