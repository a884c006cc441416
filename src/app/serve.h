// `pinaco serve`: runs the control plane and its regions until it is told to stop.
#pragma once

#include <string>

namespace pinaco::app {

struct ServeOptions {
  std::string config_file;
  std::string data_folder;
  std::string address = "127.0.0.1";
  int port = 8443;
  std::string credentials_file;
  bool reset_administrator = false;
  std::string log_level;
};

// Returns the exit code.
int serve(const ServeOptions& options);

}  // namespace pinaco::app
