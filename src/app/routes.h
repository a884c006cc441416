// `pinaco routes`: prints the operations that the server answers.
#pragma once

namespace pinaco::app {

// Returns the exit code.
int print_routes();

}  // namespace pinaco::app
