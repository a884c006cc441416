// The commands of regions.h in the command tree.
#pragma once

#include <functional>
#include <string>

#include "app/regions.h"

namespace CLI {
class App;
}

namespace pinaco::app {

// Adds them below `root`, with options that are written into `options`, which outlives it.
// `add_leaf` is called with every command that can be run, and its name ("region allow").
void add_region_commands(CLI::App& root, RegionOptions& options,
                         const std::function<void(CLI::App&, const std::string&)>& add_leaf);

}  // namespace pinaco::app
