// What people see: tables and JSON on standard output, progress and notes on standard error. On a
// terminal progress is redrawn in place; elsewhere it is a line now and then. No colour when
// NO_COLOR is set or standard output is no terminal.
#pragma once

#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace pinaco::app {

struct ConsoleOptions {
  bool json = false;  // -o json: one document on standard output and nothing else there
  bool out_colour = false;
  bool error_terminal = false;
  std::size_t columns = 80;  // of standard error
  std::FILE* out = stdout;
  std::FILE* error = stderr;
};

// Rows of cells, the first being the header. Numbers are the caller's to align.
using Table = std::vector<std::vector<std::string>>;
std::string table_text(const Table& table, bool colour);

// "uploading  [====    ]  62 %  1.2 GiB of 1.9 GiB  210.0 MiB/s  4 s left", at most `columns` wide.
// `start` is what was done before the time began to run: it does not count for the rate. Without a
// total, only label and state.
struct Bar {
  std::string label;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::uint64_t start = 0;
  std::string state = {};  // instead of rate and time left
};
std::string bar_text(const Bar& bar, Milliseconds elapsed, std::size_t columns);
std::string time_text(Milliseconds time);  // "850 ms", "12.3 s", "4 min 10 s"

// Thread-safe. The progress shown is one block of bars; a note scrolls above it.
class Console {
 public:
  static ConsoleOptions for_process(bool json);
  Console(ConsoleOptions options, Clock& clock);
  ~Console();

  bool json() const { return options_.json; }
  void print(std::string_view text);        // standard output; nothing with -o json
  void print_table(const Table& table);     // the same
  void print_json(const Json& document);    // standard output; nothing without -o json
  void note(std::string_view text);         // standard error, one line
  void copy(std::string_view text);         // standard error, as it is
  void show(const std::vector<Bar>& bars);  // replaces the block; draws at most 10 times a second
  void settle();                            // draws the block once more and leaves it there
  Milliseconds elapsed() const;             // since the block began

 private:
  void draw(bool last);
  void erase();

  const ConsoleOptions options_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<Bar> bars_;
  std::size_t lines_drawn_ = 0;
  SteadyTime block_start_;
  SteadyTime drawn_at_;
  bool block_open_ = false;
};

}  // namespace pinaco::app
