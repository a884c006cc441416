// The server's replies over plain HTTP: framing, limits, streams.
#include <gtest/gtest.h>

#include "http/http_testing.h"
#include "http/reply_writer.h"
#include "os/test_folder.h"

namespace pinaco::http {
namespace {

Reply echo(Request& request) {
  Reply reply;
  reply.headers.add("X-Method", request.method);
  reply.headers.add("X-Target", request.target);
  reply.body = request.body;
  return reply;
}

BodyStream stream_of(std::uint64_t size_bytes, std::function<Result<>(const Sink&)> write) {
  return {.size_bytes = size_bytes, .write = std::move(write)};
}

std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

std::string get(const std::string& target, const std::string& fields = "Connection: close\r\n") {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

TEST(HttpServer, AnswersWithLengthAndDate) {
  auto server = start_server({}, echo);
  RawClient client(server->port());
  client.send(
      "POST /a?b=c HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
  const auto answer = client.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << answer;
  for (const std::string line : {" GMT\r\n", "\r\nX-Method: POST\r\n", "\r\nX-Target: /a?b=c\r\n",
                                 "\r\nContent-Length: 5\r\n", "\r\nConnection: close\r\n"}) {
    EXPECT_EQ(count_of(answer, line), 1u) << line << answer;
  }
  EXPECT_EQ(body_of(answer), "hello");
}

TEST(HttpServer, ListensOnASocketFileInsteadOfAPort) {
  const os::TestFolder folder;
  auto server = start_server({.unix_path = folder / "s"}, echo);
  EXPECT_EQ(server->port(), 0);
  const auto socket = os::Socket::connect_unix(folder / "s");
  ASSERT_TRUE(socket) << socket.error().message;
  ASSERT_TRUE(socket->write_all(as_bytes(get("/a")), Seconds(10)));
  Bytes answer(15);
  ASSERT_TRUE(socket->read_exact(answer, Seconds(10)));
  EXPECT_EQ(as_text(answer), "HTTP/1.1 200 OK");
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(folder / "s"));
}

TEST(HttpServer, WritesDatesAsTheStandardDoes) {
  EXPECT_EQ(http_date(WallTime(Seconds(784111777))), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(WallTime(Seconds(1709164800))), "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST(HttpServer, AnswersHeadWithTheLengthOnly) {
  auto server = start_server({}, [](Request& request) {
    Reply reply{.body = "hello"};
    if (request.target == "/stream") {
      reply.body = "";
      reply.stream = stream_of(7, [](const Sink&) -> Result<> {
        ADD_FAILURE() << "a stream was asked for HEAD";
        return {};
      });
    }
    if (request.target == "/given") {
      reply.body = "";
      reply.headers.add("Content-Length", "9");
    }
    return reply;
  });
  RawClient client(server->port());
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(count_of(client.read_until("\r\n\r\n"), "\r\nContent-Length: 5\r\n"), 1u);
  EXPECT_EQ(count_of(client.read_until("\r\n\r\n"), "\r\nContent-Length: 7\r\n"), 1u);
  client.send("HEAD /given HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto answer = client.read_to_end();
  EXPECT_EQ(count_of(answer, "\r\nContent-Length: 9\r\n"), 1u) << answer;
  EXPECT_EQ(body_of(answer), "");
}

TEST(HttpServer, Sends204And304WithoutBodyAndLength) {
  auto server = start_server({}, [](Request& request) {
    return Reply{.status = request.target == "/204" ? 204 : 304, .body = "must not be sent"};
  });
  RawClient client(server->port());
  client.send(get("/204", "") + get("/304"));
  const auto answer = client.read_to_end();
  EXPECT_EQ(count_of(answer, "HTTP/1.1 204 No Content\r\n"), 1u);
  EXPECT_EQ(count_of(answer, "HTTP/1.1 304 Not Modified\r\n"), 1u);
  EXPECT_EQ(count_of(answer, "Content-Length"), 0u);
  EXPECT_EQ(count_of(answer, "must not"), 0u);
}

TEST(HttpServer, NeverLetsAHandlerSplitAReply) {
  auto server = start_server({}, [](Request&) {
    Reply reply{.body = "x"};
    reply.headers.add("Location", "/a\r\nSet-Cookie: evil");
    reply.headers.add("X-Null", std::string("a\0b", 3));
    reply.headers.add("Bad Name", "v");
    reply.headers.add("X\r\nEvil", "v");
    reply.headers.add("Content-Length", "100");
    reply.headers.add("Transfer-Encoding", "chunked");
    reply.headers.add("X-Good", "yes");
    return reply;
  });
  RawClient client(server->port());
  client.send(get("/"));
  const auto answer = client.read_to_end();
  for (const std::string bad : {"Cookie", "evil", "Evil", "Null", "Bad Name", "100", "chunked"}) {
    EXPECT_EQ(count_of(answer, bad), 0u) << bad << " in " << answer;
  }
  EXPECT_EQ(count_of(answer, "\r\nX-Good: yes\r\n"), 1u);
  EXPECT_EQ(count_of(answer, "\r\nContent-Length: 1\r\n"), 1u);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  auto server = start_server({}, echo);
  RawClient client(server->port());
  std::string requests;
  for (int at = 0; at < 50; ++at) {
    requests +=
        fmt::format("PUT /{} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{:02}", at, at);
  }
  client.send(requests + get("/last"));
  const auto answer = client.read_to_end();
  std::size_t at = 0;
  for (int number = 0; number < 50; ++number) {
    at = answer.find(fmt::format("X-Target: /{}\r\n", number), at);
    ASSERT_NE(at, std::string::npos) << number;
  }
  EXPECT_NE(answer.find("X-Target: /last\r\n", at), std::string::npos);
}

TEST(HttpServer, TakesRequestsByteByByte) {
  auto server = start_server({}, echo);
  RawClient client(server->port());
  for (const char c : std::string("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n")) {
    ASSERT_TRUE(client.send({&c, 1}));
  }
  EXPECT_EQ(body_of(client.read_to_end()), "abcde");
}

TEST(HttpServer, KeepsHttp10ConnectionsOnlyWhenAsked) {
  auto server = start_server({}, echo);
  RawClient client(server->port());
  client.send("GET /a HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
  client.read_until("\r\n\r\n");
  client.send("GET /b HTTP/1.0\r\nHost: h\r\n\r\n");
  EXPECT_EQ(count_of(client.read_to_end(), "X-Target: /b"), 1u);
}

TEST(HttpServer, Says100ContinueOnceTheHeadIsAccepted) {
  auto server = start_server({}, echo);
  RawClient client(server->port());
  client.send("PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  EXPECT_TRUE(client.read_until("hello").starts_with("HTTP/1.1 200 OK\r\n"));
  // Not without a body, and not when the body is too large.
  client.send("PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
  client.send(
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n");
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 413 "));
}

TEST(HttpServer, RefusesABodyOverTheLimitByLengthAndByChunks) {
  std::atomic<int> handled = 0;
  ServerOptions options;
  options.body_bytes_max = [](const Request& request) {
    return request.target == "/large" ? 200'000u : 100'000u;
  };
  auto server = start_server(options, [&](Request& request) {
    ++handled;
    return Reply{.body = std::to_string(request.body.size())};
  });
  const std::string chunk = "186a0\r\n" + std::string(100'000, 'x') + "\r\n";
  const std::string chunked = " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto ask = [&](const std::string& request) {
    RawClient client(server->port());
    client.send(request);
    return client.read_to_end();
  };
  EXPECT_TRUE(
      ask("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n" + std::string(100'001, 'x'))
          .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(ask("PUT /" + chunked + chunk + "1\r\ny\r\n0\r\n\r\n").starts_with("HTTP/1.1 413 "));
  std::string endless;
  for (int at = 0; at < 50'000; ++at) endless += "8\r\n01234567\r\n";
  EXPECT_TRUE(ask("PUT /" + chunked + endless).starts_with("HTTP/1.1 413 "));
  EXPECT_EQ(handled, 0);
  RawClient client(server->port());
  client.send("PUT /" + chunked + chunk + "0\r\n\r\n");
  EXPECT_TRUE(client.read_until("100000").starts_with("HTTP/1.1 200 "));
  client.send("PUT /large" + chunked + chunk + chunk + "0\r\n\r\n");
  EXPECT_TRUE(client.read_until("200000").starts_with("HTTP/1.1 200 "));
}

TEST(HttpServer, TakesNoMoreThan4MiBWithoutAnotherLimit) {
  auto server = start_server({}, echo);
  RawClient client(server->port());
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4194305\r\n\r\n");
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 413 "));
}

TEST(HttpServer, TurnsAnExceptionOfAHandlerInto500) {
  auto server = start_server({}, [](Request&) -> Reply { throw std::runtime_error("secret"); });
  RawClient client(server->port());
  client.send(get("/", ""));
  const auto answer = client.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
  EXPECT_EQ(count_of(answer, "secret"), 0u);
}

// --- streams -----------------------------------------------------------------------------------

TEST(HttpServer, CutsTheConnectionWhenAStreamIsShortLongOrFails) {
  const std::string half(50'000, 'x');
  auto server = start_server({}, [&](Request& request) {
    Reply reply;
    const auto target = request.target;
    reply.stream = stream_of(100'000, [&half, target](const Sink& sink) -> Result<> {
      TRY(sink(as_bytes(half)));
      if (target == "/short") return {};
      if (target == "/long") return sink(as_bytes(half + "y"));
      return fail(Kind::corrupt, "a block is damaged");
    });
    return reply;
  });
  for (const std::string target : {"/short", "/long", "/fails"}) {
    RawClient client(server->port());
    client.send(get(target, "") + get("/next", ""));
    const auto answer = client.read_to_end();
    EXPECT_EQ(count_of(answer, "\r\nContent-Length: 100000\r\n"), 1u) << target;
    EXPECT_EQ(count_of(answer, "\r\nDate: "), 1u) << target;
    EXPECT_LE(count_of(answer, "x"), half.size()) << target;
    EXPECT_EQ(count_of(body_of(answer), "y"), 0u) << target;
  }
  EXPECT_EQ(server->counts().requests, 3u);
}

TEST(HttpServer, SendsStreamsOfManyPieceSizes) {
  std::string whole;
  for (int at = 0; at < 300'000; ++at) whole += static_cast<char>('a' + at % 23);
  auto server = start_server({}, [&](Request& request) {
    Reply reply;
    const auto piece = static_cast<std::size_t>(std::stoul(request.target.substr(1)));
    reply.stream = stream_of(whole.size(), [&whole, piece](const Sink& sink) -> Result<> {
      for (std::size_t at = 0; at < whole.size(); at += piece) {
        TRY(sink(as_bytes(std::string_view(whole).substr(at, piece))));
      }
      return {};
    });
    return reply;
  });
  for (const int piece : {7, 4096, 16383, 16384, 16385, 100'000, 300'000}) {
    RawClient client(server->port());
    client.send(get("/" + std::to_string(piece)));
    EXPECT_TRUE(body_of(client.read_to_end()) == whole) << piece;
  }
}

}  // namespace
}  // namespace pinaco::http
