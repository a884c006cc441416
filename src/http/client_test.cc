// The client against our server over TLS, and against servers that misbehave.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "http/http_testing.h"

namespace pinaco::http {
namespace {

Reply echo(Request& request) {
  Reply reply;
  reply.headers.add("X-Method", request.method);
  reply.headers.add("X-Target", request.target);
  reply.headers.add("X-Peer", request.peer);
  for (const auto& [name, value] : request.headers.all()) reply.headers.add("Got-" + name, value);
  reply.body = request.body;
  return reply;
}

class HttpClient : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_TEST_CERTIFICATE(); }
  void start(Handler handler, ServerOptions options = tls_options()) {
    server_ = start_server(std::move(options), std::move(handler));
  }
  std::unique_ptr<Client> client(Milliseconds stall = Seconds(60)) {
    return make_client({.ca_file = test_certificate().file(), .stall_timeout = stall});
  }
  std::string url(const std::string& target) { return url_of(*server_, target); }

  std::unique_ptr<Server> server_;
};

// Answers its only connection with these bytes, once a request is there.
class FakeServer {
 public:
  explicit FakeServer(std::string answer, bool stay = false)
      : listener_(std::move(*os::Listener::tcp("127.0.0.1", 0))),
        thread_([this, text = std::move(answer), stay] {
          const auto socket = listener_.accept();
          if (!socket) return;
          Bytes buffer(64 << 10);
          (void)socket->read_some(buffer, Seconds(10));
          (void)socket->write_all(as_bytes(text), Seconds(10));
          while (stay && socket->read_some(buffer, Seconds(10)).value_or(0) > 0) {
          }
        }) {}
  ~FakeServer() {
    listener_.close();
    thread_.join();
  }
  std::string url() const {
    return fmt::format("http://127.0.0.1:{}/x?sig=secret", listener_.port());
  }

 private:
  os::Listener listener_;
  std::thread thread_;
};

TEST_F(HttpClient, SendsMethodTargetHeadersAndBody) {
  start(echo);
  auto asker = client();
  for (const std::string method : {"GET", "PUT", "POST", "PATCH", "DELETE", "REPORT"}) {
    Ask ask{.method = method, .url = url("/a/../b?c=%20d"), .body = as_bytes("hello")};
    ask.headers.add("X-Empty", "");
    ask.headers.add("X-Some", "a;b: c");
    const auto answer = asker->send(ask);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->headers.get("X-Method"), method);
    EXPECT_EQ(answer->headers.get("X-Target"), "/a/../b?c=%20d");
    EXPECT_EQ(answer->body, "hello") << method;
    EXPECT_EQ(answer->headers.get("Got-X-Some"), "a;b: c");
    EXPECT_TRUE(answer->headers.has("Got-X-Empty"));
    EXPECT_FALSE(answer->headers.has("Got-Expect"));
    EXPECT_FALSE(answer->headers.has("Got-Content-Type"));
    EXPECT_TRUE(answer->headers.get("X-Peer").starts_with("127.0.0.1:"));
  }
  EXPECT_EQ(server_->counts().connections, 1u);
}

TEST_F(HttpClient, SendsALengthWithEveryPutAndPostAndNoneWithGet) {
  start(echo);
  auto asker = client();
  for (const std::string method : {"PUT", "POST", "PATCH"}) {
    const auto answer = asker->send({.method = method, .url = url("/")});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->headers.get("Got-Content-Length"), "0") << method;
  }
  for (const std::string method : {"GET", "DELETE"}) {
    const auto answer = asker->send({.method = method, .url = url("/")});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_FALSE(answer->headers.has("Got-Content-Length")) << method;
  }
}

TEST_F(HttpClient, AsksForTheHeadAlone) {
  start(echo);
  auto asker = client();
  const auto answer = asker->send({.method = "HEAD", .url = url("/a")});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->headers.get("content-length"), "0");
  EXPECT_TRUE(asker->send({.url = url("/b")}));
  EXPECT_EQ(server_->counts().connections, 1u);
}

TEST_F(HttpClient, SendsLargeBodies) {
  auto options = tls_options();
  options.body_bytes_max = [](const Request&) { return 64u << 20; };
  start(echo, options);
  Bytes body(20 << 20);
  for (std::size_t at = 0; at < body.size(); ++at)
    body[at] = static_cast<std::uint8_t>(at * 7 >> 3);
  const auto answer = client()->send({.method = "PUT", .url = url("/"), .body = body});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->body == as_text(body));
}

TEST_F(HttpClient, DoesNotFollowRedirects) {
  start([&](Request&) {
    Reply reply{.status = 302};
    reply.headers.add("Location", url("/other"));
    return reply;
  });
  const auto answer = client()->send({.url = url("/")});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(server_->counts().requests, 1u);
}

TEST_F(HttpClient, RefusesHeadersThatWouldSplitTheRequest) {
  start(echo);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"X", "a\r\nY: b"}, {"X\r\nY", "a"}, {"X Y", "a"}, {"", "a"}, {"X", {"a\0", 2}}}) {
    Ask ask{.url = url("/")};
    ask.headers.add(name, value);
    const auto answer = client()->send(ask);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, Kind::invalid);
  }
  EXPECT_EQ(client()->send({.method = "GET /", .url = url("/")}).error().kind, Kind::invalid);
  EXPECT_EQ(client()->send({.url = "file:///etc/passwd"}).error().kind, Kind::invalid);
  EXPECT_EQ(client()->send({.url = url("/a b\r\nX: y")}).error().kind, Kind::invalid);
  EXPECT_EQ(server_->counts().requests, 0u);
}

TEST_F(HttpClient, TakesABigStreamBitForBit) {
  // A pattern whose length divides nothing, so that a lost or doubled piece shows.
  const std::uint64_t size = 64 << 20;
  Bytes pattern(1'000'003);
  seeded_random(1)->fill(pattern);
  start([&](Request&) {
    Reply reply;
    reply.stream =
        BodyStream{.size_bytes = size, .write = [&](const Sink& sink) -> Result<> {
                     for (std::uint64_t at = 0; at < size; at += pattern.size()) {
                       TRY(sink(ByteView(pattern).first(std::min(pattern.size(), size - at))));
                     }
                     return {};
                   }};
    return reply;
  });
  std::uint64_t got = 0;
  bool equal = true;
  const Sink compare = [&](ByteView bytes) -> Result<> {
    while (!bytes.empty()) {
      const auto at = got % pattern.size();
      const auto count = std::min(bytes.size(), pattern.size() - at);
      equal = equal && std::memcmp(bytes.data(), pattern.data() + at, count) == 0;
      got += count;
      bytes = bytes.subspan(count);
    }
    return {};
  };
  const auto answer = client()->send({.url = url("/"), .sink = compare});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(got, size);
  EXPECT_TRUE(equal);
  EXPECT_EQ(answer->body, "");
}

// Both would end the program with SIGPIPE if a write went to a closed connection unguarded.
TEST_F(HttpClient, LeavesTheServerAliveWhenItGoesAwayInAStream) {
  Gate failed;
  start([&](Request&) {
    Reply reply;
    reply.stream = BodyStream{.size_bytes = 1 << 30, .write = [&](const Sink& sink) -> Result<> {
                                const Bytes piece(1 << 20);
                                for (int at = 0; at < 1024; ++at) {
                                  if (auto sent = sink(piece); !sent) {
                                    failed.open();
                                    return sent;
                                  }
                                }
                                return {};
                              }};
    return reply;
  });
  const Sink full = [](ByteView) { return fail(Kind::busy, "the disk is full"); };
  const auto answer = client()->send({.url = url("/"), .sink = full});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::busy);
  EXPECT_TRUE(failed.wait());
}

TEST_F(HttpClient, SeesThatABodyIsRefusedWhileItIsSent) {
  start(echo);
  const Bytes body(20 << 20);
  const auto answer = client()->send({.method = "PUT", .url = url("/"), .body = body});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 413);
  server_.reset();
  EXPECT_FALSE(client()->send({.method = "PUT", .url = "https://127.0.0.1:1/", .body = body}));
}

TEST_F(HttpClient, GivesTheSinkOnlyBodiesOfSuccess) {
  start([](Request&) { return Reply{.status = 404, .body = "why"}; });
  const auto answer = client()->send({.url = url("/"), .sink = [](ByteView) -> Result<> {
                                        ADD_FAILURE() << "an error's body went to the sink";
                                        return {};
                                      }});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "why");
}

TEST_F(HttpClient, PassesOnTheErrorOfItsSink) {
  start([](Request&) { return Reply{.body = "hello"}; });
  const auto answer = client()->send({.url = url("/"), .sink = [](ByteView) -> Result<> {
                                        return fail(Kind::busy, "the disk is full");
                                      }});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::busy);
  EXPECT_EQ(answer.error().message, "the disk is full");
}

TEST_F(HttpClient, SeesAStreamThatIsCut) {
  start([](Request&) {
    Reply reply;
    reply.stream = BodyStream{.size_bytes = 100'000, .write = [](const Sink& sink) -> Result<> {
                                TRY(sink(Bytes(50'000)));
                                return fail(Kind::corrupt, "a block is damaged");
                              }};
    return reply;
  });
  const auto answer = client()->send({.url = url("/")});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::unavailable);
}

TEST_F(HttpClient, SeesAnAnswerThatIsShort) {
  for (const std::string text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nContent-", ""}) {
    const FakeServer fake(text);
    const auto answer = client()->send({.url = fake.url()});
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error().kind, Kind::unavailable) << text;
    EXPECT_EQ(answer.error().message.find("secret"), std::string::npos) << answer.error().message;
  }
}

TEST_F(HttpClient, IgnoresTrailersAndInterimAnswers) {
  const FakeServer fake(
      "HTTP/1.1 100 Continue\r\nX: interim\r\n\r\nHTTP/1.1 201 Created\r\nY: head\r\n"
      "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nZ: trailer\r\n\r\n");
  const auto answer = client()->send({.url = fake.url()});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "hello");
  EXPECT_TRUE(answer->headers.has("Y"));
  EXPECT_FALSE(answer->headers.has("X"));
  EXPECT_FALSE(answer->headers.has("Z"));
}

TEST_F(HttpClient, RefusesAnswersWithoutEnd) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int at = 0; at < 300; ++at) head += "X: y\r\n";
  const std::string long_head = "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n";
  for (const auto& text : {head, long_head}) {
    const FakeServer fake(text + "Content-Length: 0\r\n\r\n");
    const auto answer = client()->send({.url = fake.url()});
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("head of the answer"), std::string::npos)
        << answer.error().message;
  }
  start([](Request&) { return Reply{.body = std::string(2000, 'x')}; });
  auto small = make_client({.ca_file = test_certificate().file(), .body_bytes_max = 1000});
  const auto answer = small->send({.url = url("/")});
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("1000 bytes"), std::string::npos);
}

TEST_F(HttpClient, GivesUpWhenNoByteMoves) {
  const FakeServer fake("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", true);
  const auto answer = client(Milliseconds(300))->send({.url = fake.url()});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::unavailable);
  EXPECT_NE(answer.error().message.find("timed out"), std::string::npos) << answer.error().message;
}

TEST_F(HttpClient, SaysWhatToDoAboutAnUntrustedCertificate) {
  start(echo);
  auto stranger = make_client({});
  const auto answer = stranger->send({.url = url("/?sig=secret")});
  ASSERT_FALSE(answer);
  for (const std::string part : {"pinaco serve", "PINACO_CA", "127.0.0.1", "not trusted"}) {
    EXPECT_NE(answer.error().message.find(part), std::string::npos) << answer.error().message;
  }
  EXPECT_EQ(answer.error().message.find("secret"), std::string::npos);
  auto wrong = make_client({.ca_file = "/nonexistent/ca.pem"});
  const auto missing = wrong->send({.url = url("/")});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nonexistent/ca.pem"), std::string::npos);
  EXPECT_EQ(server_->counts().requests, 0u);
}

TEST_F(HttpClient, SaysThatNobodyListens) {
  start(echo);
  const auto closed = url("/");
  server_.reset();
  const auto answer = client()->send({.url = closed});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::unavailable);
  EXPECT_NE(answer.error().message.find("127.0.0.1"), std::string::npos);
}

TEST_F(HttpClient, ComesBackAfterTheServerClosedAnIdleConnection) {
  auto options = tls_options();
  options.idle_timeout = Milliseconds(50);
  start(echo, options);
  auto asker = client();
  for (int at = 0; at < 3; ++at) {
    const auto answer = asker->send({.method = "POST", .url = url("/"), .body = as_bytes("x")});
    ASSERT_TRUE(answer) << answer.error().message;
    while (server_->counts().open > 0) std::this_thread::yield();
  }
  EXPECT_EQ(server_->counts().requests, 3u);
}

TEST_F(HttpClient, HundredClientsAtOnceEachGetTheirOwnAnswers) {
  start(echo);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < 100; ++number) {
    threads.emplace_back([&, number] {
      auto asker = client();
      for (int at = 0; at < 10; ++at) {
        const auto body = fmt::format("{}-{}", number, at);
        const auto answer =
            asker->send({.method = "PUT", .url = url("/" + body), .body = as_bytes(body)});
        if (answer && answer->body == body && answer->headers.get("X-Target") == "/" + body) {
          ++right;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 1000);
  EXPECT_EQ(server_->counts().connections, 100u);
}

TEST(HttpHeaders, CompareNamesWithoutCaseAndKeepTheirOrder) {
  Headers headers;
  headers.add("A", "1");
  headers.add("b", "2");
  headers.add("a", "3");
  EXPECT_EQ(headers.get("a"), "1");
  EXPECT_EQ(headers.get("c"), "");
  EXPECT_TRUE(headers.has("B"));
  EXPECT_FALSE(headers.has("c"));
  headers.set("a", "4");
  ASSERT_EQ(headers.all().size(), 2u);
  EXPECT_EQ(headers.all()[0].first, "b");
  EXPECT_EQ(headers.get("A"), "4");
}

}  // namespace
}  // namespace pinaco::http
