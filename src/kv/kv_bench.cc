// Durable transactions and readings a second, by number of threads.
//
//   bench_kv [FOLDER] [SECONDS]
//
// A transaction reads one row and writes two, as a request of the control plane does. Beside it
// stands what the disk allows: 4 KiB appended and synced, one after the other.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "kv/sqlite.h"

namespace pinaco::kv {
namespace {

using Micros = std::chrono::duration<double, std::micro>;

struct Figures {
  double each_second = 0;
  double half_micros = 0;  // half of the calls took at most this
  double most_micros = 0;  // 99 of 100 took at most this
};

// Runs `call(thread, n)` with `threads` threads for `time`.
template <typename Call>
Figures measure(std::size_t threads, Milliseconds time, const Call& call) {
  Clock& clock = system_clock();
  const auto begin = clock.steady();
  std::vector<std::vector<double>> taken(threads);
  std::vector<std::thread> running;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      for (std::size_t n = 0;; ++n) {
        const auto before = clock.steady();
        if (before - begin >= time) return;
        if (const auto result = call(thread, n); !result) {
          fmt::print("failed: {}\n", result.error().message);
          std::exit(1);
        }
        taken[thread].push_back(Micros(clock.steady() - before).count());
      }
    });
  }
  for (auto& thread : running) thread.join();
  const double seconds = std::chrono::duration<double>(clock.steady() - begin).count();
  std::vector<double> all;
  for (const auto& one : taken) all.insert(all.end(), one.begin(), one.end());
  std::ranges::sort(all);
  return {.each_second = static_cast<double>(all.size()) / seconds,
          .half_micros = all[all.size() / 2],
          .most_micros = all[all.size() * 99 / 100]};
}

void print(std::string_view what, std::size_t threads, const Figures& figures,
           std::string_view more = "") {
  fmt::print("{:<22} {:>3} threads {:>9.0f}/s   p50 {:>8.0f} us   p99 {:>8.0f} us {}\n", what,
             threads, figures.each_second, figures.half_micros, figures.most_micros, more);
}

Result<> run(const std::string& folder, Milliseconds time) {
  {
    const auto file = TRY(os::File::create(folder + "/append"));
    const Bytes page(4096, 1);
    print("append and sync 4 KiB", 1, measure(1, time, [&](std::size_t, std::size_t n) -> Result<> {
            TRY(file.write_exact(n * page.size(), page));
            return file.sync();
          }));
  }
  auto kv = TRY(SqliteKv::open(folder + "/kv"));
  const std::string value(1000, 'v');
  for (const std::size_t threads : {1u, 8u, 32u, 128u}) {
    const auto commits = kv->writer().commits();
    const auto revision = TRY(kv->revision("s"));
    const auto figures = measure(threads, time, [&](std::size_t thread, std::size_t n) {
      return kv->change("s", [&](Transaction& change) -> Result<> {
        TRY(change.find("shared"));
        TRY(change.put(fmt::format("resource/{}/{}", thread, n % 1000), value));
        return change.put(fmt::format("operation/{}/{}", thread, n % 1000), "state");
      });
    });
    const auto changes = static_cast<double>(TRY(kv->revision("s")) - revision);
    const auto groups = static_cast<double>(kv->writer().commits() - commits);
    print("transaction", threads, figures, fmt::format("{:.1f} a commit", changes / groups));
  }
  for (const std::size_t threads : {1u, 8u}) {
    print("reading of one row", threads, measure(threads, time, [&](std::size_t, std::size_t n) {
            return kv->read("s", [&](Reader& reader) -> Result<> {
              TRY(reader.find(fmt::format("resource/0/{}", n % 1000)));
              return {};
            });
          }));
  }
  print("range of 100 rows", 1, measure(1, time, [&](std::size_t, std::size_t) {
          return kv->read("s", [&](Reader& reader) -> Result<> {
            TRY(reader.range("resource/", "", 100));
            return {};
          });
        }));
  return {};
}

}  // namespace
}  // namespace pinaco::kv

int main(int count, char** arguments) {
  using namespace pinaco;
  std::string folder = std::string(count > 1 ? arguments[1] : "/tmp") + "/bench-kv-XXXXXX";
  if (!::mkdtemp(folder.data())) {
    fmt::print("no folder can be made like {}\n", folder);
    return 1;
  }
  const Milliseconds time(count > 2 ? std::atoi(arguments[2]) * 1000 : 3000);
  const auto result = kv::run(folder, time);
  std::filesystem::remove_all(folder);
  if (!result) fmt::print("failed: {}\n", result.error().message);
  return result ? 0 : 1;
}
