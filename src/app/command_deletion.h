// What deletes, and what says what is deleted, in the command tree: remove.h, expire.h, retain.h.
#pragma once

#include <functional>

#include "app/expire.h"
#include "app/remove.h"
#include "app/retain.h"

namespace CLI {
class App;
}

namespace pinaco::app {

// Each adds its command below `root`, with options that are written into `options`, which outlives
// it.
void add_delete_command(CLI::App& root, DeleteOptions& options,
                        const std::function<void(CLI::App&)>& add_leaf);
void add_expire_command(CLI::App& root, ExpireOptions& options,
                        const std::function<void(CLI::App&)>& add_leaf);

void add_retain_command(CLI::App& root, RetainOptions& options,
                        const std::function<void(CLI::App&)>& add_leaf);

}  // namespace pinaco::app
