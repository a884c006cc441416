// Fetching over a real socket.
#include "identity/fetch.h"

#include <gtest/gtest.h>

#include <atomic>

#include "http/http.h"
#include "os/sockets.h"

namespace pinaco::identity {
namespace {

TEST(Fetch, TakesOneWholeAnswerWithinItsLimitAndFollowsNothing) {
  const auto server = http::serve({}, [](http::Request& request) {
                        http::Reply reply;
                        if (request.target == "/good") reply.body = "{}";
                        if (request.target == "/full") reply.body.assign(fetched_bytes_max, 'x');
                        if (request.target == "/more")
                          reply.body.assign(fetched_bytes_max + 1, 'x');
                        if (request.target == "/moved") {
                          reply.status = 302;
                          reply.headers.add("Location", "/good");
                        }
                        if (request.target == "/gone") reply.status = 404;
                        return reply;
                      }).value();
  const auto fetch = make_fetch(system_clock());
  const std::string root = "http://127.0.0.1:" + std::to_string(server->port());
  EXPECT_EQ(fetch(root + "/good", Reach::anywhere).value_or(""), "{}");
  EXPECT_EQ(fetch(root + "/full", Reach::anywhere).value_or("").size(), fetched_bytes_max);
  for (const char* bad : {"/more", "/moved", "/gone"}) {
    const auto got = fetch(root + bad, Reach::anywhere);
    ASSERT_FALSE(got) << bad;
    EXPECT_EQ(got.error().kind, Kind::unavailable) << bad;
  }
}

TEST(Fetch, NothingBeyondThePublicNetworkIsAskedForStrangers) {
  std::atomic<int> asked = 0;
  const auto server = http::serve({}, [&](http::Request&) {
                        ++asked;
                        return http::Reply{};
                      }).value();
  const auto fetch = make_fetch(system_clock());
  const auto port = ":" + std::to_string(server->port()) + "/";
  for (const char* host :
       {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"}) {
    const auto got = fetch("http://" + std::string(host) + port, Reach::public_only);
    ASSERT_FALSE(got) << host;
    EXPECT_EQ(got.error().kind, Kind::unavailable) << host;
  }
  EXPECT_EQ(asked, 0);
}

TEST(Fetch, AnAnswerThatTricklesInIsNotWaitedFor) {
  // Only the whole of it has a limit that each byte does not renew.
  const auto client = http::make_client({.total_timeout = Milliseconds(50)});
  const auto listener = os::Listener::tcp("127.0.0.1", 0).value();
  const auto got = client->send({.url = "http://127.0.0.1:" + std::to_string(listener.port())});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, Kind::unavailable);
}

}  // namespace
}  // namespace pinaco::identity
