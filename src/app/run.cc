// From arguments to a command and its exit code.
#include <fmt/format.h>

#include <cstdio>

#include "app/app.h"
#include "app/command_line.h"
#include "app/routes.h"
#include "arm/arm.h"
#include "guest/guest.h"
#include "machine/machine.h"

namespace pinaco::app {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

void print_error(const Error& error, int depth = 0) {
  const std::string code = error.code.empty() ? "" : fmt::format(" ({})", error.code);
  fmt::print(stderr, "{:{}}{}{}{}\n", "", depth * 2, depth == 0 ? "pinaco: " : "", error.message,
             code);
  for (const auto& detail : error.details) print_error(detail, depth + 1);
}

int exit_code_of(const Result<>& done) {
  if (done) return 0;
  print_error(done.error());
  return exit_failed;
}

struct Runner {
  bool json = false;

  int operator()(const PrintText& print) const {
    (void)std::fputs(print.text.c_str(), stdout);
    return 0;
  }
  int operator()(const ServeOptions& options) const { return serve(options); }
  int operator()(const RoutesOptions&) const { return print_routes(); }
  int operator()(const RegionOptions& options) const {
    return with_console([&](Console& console) { return regions(options, console); });
  }
  int operator()(const UsageOptions& options) const {
    return with_console([&](Console& console) { return print_usage(options, console); });
  }
  int operator()(const CostOptions& options) const {
    return with_console([&](Console& console) { return print_cost(options, console); });
  }
  int operator()(const LoginOptions& options) const {
    return with_console([&](Console& console) { return login(options, console); });
  }
  int operator()(const PushOptions& options) const {
    return with_console([&](Console& console) { return push(options, console); });
  }
  int operator()(const PullOptions& options) const {
    return with_console([&](Console& console) { return pull(options, console); });
  }
  int operator()(const ListOptions& options) const {
    return with_console([&](Console& console) { return list(options, console); });
  }
  int operator()(const LogOptions& options) const {
    return with_console([&](Console& console) { return print_log(options, console); });
  }
  int operator()(const ShowOptions& options) const {
    return with_console([&](Console& console) { return show(options, console); });
  }
  int operator()(const BootOptions& options) const {
    return with_console([&](Console& console) { return boot(options, console); });
  }
  int operator()(const CopyOptions& options) const {
    return with_console([&](Console& console) { return copy(options, console); });
  }
  int operator()(const AdviseOptions& options) const {
    return with_console([&](Console& console) { return advise(options, console); });
  }
  int operator()(const DeleteOptions& options) const {
    return with_console([&](Console& console) { return remove(options, console); });
  }
  int operator()(const ExpireOptions& options) const {
    return with_console([&](Console& console) { return expire(options, console); });
  }
  int operator()(const RetainOptions& options) const {
    return with_console([&](Console& console) { return retain(options, console); });
  }
  int operator()(const DirectoryOptions& options) const {
    return with_console([&](Console& console) { return directory(options, console); });
  }
  int operator()(const MachineOptions& options) const {
    return with_console([&](Console& console) { return machines(options, console); });
  }
  int operator()(const CloudOptions& options) const {
    return with_console([&](Console& console) { return cloud(options, console); });
  }

 private:
  template <typename Function>
  int with_console(const Function& function) const {
    Console console(Console::for_process(json), system_clock());
    const Result<> done = function(console);
    console.settle();
    return exit_code_of(done);
  }
};

}  // namespace

int run(int argc, char** argv) {
  // Not for people, and so not in the help: the server starts it for each virtual machine.
  if (argc == 3 && std::string_view(argv[1]) == "machine") {
    return machine::supervise(argv[2], guest::Card::attach);
  }
  const auto parsed = parse_command_line(argc > 1 ? std::vector<std::string>(argv + 1, argv + argc)
                                                  : std::vector<std::string>{"--help"});
  if (!parsed) {
    print_error(parsed.error());
    return exit_usage;
  }
  const int code = std::visit(Runner{.json = parsed->json}, parsed->command);
  // What was printed counts only once it is out: a full disk must not pass for success.
  if (std::fflush(stdout) != 0) {
    fmt::print(stderr, "pinaco: the output could not be written\n");
    return exit_failed;
  }
  return code;
}

}  // namespace pinaco::app
