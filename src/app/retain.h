// `pinaco retain`: what the server deletes by itself in a gallery or of a definition, as tags.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

// Empty: as it was.
struct RetainOptions {
  std::string name = {};  // GALLERY[/DEFINITION]
  std::string group = {};
  std::string end_of_life = {};
  std::string grace_days = {};
  std::string in_use = {};
  std::string newest = {};
  std::string tagged = {};
  std::string soft_delete = {};  // of a gallery: "on", "off"
  bool clear = false;            // first, all of it: the server's own setting holds
  Seconds retry_for = Seconds(30);
};

Result<> retain(const RetainOptions& options, Console& console);
Result<> retain(const RetainOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
