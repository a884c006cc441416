#include "base/clock.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <mutex>
#include <random>

#include "base/text.h"

namespace pinaco {
namespace {

class SystemClock final : public Clock {
 public:
  WallTime now() const override {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

class SystemRandom final : public Random {
 public:
  void fill(MutableBytes into) override {
    CHECK(RAND_bytes(into.data(), static_cast<int>(into.size())) == 1);
  }
};

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(MutableBytes into) override {
    const std::lock_guard lock(mutex_);
    for (auto& byte : into) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace

std::uint64_t Random::below(std::uint64_t bound) {
  CHECK(bound > 0);
  // Draws that would favour small results are thrown away.
  const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % bound;
  for (;;) {
    std::uint8_t bytes[8];
    fill(bytes);
    const auto drawn = load_le<std::uint64_t>(bytes);
    if (drawn < limit) return drawn % bound;
  }
}

std::string Random::uuid() {
  std::uint8_t bytes[16];
  fill(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // version 4, RFC 4122
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  const std::string digits = to_hex(bytes);
  return fmt::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 4), digits.substr(16, 4), digits.substr(20));
}

std::string Random::hex(std::size_t bytes) {
  Bytes drawn(bytes);
  fill(drawn);
  return to_hex(drawn);
}

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

Random& system_random() {
  static SystemRandom random;
  return random;
}

std::string to_iso8601(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}0+00:00",
                     static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  std::size_t at = 0;
  bool good = true;
  const auto number = [&](std::size_t digits, std::int64_t low, std::int64_t high) -> std::int64_t {
    const auto value = parse_int(text.substr(std::min(at, text.size()), digits), low, high);
    good = good && value && at + digits <= text.size();
    at += digits;
    return value.value_or(0);
  };
  const auto letter = [&](std::string_view any) {
    good = good && at < text.size() && any.find(text[at]) != std::string_view::npos;
    at++;
  };
  const auto year = number(4, 0, 9999);
  letter("-");
  const auto month = number(2, 1, 12);
  letter("-");
  const auto day = number(2, 1, 31);
  if (!good) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  WallTime time = std::chrono::sys_days(date);
  if (at == text.size()) return time;

  letter("Tt ");
  time += std::chrono::hours(number(2, 0, 23));
  letter(":");
  time += std::chrono::minutes(number(2, 0, 59));
  if (at < text.size() && text[at] == ':') {
    at++;
    time += std::chrono::seconds(number(2, 0, 60));
  }
  if (good && at < text.size() && text[at] == '.') {
    at++;
    std::int64_t scale = 100'000;
    const std::size_t first = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; at++, scale /= 10) {
      time += std::chrono::microseconds((text[at] - '0') * scale);
    }
    good = at > first && at - first <= 9;
  }
  if (!good) return std::nullopt;
  if (at == text.size()) return time;  // no zone is taken as UTC, as ARM does
  if (text.substr(at) == "Z" || text.substr(at) == "z") return time;
  const int sign = text[at] == '-' ? 1 : -1;
  letter("+-");
  time += sign * std::chrono::hours(number(2, 0, 14));
  if (good && at < text.size() && text[at] == ':') at++;
  time += sign * std::chrono::minutes(number(2, 0, 59));
  if (!good || at != text.size()) return std::nullopt;
  return time;
}

struct ManualClock::State {
  mutable std::mutex mutex;
  WallTime wall;
  SteadyTime steady;
};

ManualClock::ManualClock(WallTime start) : state_(std::make_unique<State>()) {
  state_->wall = start;
}
ManualClock::~ManualClock() = default;

WallTime ManualClock::now() const {
  const std::lock_guard lock(state_->mutex);
  return state_->wall;
}
SteadyTime ManualClock::steady() const {
  const std::lock_guard lock(state_->mutex);
  return state_->steady;
}
void ManualClock::advance(std::chrono::microseconds by) {
  const std::lock_guard lock(state_->mutex);
  state_->wall += by;
  state_->steady += by;
}

std::unique_ptr<Random> seeded_random(std::uint64_t seed) {
  return std::make_unique<SeededRandom>(seed);
}

}  // namespace pinaco
