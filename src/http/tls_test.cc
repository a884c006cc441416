// TLS, judged by clients that are not ours: curl and openssl.
#include <gtest/gtest.h>

#include <fstream>

#include "http/http_testing.h"

namespace pinaco::http {
namespace {

Reply echo(Request& request) {
  Reply reply;
  reply.headers.add("X-Method", request.method);
  reply.body = request.target + " " + std::to_string(request.body.size());
  return reply;
}

class HttpTls : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_TEST_CERTIFICATE();
    if (run_program("curl --version").status != 0) {
      if (std::getenv("CI") != nullptr) FAIL() << "the curl program is missing";
      GTEST_SKIP() << "the curl program is missing";
    }
    server_ = start_server(tls_options(), echo);
  }
  Output curl(const std::string& arguments) {
    return run_program("curl -sS --noproxy '*' --max-time 20 --cacert " +
                       test_certificate().file() + " " + arguments);
  }
  Output s_client(const std::string& arguments, const std::string& input = "") {
    return run_program(fmt::format("printf '{}' | openssl s_client -connect 127.0.0.1:{} {}", input,
                                   server_->port(), arguments));
  }
  std::string url(const std::string& target) { return url_of(*server_, target); }

  std::unique_ptr<Server> server_;
};

TEST_F(HttpTls, IsAcceptedByCurl) {
  const auto got = curl(url("/a?b=c") + " -w '|%{http_code} %{http_version} %{ssl_verify_result}'");
  EXPECT_EQ(got.text, "/a?b=c 0|200 1.1 0");
  EXPECT_EQ(curl("-X PUT -d hello " + url("/put")).text, "/put 5");
  EXPECT_EQ(curl("-I " + url("/head") + " -o /dev/null -w '%header{content-length}'").text, "7");
}

TEST_F(HttpTls, TakesUploadsOfCurlWithLengthAndInChunks) {
  const std::string file = test_certificate().folder() + "/upload";
  std::ofstream(file) << std::string(3'000'000, 'x');
  EXPECT_EQ(curl("-T " + file + " " + url("/a")).text, "/a 3000000");
  EXPECT_EQ(curl("-T - " + url("/a") + " < " + file).text, "/a 3000000");
  const auto asked = curl("-v -H 'Expect: 100-continue' -T " + file + " " + url("/a"));
  EXPECT_EQ(count_of(asked.text, "< HTTP/1.1 100 Continue"), 1u) << asked.text;
  EXPECT_EQ(count_of(asked.text, "/a 3000000"), 1u) << asked.text;
}

TEST_F(HttpTls, TellsCurlThatABodyIsTooLargeWithoutTakingItAll) {
  const std::string file = test_certificate().folder() + "/large";
  std::ofstream(file) << std::string(20'000'000, 'x');
  for (const std::string& how : {"-T " + file, "-H Expect: -T " + file, "-T - < " + file}) {
    const auto got = curl(url("/a") + " -o /dev/null -w '|%{http_code}' " + how);
    EXPECT_TRUE(got.text.ends_with("|413")) << how << got.text;
  }
}

TEST_F(HttpTls, KeepsTheConnectionOfCurl) {
  const auto got = curl("-w ' %{num_connects}|' " + url("/1") + " " + url("/2") + " " + url("/3"));
  EXPECT_EQ(got.text, "/1 0 1|/2 0 0|/3 0 0|");
  EXPECT_EQ(server_->counts().connections, 1u);
}

TEST_F(HttpTls, IsRefusedByCurlWithoutItsAuthority) {
  const auto got = run_program("curl -sS --noproxy '*' " + url("/"));
  EXPECT_EQ(got.status, 60 << 8) << got.text;
}

TEST_F(HttpTls, SpeaksTls12And13AndNothingOlder) {
  EXPECT_EQ(curl("--tls-max 1.2 " + url("/a")).text, "/a 0");
  EXPECT_EQ(curl("--tlsv1.3 " + url("/a")).text, "/a 0");
  EXPECT_NE(s_client("-tls1_1 -cipher DEFAULT@SECLEVEL=0").status, 0);
  const auto good = s_client("-tls1_2 -CAfile " + test_certificate().file());
  EXPECT_NE(good.text.find("Verify return code: 0 (ok)"), std::string::npos) << good.text;
}

TEST_F(HttpTls, ChoosesHttp11AndRefusesClientsThatDoNotSpeakIt) {
  EXPECT_NE(s_client("-alpn h2,http/1.1").text.find("ALPN protocol: http/1.1"), std::string::npos);
  EXPECT_NE(s_client("-alpn h2").text.find("no application protocol"), std::string::npos);
  EXPECT_NE(s_client("").text.find("No ALPN negotiated"), std::string::npos);
}

TEST_F(HttpTls, DoesNotRenegotiate) {
  const auto got = s_client("-tls1_2", "R\\n");
  EXPECT_NE(got.text.find("RENEGOTIATING"), std::string::npos) << got.text;
  EXPECT_NE(got.text.find("no renegotiation"), std::string::npos) << got.text;
}

TEST_F(HttpTls, AnswersSmallRequestsInOneRecord) {
  const auto trace = s_client("-trace -ign_eof -tls1_2",
                              "GET /one HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n");
  EXPECT_NE(trace.text.find("/one 0"), std::string::npos) << trace.text;
  EXPECT_EQ(count_of(trace.text,
                     "Received Record\nHeader:\n  Version = TLS 1.2 (0x303)\n"
                     "  Content Type = ApplicationData"),
            1u)
      << trace.text;
}

TEST_F(HttpTls, ResumesSessions) {
  const std::string file = test_certificate().folder() + "/session";
  s_client("-tls1_2 -sess_out " + file);
  EXPECT_NE(s_client("-tls1_2 -sess_in " + file).text.find("Reused, TLSv1.2"), std::string::npos);
}

TEST_F(HttpTls, TellsAClientWithoutTlsWhatToDo) {
  RawClient client(server_->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto answer = client.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("https://"), std::string::npos) << answer;
}

TEST_F(HttpTls, SurvivesGarbageInsteadOfAHandshake) {
  for (const std::string& garbage : {std::string(1000, '\0'), std::string("\x16\x03\x01\xff\xff"),
                                     std::string(100'000, '\xff'), std::string("\r\n")}) {
    RawClient client(server_->port());
    client.send(garbage);
  }
  EXPECT_EQ(curl(url("/alive")).text, "/alive 0");
}

TEST_F(HttpTls, GivesUpAHandshakeThatDoesNotEnd) {
  auto options = tls_options();
  options.head_timeout = Milliseconds(150);
  auto server = start_server(options, echo);
  RawClient client(server->port());
  client.send("\x16\x03\x01");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(server->counts().requests, 0u);
}

TEST_F(HttpTls, GivesUpARequestInsideTlsThatDoesNotEnd) {
  auto options = tls_options();
  options.head_timeout = Milliseconds(150);
  server_ = start_server(options, echo);
  const auto got = s_client("-quiet -ign_eof", "GET / HTTP/1.1\\r\\nHost: h\\r\\n");
  EXPECT_NE(got.text.find("HTTP/1.1 408 "), std::string::npos) << got.text;
}

TEST_F(HttpTls, SaysWhichFileIsWrong) {
  const std::string file = test_certificate().folder() + "/empty.pem";
  std::ofstream(file) << "nothing";
  auto options = tls_options();
  options.certificate_file = file;
  auto refused = serve(options, echo);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(file), std::string::npos) << refused.error().message;
  options = tls_options();
  options.key_file = file;
  refused = serve(options, echo);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(file), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace pinaco::http
