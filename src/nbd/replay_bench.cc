// Many guests that boot at once, as an NBD server sees them: readers that replay what one real boot
// read. tools/bench_deploy.sh uses it against us and against others.
//
//   bench_replay record FILE SOCKET TRACE      serves FILE until its input ends, and writes TRACE:
//   a
//                                              line a read, "milliseconds offset length"
//   bench_replay load SOCKET NAMES READERS     opens each export named by a line of the file NAMES
//                                              (READERS connections, in turn), reads its first
//                                              4 KiB, and ends
//   bench_replay load SOCKET NAMES READERS TRACE FILE SPREAD SECONDS
//                                              then replays; each reader has one read in flight, as
//                                              most of a boot has. SPREAD > 0: reader i begins
//                                              after its share of SPREAD seconds, and each read
//                                              waits for its recorded time, or for the one before
//                                              if that is later. SPREAD 0: no waiting; the readers
//                                              begin at points all over the trace. Ends when all
//                                              are through, or after SECONDS. One reply in 64 is
//                                              compared with FILE.
// Latencies are counted from sending a request until all of its bytes are here, in this one thread:
// what the reader itself is late counts against the server.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <queue>

#include "base/text.h"
#include "nbd/bare_client.h"
#include "nbd/nbd.h"
#include "os/files.h"
#include "os/limits.h"

namespace pinaco::nbd {
namespace {

using Micros = std::chrono::microseconds;

struct Read {
  Micros at = {};
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
};

double seconds_since(SteadyTime start) {
  return std::chrono::duration<double>(system_clock().steady() - start).count();
}

// --- record -------------------------------------------------------------------------------------

class RecordedDisk final : public DiskReader {
 public:
  RecordedDisk(os::File file, std::uint64_t size_bytes, std::ofstream trace)
      : file_(std::move(file)), size_bytes_(size_bytes), trace_(std::move(trace)) {}
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    {
      const std::lock_guard lock(mutex_);
      const auto now = system_clock().steady();
      if (!first_) first_ = now;
      const std::chrono::duration<double, std::milli> passed = now - *first_;
      trace_ << fmt::format("{:.1f} {} {}\n", passed.count(), offset, into.size()) << std::flush;
    }
    return file_.read_exact(offset, into);
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    return std::vector<Extent>{{.offset = offset, .length = length, .zero = false}};
  }

 private:
  os::File file_;
  std::uint64_t size_bytes_;
  mutable std::mutex mutex_;
  mutable std::ofstream trace_;
  mutable std::optional<SteadyTime> first_;
};

Result<> record(const std::string& path, const std::string& socket, const std::string& trace) {
  auto file = TRY(os::File::open_read(path));
  const auto size_bytes = TRY(file.size_bytes());
  auto server = TRY(serve({.unix_path = socket}));
  const auto disk =
      std::make_shared<RecordedDisk>(std::move(file), size_bytes, std::ofstream(trace));
  server->add("", {.disk = disk});
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) continue;
  return {};
}

// --- load ---------------------------------------------------------------------------------------

Result<std::vector<Read>> read_trace(const std::string& path) {
  std::ifstream file(path);
  std::vector<Read> trace;
  Read read;
  for (double at = 0; file >> at >> read.offset >> read.length; trace.push_back(read)) {
    read.at = Micros(static_cast<std::int64_t>(at * 1000));
  }
  if (trace.empty()) return fail(Kind::invalid, fmt::format("{} is no trace", path));
  return trace;
}

Result<std::vector<std::string>> read_names(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> names;
  for (std::string name; std::getline(file, name);) names.push_back(name);
  if (names.empty()) return fail(Kind::invalid, fmt::format("{} names no export", path));
  return names;
}

struct Reader {
  BareClient client;
  std::size_t next = 0;  // in the trace
  std::size_t left = 0;  // reads still to be sent
  SteadyTime zero = {};  // when its trace began
  SteadyTime sent = {};
  std::size_t got = 0;  // bytes of the reply, its header counted
  std::array<std::uint8_t, simple_reply_size_bytes> head = {};
};

class Replay {
 public:
  Replay(std::vector<Read> trace, ByteView disk, Seconds spread)
      : trace_(std::move(trace)), disk_(disk), spread_(spread) {}

  Result<> run(std::vector<Reader>& readers, Seconds limit);
  void report() const;

 private:
  struct Due {
    SteadyTime at;
    Reader* reader;
    bool operator<(const Due& other) const { return at > other.at; }
  };
  void begin(std::vector<Reader>& readers);
  Result<> send(Reader& reader);
  Result<> receive(Reader& reader);
  Result<> received(Reader& reader);
  void plan(Reader& reader);

  const std::vector<Read> trace_;
  const ByteView disk_;
  const Seconds spread_;
  std::priority_queue<Due> due_;
  std::size_t running_ = 0;
  Bytes scratch_ = Bytes(256 << 10);
  std::vector<std::uint32_t> small_;  // microseconds, of reads up to 4 KiB
  std::vector<std::uint32_t> all_;
  std::uint64_t bytes_ = 0;
  Micros late_ = {};  // the most that a read was sent after its recorded time
  double took_ = 0;
};

void Replay::begin(std::vector<Reader>& readers) {
  const auto now = system_clock().steady();
  const auto count = readers.size();
  for (std::size_t i = 0; i < count; ++i) {
    Reader& reader = readers[i];
    reader.zero = now + std::chrono::duration_cast<Micros>(spread_) * i / count;
    reader.next = spread_.count() == 0 ? trace_.size() * i / count : 0;
    reader.left = trace_.size();
    plan(reader);
  }
  running_ = count;
}

void Replay::plan(Reader& reader) {
  const auto at = spread_.count() == 0 ? SteadyTime() : reader.zero + trace_[reader.next].at;
  due_.push({.at = at, .reader = &reader});
}

Result<> Replay::send(Reader& reader) {
  const Read& read = trace_[reader.next];
  reader.got = 0;
  --reader.left;
  reader.sent = system_clock().steady();
  if (spread_.count() != 0) {
    const auto late = reader.sent - reader.zero - read.at;
    late_ = std::max(late_, std::chrono::duration_cast<Micros>(late));
  }
  return reader.client.send(
      BareClient::request(Command::read, reader.next, read.offset, read.length));
}

Result<> Replay::receive(Reader& reader) {
  const Read& read = trace_[reader.next];
  const std::size_t whole = simple_reply_size_bytes + read.length;
  while (reader.got < whole) {
    const auto room = std::min(whole - reader.got, scratch_.size());
    const auto got =
        ::recv(reader.client.socket().descriptor(), scratch_.data(), room, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return {};
    if (got <= 0) return fail(Kind::unavailable, "the server dropped a reader");
    ByteView piece = ByteView(scratch_).first(static_cast<std::size_t>(got));
    if (reader.got < simple_reply_size_bytes) {
      const auto part = std::min(piece.size(), simple_reply_size_bytes - reader.got);
      std::copy_n(piece.begin(), part, reader.head.begin() + static_cast<long>(reader.got));
      reader.got += part;
      piece = piece.subspan(part);
    }
    if (piece.empty()) continue;
    const auto at = reader.got - simple_reply_size_bytes;
    if (all_.size() % 64 == 0 && !disk_.empty() &&
        !std::ranges::equal(piece, disk_.subspan(read.offset + at, piece.size()))) {
      return fail(Kind::corrupt, fmt::format("wrong bytes at {}", read.offset + at));
    }
    reader.got += piece.size();
  }
  return received(reader);
}

Result<> Replay::received(Reader& reader) {
  if (load_be<std::uint32_t>(reader.head) != simple_reply_magic ||
      load_be<std::uint32_t>(reader.head, 4) != 0 ||
      load_be<std::uint64_t>(reader.head, 8) != reader.next) {
    return fail(Kind::corrupt, "a read failed");
  }
  const auto length = trace_[reader.next].length;
  const auto took =
      std::chrono::duration_cast<Micros>(system_clock().steady() - reader.sent).count();
  all_.push_back(static_cast<std::uint32_t>(took));
  if (length <= 4096) small_.push_back(static_cast<std::uint32_t>(took));
  bytes_ += length;
  reader.next = (reader.next + 1) % trace_.size();
  if (reader.left == 0) {
    --running_;
  } else {
    plan(reader);
  }
  return {};
}

Result<> Replay::run(std::vector<Reader>& readers, Seconds limit) {
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  for (Reader& reader : readers) {
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = &reader}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, reader.client.socket().descriptor(), &event);
  }
  const auto start = system_clock().steady();
  begin(readers);
  std::array<epoll_event, 64> events;
  while (running_ > 0) {
    const auto now = system_clock().steady();
    if (now - start > limit) break;
    while (!due_.empty() && due_.top().at <= now) {
      Reader& reader = *due_.top().reader;
      due_.pop();
      TRY(send(reader));
    }
    const auto wait = due_.empty() ? std::chrono::nanoseconds(std::chrono::milliseconds(100))
                                   : std::max(due_.top().at - now, std::chrono::nanoseconds(0));
    const timespec timeout = {.tv_sec = wait.count() / 1'000'000'000,
                              .tv_nsec = wait.count() % 1'000'000'000};
    const int ready = ::epoll_pwait2(poll, events.data(), events.size(), &timeout, nullptr);
    for (int i = 0; i < ready; ++i) {
      TRY(receive(*static_cast<Reader*>(events[static_cast<std::size_t>(i)].data.ptr)));
    }
  }
  took_ = seconds_since(start);
  ::close(poll);
  return {};
}

double percentile(std::vector<std::uint32_t> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)] / 1000.0;
}

void Replay::report() const {
  const auto count = static_cast<double>(all_.size());
  fmt::print("seconds {:.1f}\nreads {}\nreads_a_second {:.0f}\nMB_a_second {:.0f}\n", took_,
             all_.size(), count / took_, static_cast<double>(bytes_) / 1e6 / took_);
  fmt::print("p50_small_ms {:.2f}\np99_small_ms {:.2f}\np999_small_ms {:.2f}\n",
             percentile(small_, 0.5), percentile(small_, 0.99), percentile(small_, 0.999));
  fmt::print("p50_ms {:.2f}\np99_ms {:.2f}\nlate_ms {:.0f}\nunfinished {}\n", percentile(all_, 0.5),
             percentile(all_, 0.99), static_cast<double>(late_.count()) / 1000, running_);
}

Result<> open_and_read(std::vector<Reader>& readers, const std::string& socket,
                       const std::vector<std::string>& names, std::size_t count) {
  const auto start = system_clock().steady();
  for (std::size_t i = 0; i < count; ++i) {
    readers.push_back({ .client = BareClient(TRY(os::Socket::connect_unix(socket))) });
    const auto& client = readers.back().client;
    TRY(client.open(names[i % names.size()], false));
    TRY(client.send(BareClient::request(Command::read, 0, 0, 4096)));
    if (TRY(client.simple_reply()).error != WireError::none) {
      return fail(Kind::corrupt, "a first read failed");
    }
    TRY(client.receive(4096));
  }
  fmt::print("first_reads_seconds {:.3f}\n", seconds_since(start));
  std::fflush(stdout);
  return {};
}

Result<ByteView> map_file(const std::string& path) {
  const auto file = TRY(os::File::open_read(path));
  const auto size = TRY(file.size_bytes());
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (at == MAP_FAILED) return fail(system_error("mapping " + path, errno));
  return ByteView(static_cast<const std::uint8_t*>(at), size);
}

Result<std::int64_t> number(std::string_view text) {
  const auto value = parse_int(text, 0, 100'000);
  if (value) return *value;
  return fail(Kind::invalid, fmt::format("'{}' must be a number up to 100000", text));
}

Result<> run(const std::vector<std::string>& arguments) {
  const auto count = arguments.size();
  if (count == 4 && arguments[0] == "record") {
    return record(arguments[1], arguments[2], arguments[3]);
  }
  if ((count != 4 && count != 8) || arguments[0] != "load") {
    return fail(Kind::invalid, "usage: the first lines of src/nbd/replay_bench.cc");
  }
  TRY(os::allow_open_files(16 << 10));
  std::vector<Reader> readers;
  const auto wanted = static_cast<std::size_t>(TRY(number(arguments[3])));
  readers.reserve(wanted);
  TRY(open_and_read(readers, arguments[1], TRY(read_names(arguments[2])), wanted));
  if (count == 4) return {};
  Replay replay(TRY(read_trace(arguments[4])), TRY(map_file(arguments[5])),
                Seconds(TRY(number(arguments[6]))));
  TRY(replay.run(readers, Seconds(TRY(number(arguments[7])))));
  replay.report();
  return {};
}

}  // namespace
}  // namespace pinaco::nbd

int main(int count, char** arguments) {
  const auto result = pinaco::nbd::run({arguments + 1, arguments + count});
  if (result) return 0;
  fmt::print(stderr, "{}\n", result.error().message);
  return 1;
}
