// A child process: fork and exec with everything prepared before the fork, since the child of a
// program with threads may only make simple system calls. Output comes through socket pairs, so
// that it can be read with a deadline like any other socket.
#include "os/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace pinaco::os {
namespace {

// What the child needs, made before the fork.
struct Prepared {
  std::vector<char*> arguments;
  std::vector<int> inherited;
  int input;
  int output;
  int errors;
  int failure;  // where the child tells why it could not start
  pid_t parent;
};

[[noreturn]] void give_up(const Prepared& prepared) {
  const int error_number = errno;
  (void)!::write(prepared.failure, &error_number, sizeof error_number);
  ::_exit(127);
}

[[noreturn]] void become(const Prepared& prepared) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (::dup2(prepared.input, 0) < 0 || ::dup2(prepared.output, 1) < 0 ||
      ::dup2(prepared.errors, 2) < 0) {
    give_up(prepared);
  }
  // All sources lie above the targets (see above_all), so no dup2 overwrites a later source.
  for (std::size_t i = 0; i < prepared.inherited.size(); ++i) {
    if (::dup2(prepared.inherited[i], static_cast<int>(3 + i)) < 0) give_up(prepared);
  }
  ::close_range(static_cast<unsigned>(3 + prepared.inherited.size()), ~0u, CLOSE_RANGE_CLOEXEC);
  ::execvp(prepared.arguments[0], prepared.arguments.data());
  give_up(prepared);
}

// Dies with the parent.
[[noreturn]] void become_child(const Prepared& prepared) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(prepared);
  if (::getppid() != prepared.parent) ::_exit(127);  // the parent was quicker to die
  become(prepared);
}

// Leaves its session, and its parent by being a grandchild.
[[noreturn]] void become_nobodys_child(const Prepared& prepared) {
  if (::setsid() < 0) give_up(prepared);
  const pid_t id = ::fork();
  if (id < 0) give_up(prepared);
  if (id > 0) ::_exit(0);
  become(prepared);
}

// A copy of a descriptor that lies above every target of become().
Result<Socket> above_all(int descriptor, std::size_t inherited) {
  Socket copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, static_cast<int>(3 + inherited)));
  if (!copy.is_open()) return std::unexpected(system_error("copying a descriptor", errno));
  return copy;
}

// Ours, and the child's above all targets.
Result<SocketPair> output_pair(std::size_t inherited) {
  auto pair = TRY(socket_pair());
  auto high = TRY(above_all(pair.far.descriptor(), inherited));
  return SocketPair{.near = std::move(pair.near), .far = std::move(high)};
}

// All that a child needs, held open until it has become its program.
class Start {
 public:
  Result<> prepare(const std::vector<std::string>& arguments, std::span<const int> inherited,
                   int output, int errors) {
    CHECK(!arguments.empty());
    const auto count = inherited.size();
    name_ = arguments[0];
    failure_ = TRY(output_pair(count));
    const Socket null_low(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    null_ = TRY(above_all(null_low.descriptor(), count));
    prepared_ = {.arguments = {},
                 .inherited = {},
                 .input = null_.descriptor(),
                 .output = output,
                 .errors = errors,
                 .failure = failure_.far.descriptor(),
                 .parent = ::getpid()};
    for (const auto& argument : arguments) {
      prepared_.arguments.push_back(const_cast<char*>(argument.c_str()));  // execvp's old signature
    }
    prepared_.arguments.push_back(nullptr);
    for (const int descriptor : inherited) {
      copies_.push_back(TRY(above_all(descriptor, count)));
      prepared_.inherited.push_back(copies_.back().descriptor());
    }
    return {};
  }
  const Prepared& prepared() const { return prepared_; }

  // In the parent: the pair ends without a word when the child has become its program.
  Result<> wait_for_exec() {
    {
      const Socket close_now = std::move(failure_.far);
    }
    int error_number = 0;
    const ssize_t told = ::recv(failure_.near.descriptor(), &error_number, sizeof error_number, 0);
    if (told == sizeof error_number) {
      return std::unexpected(system_error("starting " + name_, error_number));
    }
    return {};
  }

 private:
  std::string name_;
  SocketPair failure_;
  Socket null_;
  std::vector<Socket> copies_;
  Prepared prepared_ = {};
};

}  // namespace

Result<Process> Process::start(const std::vector<std::string>& arguments,
                               std::span<const int> inherited) {
  auto output = TRY(output_pair(inherited.size()));
  auto errors = TRY(output_pair(inherited.size()));
  Start start;
  TRY(start.prepare(arguments, inherited, output.far.descriptor(), errors.far.descriptor()));
  const pid_t id = ::fork();
  if (id < 0) return std::unexpected(system_error("starting " + arguments[0], errno));
  if (id == 0) become_child(start.prepared());
  Process process(id, std::move(output.near), std::move(errors.near),
                  Socket(static_cast<int>(::syscall(SYS_pidfd_open, id, 0))));
  TRY(start.wait_for_exec());
  if (!process.alive_.is_open()) return std::unexpected(system_error("opening a pidfd", errno));
  return process;
}

Result<> start_detached(const std::vector<std::string>& arguments, const std::string& log_path,
                        std::span<const int> inherited) {
  const Socket log_low(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log_low.is_open()) return std::unexpected(system_error("opening " + log_path, errno));
  const Socket log = TRY(above_all(log_low.descriptor(), inherited.size()));
  Start start;
  TRY(start.prepare(arguments, inherited, log.descriptor(), log.descriptor()));
  const pid_t id = ::fork();
  if (id < 0) return std::unexpected(system_error("starting " + arguments[0], errno));
  if (id == 0) become_nobodys_child(start.prepared());
  int status = 0;
  while (::waitpid(id, &status, 0) < 0 && errno == EINTR) continue;
  return start.wait_for_exec();
}

Process::Process(Process&& other) noexcept
    : id_(std::exchange(other.id_, -1)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)),
      alive_(std::move(other.alive_)),
      status_(other.status_) {}

Process::~Process() {
  if (id_ < 0 || status_) return;
  ::kill(id_, SIGKILL);
  int status = 0;
  while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) continue;
}

Result<std::optional<int>> Process::wait(Milliseconds timeout) {
  if (status_) return status_;
  if (!TRY(alive_.wait_readable(timeout))) return std::optional<int>();
  int status = 0;
  while (::waitpid(id_, &status, 0) < 0) {
    if (errno != EINTR) return std::unexpected(system_error("waiting for a process", errno));
  }
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

void Process::kill() const {
  // By the pidfd: an id may already be somebody else's.
  (void)::syscall(SYS_pidfd_send_signal, alive_.descriptor(), SIGKILL, nullptr, 0);
}

Result<int> Process::end(Milliseconds grace) {
  if (!status_) ::kill(id_, SIGTERM);  // not reaped yet, so the id is still the child's
  if (const auto status = TRY(wait(grace))) return *status;
  ::kill(id_, SIGKILL);
  if (const auto status = TRY(wait(std::chrono::seconds(10)))) return *status;
  return fail(Kind::unavailable, fmt::format("Process {} does not end even when killed.", id_));
}

Error become(const std::vector<std::string>& arguments) {
  std::vector<char*> words;
  for (const auto& argument : arguments) {
    words.push_back(const_cast<char*>(argument.c_str()));  // execvp's old signature
  }
  words.push_back(nullptr);
  (void)std::fflush(nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvp(words[0], words.data());
  if (errno != ENOENT) return system_error("starting " + arguments[0], errno);
  return {.kind = Kind::not_found,
          .message = fmt::format("The program {} is not installed.", arguments[0])};
}

Result<Finished> run_program(const std::vector<std::string>& arguments, Milliseconds timeout) {
  constexpr std::size_t text_bytes_max = 1 << 20;
  const auto end = system_clock().steady() + timeout;
  auto process = TRY(Process::start(arguments));
  Finished finished;
  bool open[2] = {true, true};
  const Socket* sockets[2] = {&process.output(), &process.errors()};
  std::string* texts[2] = {&finished.output, &finished.errors};
  Bytes buffer(64 << 10);
  auto left = [&] {
    return std::max(Milliseconds(0),
                    std::chrono::ceil<Milliseconds>(end - system_clock().steady()));
  };
  while (open[0] || open[1]) {
    const Socket* waiting[2] = {open[0] ? sockets[0] : nullptr, open[1] ? sockets[1] : nullptr};
    const auto ready = TRY(wait_any(waiting, left()));
    if (ready.empty()) {
      return fail(Kind::unavailable, fmt::format("{} took longer than {} ms and was ended.",
                                                 arguments[0], timeout.count()));
    }
    for (const auto which : ready) {
      const auto got = TRY(sockets[which]->read_some(buffer, Milliseconds(0)));
      if (got == 0) open[which] = false;
      const auto room = text_bytes_max - texts[which]->size();
      texts[which]->append(as_text(ByteView(buffer).first(std::min(got, room))));
    }
  }
  const auto status = TRY(process.wait(left()));
  if (!status) return fail(Kind::unavailable, arguments[0] + " closed its output and runs on.");
  finished.status = *status;
  return finished;
}

}  // namespace pinaco::os
