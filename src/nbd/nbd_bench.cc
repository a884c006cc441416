// The NBD server over a raw file, and a bare client that measures the time of one small read.
//   bench_nbd FILE SOCKET            serves FILE until its input ends
//   bench_nbd load SOCKET SECONDS    4 KiB reads one after the other, prints reads per second
// tools/bench_nbd.sh compares both with other servers.
#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "base/text.h"
#include "nbd/bare_client.h"
#include "nbd/nbd.h"
#include "os/files.h"

namespace pinaco::nbd {
namespace {

class FileDisk final : public DiskReader {
 public:
  FileDisk(os::File file, std::uint64_t size_bytes)
      : file_(std::move(file)), size_bytes_(size_bytes) {}
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    return file_.read_exact(offset, into);
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    std::vector<Extent> extents;
    for (const auto& span : TRY(file_.spans(offset, length))) {
      extents.push_back({.offset = span.offset, .length = span.length, .zero = span.hole});
    }
    return extents;
  }

 private:
  os::File file_;
  std::uint64_t size_bytes_;
};

Result<> serve_file(const std::string& path, const std::string& socket_path) {
  auto file = TRY(os::File::open_read(path));
  const auto size_bytes = TRY(file.size_bytes());
  auto server = TRY(serve({.unix_path = socket_path}));
  server->add("", {.disk = std::make_shared<FileDisk>(std::move(file), size_bytes)});
  fmt::print("nbd+unix:///?socket={}\n", socket_path);
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) continue;
  return {};
}

Result<> load(const std::string& socket_path, Seconds duration) {
  const BareClient client(TRY(os::Socket::connect_unix(socket_path)));
  TRY(client.greet());
  Bytes go = BareClient::go_data("");
  TRY(client.send(BareClient::option(Option::go, go)));
  std::uint64_t size_bytes = 0;
  while (true) {
    const auto answer = TRY(client.option_answer());
    if (answer.type == OptionReply::ack) break;
    if (answer.type != OptionReply::info) return fail(Kind::invalid, "refused");
    if (load_be<std::uint16_t>(answer.data) == info_export) {
      size_bytes = load_be<std::uint64_t>(answer.data, 2);
    }
  }
  const auto start = system_clock().steady();
  auto random = seeded_random(1);
  std::uint64_t reads = 0;
  Bytes reply(simple_reply_size_bytes + 4096);
  while (system_clock().steady() - start < duration) {
    for (int i = 0; i < 1000; ++i, ++reads) {
      const auto offset = random->below(size_bytes / 4096) * 4096;
      TRY(client.send(BareClient::request(Command::read, reads, offset, 4096)));
      TRY(client.socket().read_exact(reply, BareClient::patience));
      if (load_be<std::uint32_t>(reply, 4) != 0) return fail(Kind::corrupt, "a read failed");
    }
  }
  const std::chrono::duration<double> took = system_clock().steady() - start;
  fmt::print("{:.0f}\n", static_cast<double>(reads) / took.count());
  return {};
}

Result<> run(std::span<char*> arguments) {
  if (arguments.size() == 4 && std::string_view(arguments[1]) == "load") {
    const auto seconds = parse_int(arguments[3], 1, 3600);
    if (!seconds) return fail(Kind::invalid, "SECONDS must be a number from 1 to 3600");
    return load(arguments[2], Seconds(*seconds));
  }
  if (arguments.size() == 3) return serve_file(arguments[1], arguments[2]);
  return fail(Kind::invalid, "usage: bench_nbd FILE SOCKET | bench_nbd load SOCKET SECONDS");
}

}  // namespace
}  // namespace pinaco::nbd

int main(int count, char** arguments) {
  const auto result = pinaco::nbd::run({arguments, static_cast<std::size_t>(count)});
  if (result) return 0;
  fmt::print(stderr, "{}\n", result.error().message);
  return 1;
}
