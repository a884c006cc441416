// The server's patience: deadlines, places for connections, stopping.
#include <gtest/gtest.h>

#include <thread>

#include "http/http_testing.h"

namespace pinaco::http {
namespace {

Reply echo(Request& request) {
  Reply reply;
  reply.headers.add("X-Target", request.target);
  return reply;
}

BodyStream stream_of(std::uint64_t size_bytes, std::function<Result<>(const Sink&)> write) {
  return {.size_bytes = size_bytes, .write = std::move(write)};
}

std::string get(const std::string& target, const std::string& fields = "Connection: close\r\n") {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

// Waits, at most 10 s, until the server's numbers are as wanted.
bool becomes(const Server& server, const std::function<bool(const ServerCounts&)>& wanted) {
  const auto end = system_clock().steady() + Seconds(10);
  while (system_clock().steady() < end) {
    if (wanted(server.counts())) return true;
    std::this_thread::yield();
  }
  return false;
}

// --- deadlines ---------------------------------------------------------------------------------

TEST(HttpPatience, GivesUpAHeadThatDoesNotEnd) {
  auto server = start_server({.head_timeout = Milliseconds(150)}, echo);
  RawClient client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n");
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 408 "));
}

TEST(HttpPatience, GivesAHeadOneDeadlineHoweverOftenBytesCome) {
  auto server = start_server({.head_timeout = Milliseconds(300)}, echo);
  RawClient client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n");
  const auto start = system_clock().steady();
  bool ended = false;
  while (!ended && system_clock().steady() - start < Seconds(10)) {
    client.send("X: y\r\n");
    ended = client.socket().wait_readable(Milliseconds(20)).value_or(true);
  }
  EXPECT_TRUE(ended);
  EXPECT_LT(system_clock().steady() - start, Seconds(5));
}

TEST(HttpPatience, ClosesIdleConnectionsSilently) {
  auto server = start_server({.idle_timeout = Milliseconds(150)}, echo);
  RawClient fresh(server->port());
  EXPECT_EQ(fresh.read_to_end(), "");
  RawClient used(server->port());
  used.send(get("/", ""));
  EXPECT_EQ(count_of(used.read_to_end(), "HTTP/1.1 "), 1u);
}

TEST(HttpPatience, GivesUpABodyThatStalls) {
  auto server = start_server({.stall_timeout = Milliseconds(150)}, echo);
  RawClient client(server->port());
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf");
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 408 "));
}

TEST(HttpPatience, GivesUpABodyThatTrickles) {
  auto server = start_server({.stall_timeout = Milliseconds(300)}, echo);
  RawClient client(server->port());
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  const auto start = system_clock().steady();
  bool ended = false;
  while (!ended && system_clock().steady() - start < Seconds(10)) {
    client.send("x");
    ended = client.socket().wait_readable(Milliseconds(20)).value_or(true);
  }
  EXPECT_TRUE(ended);
  EXPECT_LT(system_clock().steady() - start, Seconds(5));
}

TEST(HttpPatience, CutsAReaderThatDoesNotRead) {
  Gate failed;
  auto server = start_server({.stall_timeout = Milliseconds(150)}, [&](Request&) {
    Reply reply;
    reply.stream = stream_of(1 << 30, [&](const Sink& sink) -> Result<> {
      const Bytes piece(1 << 20);
      for (int at = 0; at < 1024; ++at) {
        if (auto sent = sink(piece); !sent) {
          failed.open();
          return sent;
        }
      }
      return {};
    });
    return reply;
  });
  RawClient client(server->port());
  client.send(get("/"));
  EXPECT_TRUE(failed.wait());
}

// --- places ------------------------------------------------------------------------------------

TEST(HttpPatience, TakesThePlaceOfAnIdleConnectionWhenFull) {
  auto server = start_server({.connections_max = 2}, echo);
  RawClient idle(server->port());
  idle.send(get("/", ""));
  idle.read_until("\r\n\r\n");
  RawClient slow(server->port());
  slow.send("GET / HTTP/1.1\r\n");
  ASSERT_TRUE(becomes(*server, [](auto& counts) { return counts.open == 2; }));
  RawClient late(server->port());
  late.send(get("/late"));
  EXPECT_EQ(count_of(late.read_to_end(), "X-Target: /late"), 1u);
  EXPECT_EQ(idle.read_to_end(), "");
}

TEST(HttpPatience, LetsNewConnectionsWaitWhileAllAreBusy) {
  Gate go;
  auto server = start_server({.connections_max = 1}, [&](Request& request) {
    if (request.target == "/first") go.wait();
    return echo(request);
  });
  RawClient first(server->port());
  first.send(get("/first"));
  ASSERT_TRUE(becomes(*server, [](auto& counts) { return counts.requests == 1; }));
  RawClient second(server->port());
  second.send(get("/second"));
  EXPECT_FALSE(second.socket().wait_readable(Milliseconds(500)).value());
  EXPECT_EQ(server->counts().connections, 1u);
  go.open();
  EXPECT_EQ(count_of(first.read_to_end(), "X-Target: /first"), 1u);
  EXPECT_EQ(count_of(second.read_to_end(), "X-Target: /second"), 1u);
}

TEST(HttpPatience, FreesThePlaceOfEveryClientThatLeaves) {
  auto server = start_server({}, echo);
  for (int at = 0; at < 200; ++at) {
    RawClient client(server->port());
    client.send(at % 2 == 0 ? "GET / HT"
                            : "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab");
  }
  EXPECT_TRUE(
      becomes(*server, [](auto& counts) { return counts.connections == 200 && counts.open == 0; }));
  EXPECT_EQ(server->counts().requests, 0u);
}

// --- stopping ----------------------------------------------------------------------------------

TEST(HttpPatience, LetsRequestsUnderWayEndWhenItStops) {
  Gate go;
  auto server = start_server({}, [&](Request& request) {
    go.wait();
    return echo(request);
  });
  RawClient idle(server->port());
  auto busy = std::make_unique<RawClient>(server->port());
  busy->send(get("/busy", ""));
  ASSERT_TRUE(becomes(*server, [](auto& counts) { return counts.requests == 1; }));
  std::thread stopping([&] { server->stop(Seconds(20)); });
  EXPECT_EQ(idle.read_to_end(), "");  // cut at once
  go.open();
  const auto answer = busy->read_to_end();
  busy.reset();
  EXPECT_EQ(count_of(answer, "X-Target: /busy"), 1u) << answer;
  EXPECT_EQ(count_of(answer, "Connection: close"), 1u) << answer;
  stopping.join();
  EXPECT_EQ(server->counts().open, 0u);
  EXPECT_FALSE(os::Socket::connect("127.0.0.1", server->port(), Seconds(1)).has_value() &&
               server->counts().connections > 2);
}

TEST(HttpPatience, CutsWhatIsStillUnderWayAfterTheGraceTime) {
  Gate sending;
  auto server = start_server({}, [&](Request&) {
    Reply reply;
    reply.stream = stream_of(1ull << 40, [&](const Sink& sink) -> Result<> {
      const Bytes piece(1 << 20);
      while (true) {
        TRY(sink(piece));
        sending.open();
      }
    });
    return reply;
  });
  RawClient client(server->port());
  client.send(get("/"));
  ASSERT_TRUE(sending.wait());
  const auto start = system_clock().steady();
  server->stop(Milliseconds(50));
  EXPECT_LT(system_clock().steady() - start, Seconds(10));
}

TEST(HttpPatience, SaysWhyItCannotListen) {
  auto server = start_server({}, echo);
  const auto second = serve({.port = server->port()}, echo);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find(std::to_string(server->port())), std::string::npos);
  EXPECT_FALSE(serve({.address = "nowhere"}, echo));
  EXPECT_FALSE(
      serve({.certificate_file = "/nonexistent.pem", .key_file = "/nonexistent.key"}, echo));
}

}  // namespace
}  // namespace pinaco::http
