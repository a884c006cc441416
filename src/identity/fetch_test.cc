// Fetching over a real socket.
#include "identity/fetch.h"

#include <gtest/gtest.h>

#include "http/http.h"

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
  EXPECT_EQ(fetch(root + "/good").value_or(""), "{}");
  EXPECT_EQ(fetch(root + "/full").value_or("").size(), fetched_bytes_max);
  for (const char* bad : {"/more", "/moved", "/gone"}) {
    const auto got = fetch(root + bad);
    ASSERT_FALSE(got) << bad;
    EXPECT_EQ(got.error().kind, Kind::unavailable) << bad;
  }
}

}  // namespace
}  // namespace pinaco::identity
