// Clock and Random: the only sources of time and chance, so that tests can own both.
// Both are safe for any number of threads.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace pinaco {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime now() const = 0;       // what people read; may jump
  virtual SteadyTime steady() const = 0;  // for deadlines, leases and measuring; never jumps
};

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableBytes into) = 0;  // fit for keys and secrets
  std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound); bound > 0
  std::string uuid();                        // version 4, lower case
  std::string hex(std::size_t bytes);
};

Clock& system_clock();
Random& system_random();

// "2026-11-24T15:06:12.0693976+00:00", the form ARM writes.
std::string to_iso8601(WallTime time);
// Accepts a date, or a date and time with optional fraction and an offset or Z; nullopt otherwise.
std::optional<WallTime> parse_iso8601(std::string_view text);

// A clock that stands still until told; for tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime(std::chrono::seconds(1'800'000'000)));
  ~ManualClock() override;
  WallTime now() const override;
  SteadyTime steady() const override;
  void advance(std::chrono::microseconds by);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same bytes for the same seed; for tests.
std::unique_ptr<Random> seeded_random(std::uint64_t seed);

}  // namespace pinaco
