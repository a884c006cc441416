// The commands of cloud.h in the command tree.
#pragma once

#include <functional>
#include <string>

#include "app/cloud.h"

namespace CLI {
class App;
}

namespace pinaco::app {

// Adds them below `root`, with options that are written into `options`, which outlives it.
// `add_leaf` is called with every command that can be run, and its name ("cloud az").
void add_cloud_commands(CLI::App& root, CloudOptions& options,
                        const std::function<void(CLI::App&, const std::string&)>& add_leaf);

}  // namespace pinaco::app
