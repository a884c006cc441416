// `pinaco pull`: a version becomes an image file, read over a signed link and compared bit for bit
// with what was published.
#pragma once

#include <string>

#include "app/client.h"
#include "app/console.h"
#include "format/format.h"

namespace pinaco::app {

struct PullOptions {
  std::string name;  // GALLERY/DEFINITION[/VERSION], or a resource id
  std::string file;
  format::Format format = format::Format::raw;
  std::string group;   // empty: looked for
  std::string region;  // empty: the server chooses
  std::size_t lanes = 4;
  Seconds retry_for = Seconds(60);
};

Result<> pull(const PullOptions& options, Console& console);
Result<> pull(const PullOptions& options, Connection& connection, Console& console);

}  // namespace pinaco::app
