// Requests that two readers could understand differently, sent through a raw socket. Each is
// followed by a second request, which must never be read: after a refusal nobody knows where it
// would start.
#include <gtest/gtest.h>

#include "base/text.h"
#include "http/http_testing.h"

namespace pinaco::http {
namespace {

struct Case {
  const char* name;
  std::string bytes;
  int status;
};

const std::string host = "Host: h\r\n";
const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string get_with(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n\r\n";
}
std::string post_with(const std::string& fields, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n\r\n" + body;
}
std::string many_fields(int count) {
  std::string fields = "A: 0";
  for (int at = 1; at < count; ++at) fields += "\r\nA: 0";
  return fields;
}

const Case cases[] = {
    // lengths
    {"TwoDifferentContentLengths", post_with("Content-Length: 5\r\nContent-Length: 6", "hello"),
     400},
    {"TwoEqualContentLengths", post_with("Content-Length: 5\r\nContent-Length: 5", "hello"), 400},
    {"ContentLengthList", post_with("Content-Length: 5, 5", "hello"), 400},
    {"ContentLengthListDifferent", post_with("Content-Length: 5, 6", "hello"), 400},
    {"ContentLengthWithPlus", post_with("Content-Length: +5", "hello"), 400},
    {"ContentLengthNegative", post_with("Content-Length: -5", "hello"), 400},
    {"ContentLengthHexadecimal", post_with("Content-Length: 0x5", "hello"), 400},
    {"ContentLengthEmpty", post_with("Content-Length:", "hello"), 400},
    {"ContentLengthWithBlankInside", post_with("Content-Length: 1 0", "hello"), 400},
    {"ContentLengthOverflows", post_with("Content-Length: 18446744073709551621", "hello"), 400},
    {"ContentLengthNotANumber", post_with("Content-Length: five", "hello"), 400},
    {"ContentLengthWithUnicodeDigits", post_with("Content-Length: \xd9\xa5", "hello"), 400},
    // encodings
    {"LengthThenChunked", post_with("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
     400},
    {"ChunkedThenLength", post_with("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
     400},
    {"ZeroLengthAndChunked",
     post_with("Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400},
    {"UnknownEncoding", post_with("Transfer-Encoding: gzip", "hello"), 400},
    {"IdentityEncoding", post_with("Transfer-Encoding: identity", "hello"), 400},
    {"EncodingList", post_with("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), 400},
    {"ChunkedNotLast", post_with("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), 400},
    {"ChunkedTwice", post_with("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), 400},
    {"TwoEncodingFields",
     post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400},
    {"TwoDifferentEncodingFields",
     post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "0\r\n\r\n"), 400},
    {"EncodingWithBlankBeforeColon", post_with("Transfer-Encoding : chunked", "0\r\n\r\n"), 400},
    {"EncodingMisspelt", post_with("Transfer-Encoding: xchunked", "0\r\n\r\n"), 400},
    {"EncodingWithVerticalTab",
     post_with("Transfer-Encoding: \x0b"
               "chunked",
               "0\r\n\r\n"),
     400},
    {"EncodingInQuotes", post_with("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), 400},
    {"EncodingEmpty", post_with("Transfer-Encoding:", "0\r\n\r\n"), 400},
    {"EncodingWithParameter", post_with("Transfer-Encoding: chunked;q=1", "0\r\n\r\n"), 400},
    {"EncodingFolded", post_with("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), 400},
    {"ChunkedInHttp10", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    // chunks
    {"ChunkSizeNotHexadecimal", chunked + "g\r\n", 400},
    {"ChunkSizeEmpty", chunked + "\r\nhello\r\n0\r\n\r\n", 400},
    {"ChunkSizeNegative", chunked + "-5\r\nhello\r\n0\r\n\r\n", 400},
    {"ChunkSizeWithPlus", chunked + "+5\r\nhello\r\n0\r\n\r\n", 400},
    {"ChunkSizeWithPrefix", chunked + "0x5\r\nhello\r\n0\r\n\r\n", 400},
    {"ChunkSizeWithLeadingBlank", chunked + " 5\r\nhello\r\n0\r\n\r\n", 400},
    {"ChunkSizeWithTrailingBlank", chunked + "5 \r\nhello\r\n0\r\n\r\n", 400},
    {"ChunkSizeOverflows", chunked + "10000000000000005\r\nhello\r\n0\r\n\r\n", 400},
    {"ChunkSizeHuge", chunked + "8000000000000000\r\nhello\r\n0\r\n\r\n", 413},
    {"ChunkHeadWithBareLineFeed", chunked + "5\nhello\r\n0\r\n\r\n", 400},
    {"ChunkDataTooLong", chunked + "5\r\nhello!\r\n0\r\n\r\n", 400},
    {"ChunkDataEndsWithBareLineFeed", chunked + "5\r\nhello\n0\r\n\r\n", 400},
    {"ChunkExtension", chunked + "5;a=b\r\nhello\r\n0\r\n\r\n", 400},
    {"ChunkExtensionWithLineFeed", chunked + "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", 400},
    {"LastChunkExtension", chunked + "0;a\r\n\r\n", 400},
    {"ChunkExtensionEndless", chunked + "5;" + std::string(20000, 'a'), 400},
    {"TrailerWithContentLength", chunked + "0\r\nContent-Length: 5\r\n\r\n", 400},
    {"TrailerWithEncoding", chunked + "0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"TrailerEndless", chunked + "0\r\nA: " + std::string(20000, 'a'), 400},
    {"TrailerWithBadName", chunked + "0\r\nA B: c\r\n\r\n", 400},
    // lines
    {"BareLineFeedAfterRequestLine", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
    {"BareLineFeedAfterField", "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400},
    {"BareLineFeedsOnly", "GET / HTTP/1.1\nHost: h\n\n", 400},
    {"BareLineFeedAtEnd", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
    {"BareCarriageReturnInValue", get_with("X: a\rb"), 400},
    {"BareCarriageReturnInName", get_with("X\rY: a"), 400},
    {"TwoCarriageReturns", get_with("X: a\r"), 400},
    {"FoldedWithBlank", get_with("X: a\r\n b"), 400},
    {"FoldedWithTab", get_with("X: a\r\n\tb"), 400},
    {"BlankBeforeFirstField", "GET / HTTP/1.1\r\n X: y\r\nHost: h\r\n\r\n", 400},
    {"TwoEmptyLinesFirst", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    // names and values
    {"NulInValue", get_with(std::string("X: a\0b", 6)), 400},
    {"NulInName", get_with(std::string("X\0Y: a", 6)), 400},
    {"ControlInValue", get_with("X: a\x01"), 400},
    {"DeleteInValue", get_with("X: a\x7f"), 400},
    {"BlankInName", get_with("X Y: a"), 400},
    {"BlankBeforeColon", get_with("X : a"), 400},
    {"TabBeforeColon", get_with("X\t: a"), 400},
    {"EmptyName", get_with(": a"), 400},
    {"NoColon", get_with("X"), 400},
    {"BracketInName", get_with("X[]: a"), 400},
    {"HighByteInName", get_with("X\xe9: a"), 400},
    // request lines
    {"NoHost", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400},
    {"NoHostInHttp10", "GET / HTTP/1.0\r\nX: y\r\n\r\n", 400},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
    {"EmptyHost", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"HostWithPath", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", 400},
    {"HostWithUser", "GET / HTTP/1.1\r\nHost: a@h\r\n\r\n", 400},
    {"HostList", "GET / HTTP/1.1\r\nHost: h, i\r\n\r\n", 400},
    {"HostWithBadPort", "GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n", 400},
    {"AbsoluteTargetOfAnotherHost", "GET http://i/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"AbsoluteTargetWithUser", "GET http://a@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"AbsoluteTargetOfAnotherScheme", "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"AuthorityTarget", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 400},
    {"AsteriskTarget", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"RelativeTarget", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"TargetWithFragment", "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"TargetWithHighByte", "GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"TargetWithTab", "GET /\ta HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"TargetWithBlank", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 505},
    {"TwoBlanksBeforeTarget", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"TwoBlanksBeforeVersion", "GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 505},
    {"TabInsteadOfBlank", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"BlankBeforeMethod", " GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"MethodWithBrackets", "G(E)T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"NoVersion", "GET /\r\nHost: h\r\n\r\n", 400},
    {"Version09", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505},
    {"Version12", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
    {"Version20", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
    {"VersionInLowerCase", "GET / http/1.1\r\nHost: h\r\n\r\n", 505},
    {"VersionWithTrailingBlank", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 505},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    // limits and expectations
    {"HundredAndOneFields", get_with(many_fields(100)), 431},
    {"HeadOver64KiB", get_with("X: " + std::string(65 << 10, 'a')), 431},
    {"RequestLineOver64KiB", "GET /" + std::string(65 << 10, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n",
     431},
    {"UnknownExpectation", post_with("Content-Length: 5\r\nExpect: 200-ok", "hello"), 417},
    {"BadConnectionList", get_with("Connection: a b"), 400},
};

class Smuggling : public testing::TestWithParam<Case> {};

TEST_P(Smuggling, IsRefusedAndTheConnectionClosed) {
  std::atomic<int> handled = 0;
  auto server = start_server({}, [&](Request&) {
    ++handled;
    return Reply{};
  });
  RawClient client(server->port());
  client.send(GetParam().bytes + smuggled);
  const auto answer = client.read_to_end();
  EXPECT_TRUE(answer.starts_with(fmt::format("HTTP/1.1 {} ", GetParam().status))) << answer;
  EXPECT_EQ(count_of(answer, "\r\nDate: "), 1u) << answer;
  EXPECT_EQ(count_of(answer, "Connection: close\r\n"), 1u) << answer;
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(server->counts().refused, 1u);
}

INSTANTIATE_TEST_SUITE_P(Cases, Smuggling, testing::ValuesIn(cases),
                         [](const auto& one) { return std::string(one.param.name); });

// What must pass, so that strictness has not become deafness: the second request is read, too.
const Case good_cases[] = {
    {"OneEmptyLineFirst", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 200},
    {"AbsoluteTarget", "GET http://h/ HTTP/1.1\r\nHost: H\r\n\r\n", 200},
    {"AbsoluteTargetWithoutPath", "GET https://h?a=b HTTP/1.1\r\nHost: h\r\n\r\n", 200},
    {"HostIsAnAddressWithPort", "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", 200},
    {"NinetyNineFieldsAndHost", get_with(many_fields(99)), 200},
    {"BodyOfGet", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", 200},
    {"ChunkedInUpperCase", post_with("TRANSFER-ENCODING: CHUNKED", "5\r\nhello\r\n0\r\n\r\n"), 200},
    {"ChunkSizeWithZeros", chunked + "0005\r\nhello\r\n000\r\n\r\n", 200},
    {"Trailer", chunked + "5\r\nhello\r\n0\r\nX: y\r\nZ: 1\r\n\r\n", 200},
    {"EmptyValue", get_with("X:"), 200},
    {"BlanksAroundValue", get_with("X: \t a \t "), 200},
    {"ContentLengthZero", post_with("Content-Length: 0", ""), 200},
    {"ContentLengthWithZeros", post_with("Content-Length: 005", "hello"), 200},
    {"HighBytesInValue", get_with("X: \xc3\xa9"), 200},
    {"QueryWithQuotesAndBrackets",
     "GET /?$filter=name%20eq%20'a'&x[0]={} HTTP/1.1\r\nHost: h\r\n\r\n", 200},
};

class Accepting : public testing::TestWithParam<Case> {};

TEST_P(Accepting, IsAnsweredAndTheNextRequestIsRead) {
  std::vector<std::string> targets;
  auto server = start_server({}, [&](Request& request) {
    targets.push_back(request.target);
    Reply reply{.body = request.body};
    if (request.target == "/smuggled") reply.headers.add("Connection", "close");
    return reply;
  });
  {
    RawClient client(server->port());
    client.send(GetParam().bytes + smuggled);
    const auto answer = client.read_to_end();
    EXPECT_EQ(count_of(answer, "HTTP/1.1 200 "), 2u) << answer;
  }
  server->stop(Seconds(10));
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_TRUE(targets[0].starts_with('/')) << targets[0];
  EXPECT_EQ(targets[1], "/smuggled");
}

INSTANTIATE_TEST_SUITE_P(Cases, Accepting, testing::ValuesIn(good_cases),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace pinaco::http
