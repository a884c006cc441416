// Tables and bars. Cells are measured in bytes: names here are ASCII by ARM's rules.
#include "app/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr Milliseconds redraw_every = Milliseconds(100);
constexpr Milliseconds line_every = Seconds(10);  // when standard error is no terminal

double seconds_of(Milliseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

void write(std::FILE* file, std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), file);  // nobody is left to tell
  (void)std::fflush(file);
}

std::string rate_text(const Bar& bar, Milliseconds elapsed) {
  if (!bar.state.empty()) return bar.state;
  const std::uint64_t moved = bar.done - std::min(bar.start, bar.done);
  if (moved == 0 || elapsed < redraw_every) return "";
  const double rate = static_cast<double>(moved) / seconds_of(elapsed);
  std::string text = human_size(static_cast<std::uint64_t>(rate)) + "/s";
  if (bar.done < bar.total) {
    const double left = static_cast<double>(bar.total - bar.done) / rate;
    const double bounded = std::min(left, 1e6);
    text += fmt::format("  {} left", time_text(Seconds(static_cast<std::int64_t>(bounded + 0.5))));
  }
  return text;
}

}  // namespace

std::string time_text(Milliseconds time) {
  const auto ms = time.count();
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
  const auto seconds = ms / 1000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

std::string table_text(const Table& table, bool colour) {
  std::vector<std::size_t> widths;
  for (const auto& row : table) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : table) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    const bool header = &row == &table.front();
    text += header && colour ? fmt::format("\x1b[1m{}\x1b[0m\n", line) : line + "\n";
  }
  return text;
}

std::string bar_text(const Bar& bar, Milliseconds elapsed, std::size_t columns) {
  constexpr std::size_t cells_max = 24;
  constexpr std::size_t cells_min = 6;
  if (bar.total == 0 && !bar.state.empty()) {  // how much there is to do is not known
    return fmt::format("{:<12} {}", bar.label, bar.state).substr(0, columns);
  }
  const std::uint64_t done = std::min(bar.done, bar.total);
  const double share =
      bar.total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(bar.total);
  std::string text = fmt::format(" {:>3} %", static_cast<int>(share * 100));
  // What is known only as a share has a total of 100.
  if (bar.total > 100) text += fmt::format("  {} of {}", human_size(done), human_size(bar.total));
  const std::string rate = rate_text(bar, elapsed);
  if (!rate.empty()) text += "  " + rate;
  const std::string label = fmt::format("{:<12} ", bar.label);
  const std::size_t taken = label.size() + 2 + text.size();
  const std::size_t room = columns > taken ? columns - taken : 0;
  const std::size_t cells = std::clamp(room, cells_min, cells_max);
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(cells));
  text = fmt::format("{}[{}{}]{}", label, std::string(filled, '='),
                     std::string(cells - filled, ' '), text);
  if (text.size() > columns) text.resize(columns);
  return text;
}

ConsoleOptions Console::for_process(bool json) {
  ConsoleOptions options{.json = json, .columns = 200};
  const char* no_colour = std::getenv("NO_COLOR");
  const bool plain = no_colour != nullptr && *no_colour != '\0';
  options.out_colour = !plain && isatty(STDOUT_FILENO) == 1;
  options.error_terminal = isatty(STDERR_FILENO) == 1;
  if (options.error_terminal) options.columns = 79;
  winsize size = {};
  if (options.error_terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) {
    options.columns = size.ws_col - 1U;
  }
  return options;
}

Console::Console(ConsoleOptions options, Clock& clock)
    : options_(options), clock_(clock), block_start_(clock.steady()), drawn_at_(clock.steady()) {}

Console::~Console() {
  settle();
}

void Console::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (!options_.json) write(options_.out, text);
}

void Console::print_table(const Table& table) {
  print(table_text(table, options_.out_colour));
}

void Console::print_json(const Json& document) {
  const std::lock_guard lock(mutex_);
  if (options_.json) write(options_.out, to_pretty(document) + "\n");
}

void Console::note(std::string_view text) {
  const std::lock_guard lock(mutex_);
  erase();
  write(options_.error, std::string(text) + "\n");
  if (block_open_ && options_.error_terminal) draw(false);
}

void Console::copy(std::string_view text) {
  const std::lock_guard lock(mutex_);
  write(options_.error, text);
}

void Console::show(const std::vector<Bar>& bars) {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.steady();
  if (!block_open_) {
    block_open_ = true;
    block_start_ = now;
    drawn_at_ = now - (options_.error_terminal ? redraw_every : Milliseconds(0));
  }
  bars_ = bars;
  if (now - drawn_at_ >= (options_.error_terminal ? redraw_every : line_every)) draw(false);
}

void Console::settle() {
  const std::lock_guard lock(mutex_);
  if (!block_open_) return;
  draw(true);
  block_open_ = false;
  lines_drawn_ = 0;
  bars_.clear();
}

Milliseconds Console::elapsed() const {
  const std::lock_guard lock(mutex_);
  if (!block_open_) return Milliseconds(0);
  return std::chrono::duration_cast<Milliseconds>(clock_.steady() - block_start_);
}

void Console::draw(bool last) {
  erase();
  drawn_at_ = clock_.steady();
  const auto elapsed = std::chrono::duration_cast<Milliseconds>(drawn_at_ - block_start_);
  std::string text;
  for (const auto& bar : bars_) {
    text += bar_text(bar, elapsed, options_.columns) + "\n";
  }
  write(options_.error, text);
  lines_drawn_ = last ? 0 : bars_.size();
}

void Console::erase() {
  if (!options_.error_terminal) return;
  std::string text;
  for (std::size_t i = 0; i < lines_drawn_; ++i) text += "\x1b[1A\x1b[2K";
  lines_drawn_ = 0;
  if (!text.empty()) write(options_.error, text);
}

}  // namespace pinaco::app
