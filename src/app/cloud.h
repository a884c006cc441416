// `pinaco cloud CLIENT`: the lines that point a client of Azure at this server, to be copied and
// pasted into a shell or a program. They come from the login that `pinaco login` keeps. The secret
// is in those of `pinaco cloud env` only, which the others call.
#pragma once

#include <string>
#include <vector>

#include "app/console.h"
#include "app/login.h"

namespace pinaco::app {

struct CloudOptions {
  std::string command;  // "cloud az", "cloud env", …; "cloud": what there is
  bool apply = false;   // az: run its lines up to the login
  bool hybrid = false;  // az: with the older profile, in a folder of its own
};

Result<> cloud(const CloudOptions& options, Console& console);
Result<> cloud(const CloudOptions& options, const Login& login, Console& console);

struct CloudClient {
  std::string_view name;
  std::string_view about;
  std::string (*text)(const CloudOptions& options, const Login& login);
};
const std::vector<CloudClient>& cloud_clients();

// The description for `az cloud register --cloud-config`.
Json az_cloud(const Login& login, bool hybrid);
// As one word of a shell.
std::string in_shell(std::string_view value);

}  // namespace pinaco::app
