// The proxy in front of a server, over real sockets.
#include "app/proxy.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "app/clouds.h"
#include "base/text.h"
#include "http/http.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::vector<std::string> hosts = {"management.microsoftazure.de",
                                        "*.vault.microsoftazure.de"};

std::string connect_to(std::string_view where) {
  return fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n\r\n", where, where);
}

TEST(ProxyAnswer, OpensTunnelsToTheNamesOfTheConfiguration) {
  for (const char* where : {"management.microsoftazure.de:443", "MANAGEMENT.MicrosoftAzure.de:443",
                            "a.vault.microsoftazure.de:443"}) {
    const auto answer = answer_connect(connect_to(where), hosts);
    EXPECT_EQ(answer.status, 200) << where << answer.text;
    EXPECT_EQ(answer.host + ":443", to_lower(where));
  }
}

TEST(ProxyAnswer, RefusesEveryOtherHostAndPort) {
  for (const char* where :
       {"example.com:443", "127.0.0.1:443", "localhost:443", "management.microsoftazure.de:22",
        "management.microsoftazure.de:4433", "management.microsoftazure.de.evil.example:443",
        "xmanagement.microsoftazure.de:443", "vault.microsoftazure.de:443",
        ".vault.microsoftazure.de:443", "a.b.vault.microsoftazure.de:443",
        "*.vault.microsoftazure.de.x:443", "management.microsoftazure.de.:443"}) {
    const auto answer = answer_connect(connect_to(where), hosts);
    EXPECT_TRUE(answer.status == 403 || answer.status == 400) << where;
  }
  const auto answer = answer_connect(connect_to("example.com:443"), hosts);
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.text, HasSubstr("example.com:443"));
}

TEST(ProxyAnswer, RefusesEveryOtherMethod) {
  for (const char* method : {"GET", "POST", "OPTIONS"}) {
    const auto answer = answer_connect(
        fmt::format("{} http://management.microsoftazure.de/ HTTP/1.1\r\n\r\n", method), hosts);
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_THAT(answer.text, HasSubstr(method));
  }
}

TEST(ProxyAnswer, RefusesWhatIsNoRequest) {
  for (const char* bad : {"", "\r\n\r\n", "CONNECT\r\n\r\n", "CONNECT a:443\r\n\r\n",
                          "CONNECT  a:443 HTTP/1.1\r\n\r\n", "connect a:443 HTTP/1.1\r\n\r\n",
                          "CONNECT a HTTP/1.1\r\n\r\n", "CONNECT a:443 HTTP/2\r\n\r\n",
                          "CONNECT a\tb:443 HTTP/1.1\r\n\r\n", "CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
                          "CONNECT :443 HTTP/1.1\r\n\r\n", "CONNECT a:https HTTP/1.1\r\n\r\n",
                          "CONNECT a:443\x1b[ HTTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(answer_connect(bad, hosts).status, 400) << bad;
  }
  const auto early = connect_to("management.microsoftazure.de:443") + "hello";
  EXPECT_EQ(answer_connect(early, hosts).status, 400);
}

TEST(Clouds, KnowTheNamesThatTheirClientsAskFor) {
  const auto* german = find_cloud("german");
  ASSERT_NE(german, nullptr);
  const auto names = german->hosts();
  for (const char* host :
       {"management.microsoftazure.de", "login.microsoftonline.de", "vault.microsoftazure.de",
        "keys.vault.microsoftazure.de", "store.blob.core.cloudapi.de", "graph.cloudapi.de"}) {
    EXPECT_TRUE(is_host_of(host, names)) << host;
  }
  EXPECT_FALSE(is_host_of("management.azure.com", names));
  EXPECT_TRUE(is_host_of("management.azure.com", find_cloud("Public")->hosts()));
  EXPECT_EQ(find_cloud("Mars"), nullptr);
}

class ProxyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = http::serve({}, [](http::Request& request) {
      return http::Reply{.body = std::string(request.headers.get("Host")) + " " + request.body};
    });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  void start(ProxyOptions options = {}) {
    options.hosts = hosts;
    if (options.server_port == 0) options.server_port = server_->port();
    auto proxy = Proxy::start(std::move(options));
    ASSERT_TRUE(proxy) << proxy.error().message;
    proxy_ = std::move(*proxy);
  }
  os::Socket dial() const {
    auto socket = os::Socket::connect("127.0.0.1", proxy_->port(), Seconds(10));
    CHECK(socket);
    return std::move(*socket);
  }
  static void say(const os::Socket& socket, std::string_view text) {
    ASSERT_TRUE(socket.write_all(as_bytes(text), Seconds(10)));
  }
  // Up to `end`, or to the end of the connection when that is empty.
  static std::string hear(const os::Socket& socket, std::string_view end = {}) {
    std::string heard;
    std::array<std::uint8_t, 4096> bytes;
    while (end.empty() || heard.find(end) == heard.npos) {
      const auto got = socket.read_some(bytes, Seconds(20));
      if (!got) return heard + "(" + got.error().message + ")";
      if (*got == 0) break;
      heard += as_text(ByteView(bytes).first(*got));
    }
    return heard;
  }
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Proxy> proxy_;
};

constexpr std::string_view opened = "HTTP/1.1 200 Connection established\r\n\r\n";

TEST_F(ProxyTest, CarriesRequestsAndAnswersToItsServer) {
  start();
  const auto socket = dial();
  say(socket, connect_to("management.microsoftazure.de:443"));
  EXPECT_EQ(hear(socket, "\r\n\r\n"), opened);
  for (const std::size_t size : {3U, 2'000'000U}) {
    const std::string body(size, 'x');
    say(socket, fmt::format("POST /a HTTP/1.1\r\nHost: management.microsoftazure.de\r\n"
                            "Content-Length: {}\r\n\r\n{}",
                            size, body));
    std::string heard = hear(socket, "\r\n\r\n");
    const auto head = heard.find("\r\n\r\n") + 4;
    const auto wanted = std::string("management.microsoftazure.de ") + body;
    std::array<std::uint8_t, 65536> bytes;
    while (heard.size() - head < wanted.size()) {
      const auto got = socket.read_some(bytes, Seconds(20));
      ASSERT_TRUE(got && *got > 0);
      heard += as_text(ByteView(bytes).first(*got));
    }
    EXPECT_THAT(heard, StartsWith("HTTP/1.1 200"));
    EXPECT_TRUE(heard.substr(head) == wanted);
  }
}

TEST_F(ProxyTest, SaysWhyItRefusesAndConnectsToNobody) {
  start();
  for (const auto& [asked, status] :
       {std::pair{connect_to("example.com:443"), "HTTP/1.1 403 Forbidden\r\n"},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\n"},
        {"\x16\x03\x01", "HTTP/1.1 400 Bad Request\r\n"}}) {
    auto socket = dial();
    say(socket, asked);
    const auto heard = hear(socket, ".\n");
    EXPECT_THAT(heard, StartsWith(status));
    EXPECT_THAT(heard, HasSubstr("Connection: close"));
  }
  EXPECT_EQ(server_->counts().connections, 0U);
}

TEST_F(ProxyTest, EndsWithASlowOrEndlessHead) {
  start({.head_timeout = Milliseconds(50)});
  const auto slow = dial();
  say(slow, "CONNECT management");
  EXPECT_THAT(hear(slow, ".\n"), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  start();
  const auto endless = dial();
  say(endless, "CONNECT a:443 HTTP/1.1\r\nX: " + std::string(9000, 'x'));
  EXPECT_THAT(hear(endless, ".\n"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ProxyTest, EndsATunnelWhenEitherSideDoesOrNothingIsSaid) {
  start({.idle_timeout = Milliseconds(50)});
  const auto idle = dial();
  say(idle, connect_to("management.microsoftazure.de:443"));
  EXPECT_EQ(hear(idle), opened);  // and then the end

  start();
  const auto ended = dial();
  say(ended, connect_to("management.microsoftazure.de:443"));
  EXPECT_EQ(hear(ended, "\r\n\r\n"), opened);
  say(ended, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(hear(ended), HasSubstr("x "));  // whole, and then the end of the server
}

TEST_F(ProxyTest, HasABoundAndGivesPlacesBack) {
  start({.connections_max = 1});
  {
    const auto first = dial();
    say(first, connect_to("management.microsoftazure.de:443"));
    EXPECT_EQ(hear(first, "\r\n\r\n"), opened);
    const auto second = dial();
    EXPECT_THAT(hear(second, ".\n"), StartsWith("HTTP/1.1 503 "));
  }
  std::string heard;
  for (int tries = 0; tries < 1000 && heard != opened; ++tries) {
    const auto third = dial();
    say(third, connect_to("management.microsoftazure.de:443"));
    heard = hear(third, "\n");
    if (heard.starts_with("HTTP/1.1 200")) heard = opened;
  }
  EXPECT_EQ(heard, opened);
}

TEST_F(ProxyTest, SaysThatItsServerIsGone) {
  start();
  server_.reset();
  const auto socket = dial();
  say(socket, connect_to("management.microsoftazure.de:443"));
  EXPECT_THAT(hear(socket, ".\n"), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
}

TEST_F(ProxyTest, CutsTunnelsWhenItStops) {
  start();
  const auto socket = dial();
  say(socket, connect_to("management.microsoftazure.de:443"));
  EXPECT_EQ(hear(socket, "\r\n\r\n"), opened);
  proxy_->stop();
  EXPECT_EQ(proxy_->open(), 0U);
  EXPECT_EQ(hear(socket), "");
}

}  // namespace
}  // namespace pinaco::app
