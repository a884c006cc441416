// A child process with an argument list (no shell), its output, and a certain end.
//
// Threads: one. The child is killed when the thread that started it dies, so that nothing
// outlives this program. Lifetime: the destructor kills a child that still runs and reaps it.
// Errors: not_found when the program is not installed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "os/sockets.h"

namespace pinaco::os {

class Process {
 public:
  // arguments[0] is the program, looked up in PATH. The child has no input; descriptors in
  // `inherited` are 3, 4, ... in it, and nothing else of ours is open there.
  static Result<Process> start(const std::vector<std::string>& arguments,
                               std::span<const int> inherited = {});
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  pid_t id() const { return id_; }
  const Socket& output() const { return output_; }  // its standard output
  const Socket& errors() const { return errors_; }  // its standard error

  // The exit code, or 128 and the signal that ended it; nullopt when it still runs by then.
  Result<std::optional<int>> wait(Milliseconds timeout);
  void kill() const;  // from any thread; nothing when it has ended
  // Asks it to end, waits, and kills it if it does not.
  Result<int> end(Milliseconds grace);

 private:
  Process(pid_t id, Socket output, Socket errors, Socket alive)
      : id_(id), output_(std::move(output)), errors_(std::move(errors)), alive_(std::move(alive)) {}
  pid_t id_ = -1;
  Socket output_;
  Socket errors_;
  Socket alive_;  // a pidfd: readable once the child has ended
  std::optional<int> status_;
};

// A program that outlives this one: in a session of its own, a child of nobody here. Its output and
// errors are appended to `log_path` (0600); descriptors in `inherited` are 3, 4, ... in it.
// not_found when it is not installed.
Result<> start_detached(const std::vector<std::string>& arguments, const std::string& log_path,
                        std::span<const int> inherited);

// Becomes another program in this process, looked up in PATH, with the input and output that this
// one has. Returns only when that is not possible, with why.
Error become(const std::vector<std::string>& arguments);

struct Finished {
  int status = 0;
  std::string output;
  std::string errors;
};
// Runs a program to its end; unavailable when it takes longer. Each text is cut at 1 MiB.
Result<Finished> run_program(const std::vector<std::string>& arguments, Milliseconds timeout);

}  // namespace pinaco::os
