// Waiting: the one place where a command waits, so that Ctrl-C ends every wait at once and tests
// wait in no time.
#pragma once

#include <memory>

#include "base/clock.h"

namespace pinaco::app {

// Safe from any thread.
class Waiting {
 public:
  virtual ~Waiting() = default;
  // Returns after `time`, or cancelled as soon as the user stops the command.
  virtual Result<> wait(Milliseconds time) = 0;
  virtual Result<> check() = 0;  // cancelled when the user has stopped the command
};

// The first SIGINT or SIGTERM stops the command, the second ends the program with exit code 130.
// Made before other threads, because they inherit the mask of signals; at most one at a time.
std::unique_ptr<Waiting> wait_until_stopped();

// Cannot be stopped: for putting away what a stopped command made.
std::unique_ptr<Waiting> wait_regardless();

// Moves a clock instead of waiting; for tests.
class ManualWaiting final : public Waiting {
 public:
  explicit ManualWaiting(ManualClock& clock) : clock_(clock) {}
  Result<> wait(Milliseconds time) override {
    clock_.advance(time);
    return {};
  }
  Result<> check() override { return {}; }

 private:
  ManualClock& clock_;
};

}  // namespace pinaco::app
