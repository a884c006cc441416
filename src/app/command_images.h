// What is done to whole images, in the command tree: copy.h, advise.h.
#pragma once

#include <functional>

#include "app/advise.h"
#include "app/copy.h"

namespace CLI {
class App;
}

namespace pinaco::app {

// Each adds its command below `root`, with options that are written into `options`, which outlives
// it.
void add_copy_command(CLI::App& root, CopyOptions& options,
                      const std::function<void(CLI::App&)>& add_leaf);
void add_advise_command(CLI::App& root, AdviseOptions& options,
                        const std::function<void(CLI::App&)>& add_leaf);

}  // namespace pinaco::app
