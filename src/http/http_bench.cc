// How fast the server answers over TLS: small answers on kept connections, new connections, and
// one large stream. Client and server share this machine.
//
// bench_http FOLDER_WITH_cert.pem_AND_key.pem [clients] [seconds]
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "base/text.h"
#include "http/http.h"

namespace pinaco::http {
namespace {

constexpr std::uint64_t stream_bytes = 1 << 30;

Reply handle(Request& request) {
  Reply reply;
  if (request.target == "/stream") {
    reply.stream =
        BodyStream{.size_bytes = stream_bytes, .write = [](const Sink& sink) -> Result<> {
                     const Bytes piece(1 << 20);
                     for (std::uint64_t at = 0; at < stream_bytes; at += piece.size()) {
                       TRY(sink(piece));
                     }
                     return {};
                   }};
    return reply;
  }
  reply.headers.add("Content-Type", "application/json");
  reply.body = R"({"name":"gallery","location":"westeurope","properties":{"state":"Succeeded"}})";
  return reply;
}

// Answers a second; a fresh client for each of them, or one a thread.
double measure(const ClientOptions& options, const std::string& url, int clients, Seconds time,
               bool fresh) {
  std::atomic<std::uint64_t> answers = 0;
  const auto start = system_clock().steady();
  std::vector<std::thread> threads;
  for (int number = 0; number < clients; ++number) {
    threads.emplace_back([&] {
      auto client = make_client(options);
      while (system_clock().steady() - start < time) {
        if (fresh) client = make_client(options);
        if (const auto answer = client->send({.url = url}); !answer || answer->status != 200) {
          fmt::print(stderr, "failed: {}\n", answer ? "status" : answer.error().message);
          return;
        }
        ++answers;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> took = system_clock().steady() - start;
  return static_cast<double>(answers) / took.count();
}

int run(const std::string& folder, int clients, Seconds time) {
  const auto server =
      serve({.certificate_file = folder + "/cert.pem", .key_file = folder + "/key.pem"}, handle);
  if (!server) {
    fmt::print(stderr, "{}\n", server.error().message);
    return 1;
  }
  const ClientOptions options{.ca_file = folder + "/cert.pem"};
  const auto url = fmt::format("https://127.0.0.1:{}", (*server)->port());
  fmt::print("kept connections, {} clients: {:.0f} answers/s\n", clients,
             measure(options, url + "/", clients, time, false));
  fmt::print("new connections, {} clients: {:.0f} answers/s\n", clients,
             measure(options, url + "/", clients, time, true));
  const auto start = system_clock().steady();
  const auto answer = make_client(options)->send(
      {.url = url + "/stream", .sink = [](ByteView) -> Result<> { return {}; }});
  const std::chrono::duration<double> took = system_clock().steady() - start;
  if (!answer) return 1;
  fmt::print("one stream: {:.0f} MiB/s\n", static_cast<double>(stream_bytes >> 20) / took.count());
  return 0;
}

}  // namespace
}  // namespace pinaco::http

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: bench_http FOLDER [clients] [seconds]\n");
    return 2;
  }
  const auto number = [&](int at, int otherwise) {
    if (count <= at) return otherwise;
    return static_cast<int>(pinaco::parse_int(arguments[at], 1, 1000).value_or(otherwise));
  };
  return pinaco::http::run(arguments[1], number(2, 4), pinaco::Seconds(number(3, 5)));
}
