// Who we are and where the server is: remembered by `pinaco login`, overridden by the environment.
#pragma once

#include <functional>
#include <string>

#include "app/console.h"
#include "base/result.h"

namespace pinaco::app {

// A variable of the environment; "" when it is not set.
using Environment = std::function<std::string(const char* name)>;
std::string process_environment(const char* name);

struct Login {
  std::string endpoint;  // "https://host:port", no slash at the end
  std::string ca_file;   // absolute; empty: the system's store
  std::string tenant;
  std::string subscription;
  std::string client_id;
  std::string client_secret;
  std::string proxy = {};  // "http://127.0.0.1:8480"; empty: the server has none
};

// The JSON that `pinaco serve --credentials-file` writes and `pinaco login` keeps: endpoint, ca,
// tenant, subscription, clientId, clientSecret, and proxy when there is one. A relative ca is
// beside the file.
Result<Login> parse_login(std::string_view text, const std::string& folder);
std::string login_text(const Login& login);

// PINACO_LOGIN_FILE, or pinaco/login.json in XDG_CONFIG_HOME, or in ~/.config.
Result<std::string> login_path(const Environment& environment);
// The remembered login with what the environment overrides: PINACO_ENDPOINT, PINACO_CA,
// PINACO_TENANT, PINACO_CLIENT_ID, PINACO_CLIENT_SECRET, PINACO_SUBSCRIPTION, PINACO_PROXY. All but
// the CA and the proxy must be known in the end.
Result<Login> find_login(const Environment& environment);

struct LoginOptions {
  std::string endpoint;
  std::string ca_file;
  std::string tenant;
  std::string client_id;
  std::string client_secret;  // empty: from PINACO_CLIENT_SECRET or standard input
  std::string subscription;
  std::string credentials_file;
};

// Gets a token, chooses a subscription, and remembers both (0600).
Result<> login(const LoginOptions& options, Console& console);

}  // namespace pinaco::app
