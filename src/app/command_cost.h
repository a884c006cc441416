// `pinaco cost` and `pinaco log` in the command tree: cost_command.h, log_command.h.
#pragma once

#include <functional>

#include "app/cost_command.h"
#include "app/log_command.h"

namespace CLI {
class App;
}

namespace pinaco::app {

// Each adds its command below `root`, with options that are written into `options`, which outlives
// it.
void add_cost_command(CLI::App& root, CostOptions& options,
                      const std::function<void(CLI::App&)>& add_leaf);
void add_log_command(CLI::App& root, LogOptions& options,
                     const std::function<void(CLI::App&)>& add_leaf);

}  // namespace pinaco::app
