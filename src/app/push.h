// `pinaco push`: an image file becomes a version of an image definition, uploaded once, copied to
// its regions, and compared bit for bit with the file.
//
// Every step finds what an earlier attempt did, so a push that was stopped, or whose server was,
// is simply run again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/client.h"
#include "app/console.h"
#include "app/reference.h"
#include "format/format.h"

namespace pinaco::app {

struct PushOptions {
  std::string image;
  std::string gallery;
  std::string definition;
  std::string version;
  std::string group = "pinaco";
  std::string location;  // empty: the definition's, the first of regions, or the server's first
  std::vector<TargetRegion> regions;
  int replicas = 1;
  // Empty ones take what the definition says, or the default when it is made.
  std::string publisher;
  std::string offer;
  std::string sku;
  std::string os_type;       // Linux
  std::string generation;    // V1
  std::string os_state;      // Generalized
  std::string architecture;  // x64
  std::string provisioning;  // how machines learn whom to become: azure, nocloud, none
  std::optional<format::Format> format;
  bool exclude_from_latest = false;
  std::string end_of_life;
  std::size_t lanes = 4;
  Seconds retry_for = Seconds(120);
  bool keep_disk = false;
};

Result<> push(const PushOptions& options, Console& console);
// The same over a connection of the caller's.
Result<> push(const PushOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
