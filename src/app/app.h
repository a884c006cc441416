// The program: what `pinaco` does with its arguments. One call a process: it sets signals and the
// log level. Returns the exit code: 0 done, 1 failed (the reason is on standard error), 2 the
// arguments were not understood.
#pragma once

#include <string_view>

namespace pinaco::app {

inline constexpr std::string_view program_version = "0.1.0";

int run(int argc, char** argv);

}  // namespace pinaco::app
