// The signatures of the service's own client library (Python, 12.15 and 2019-07-07), with the key
// 00 01 02 … 3f.
#include <gtest/gtest.h>

#include "base/text.h"
#include "blob/blob.h"

namespace pinaco::blob {
namespace {

const WallTime now = *parse_iso8601("2026-06-01T12:00:00Z");

std::string first_key() {
  Bytes bytes(64);
  for (std::size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<std::uint8_t>(i);
  return to_base64(bytes);
}

model::Resource account() {
  model::Resource row;
  row.id = *arm::ResourceId::parse(
      "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct");
  set_path(row.internal, "keys.key1.value", first_key());
  set_path(row.internal, "keys.key2.value", to_base64(Bytes(64, 7)));
  return row;
}

http::Request put_page(std::string_view date = "Fri, 26 Jun 2015 23:39:12 GMT") {
  http::Request request{.method = "PUT",
                        .target = "/acct/disks/my%20disk.vhd?comp=page&timeout=20"};
  request.headers.add("Host", "localhost:8443");
  request.headers.add("x-ms-version", "2021-06-08");
  request.headers.add("X-Ms-Date", std::string(date));
  request.headers.add("x-ms-page-write", "update");
  request.headers.add("x-ms-range", "bytes=0-511");
  request.headers.add("Content-Length", "512");
  request.headers.add("Content-Type", "application/octet-stream");
  request.headers.add("x-ms-meta-b", "2");
  request.headers.add("x-ms-meta-a_1", "1");
  request.headers.add("If-Match", "\"0x1\"");
  return request;
}

Query query_of(std::string_view text) {
  Query query;
  for (const auto pair : split(text, '&')) {
    const auto equal = pair.find('=');
    query[std::string(pair.substr(0, equal))] = *percent_decode(pair.substr(equal + 1));
  }
  return query;
}

Result<Rights> ask(std::string_view sas, const std::string& container, const std::string& name,
                   WallTime at = now, const std::string& peer = "10.0.0.4:1") {
  const http::Request request{.method = "GET", .target = "/", .peer = peer};
  const auto query = query_of(sas);
  return authenticate(
      {.request = request, .query = query, .account = "acct", .container = container, .blob = name},
      account(), at);
}

constexpr std::string_view blob_sas =
    "st=2026-01-01T00%3A00%3A00Z&se=2027-01-01T00%3A00%3A00Z&sp=rw&spr=https&sv=2021-12-02&sr=b&"
    "sig=Kan/kAjyEozbqHN6c35LRhraWkimYF/pweGx4iyG1GI%3D";
constexpr std::string_view container_sas =
    "se=2027-01-01T00%3A00%3A00Z&sp=rl&sv=2021-12-02&sr=c&"
    "sig=XFgAVHmREp2CAER06sxrqIR5OpxGMzP%2BnFMqyRNqomU%3D";
constexpr std::string_view whole_account_sas =
    "se=2027-01-01T00%3A00%3A00Z&sp=rwdlc&sv=2021-12-02&ss=b&srt=sco&"
    "sig=yW9JkbgGvjQz7BNMUnlHXqcV1NJw3OjJR8XNmwwSnm8%3D";
constexpr std::string_view older_sas =
    "se=2027-01-01T00%3A00%3A00Z&sp=r&sv=2019-07-07&sr=b&"
    "sig=JlFpcP70fN4nULd93RXjvjIF19TcFQwbZN7VPUr%2BL9k%3D";

TEST(Signature, TextIsThatOfTheClientLibrary) {
  EXPECT_EQ(string_to_sign(put_page(), "acct"),
            "PUT\n\n\n512\n\napplication/octet-stream\n\n\n\"0x1\"\n\n\n\n"
            "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-meta-a_1:1\nx-ms-meta-b:2\n"
            "x-ms-page-write:update\nx-ms-range:bytes=0-511\nx-ms-version:2021-06-08\n"
            "/acct/acct/disks/my%20disk.vhd\ncomp:page\ntimeout:20");
  EXPECT_EQ(sign(first_key(), string_to_sign(put_page(), "acct")),
            "SUNHsd48fZyL432AnP+lt/OdEGytsBQFIeCSqXHPiM4=");
}

// The example of the service's documentation.
TEST(Signature, TextIsThatOfTheDocumentation) {
  http::Request request{.method = "GET",
                        .target = "/mycontainer?restype=container&timeout=20&comp=metadata"};
  request.headers.add("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT");
  request.headers.add("x-ms-version", "2015-02-21");
  EXPECT_EQ(string_to_sign(request, "myaccount"),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
            "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
            "timeout:20");
}

TEST(Signature, ZeroLengthAndSeveralValuesAreWrittenAsTheServiceDoes) {
  http::Request request{.method = "PUT", .target = "/c?include=b&Include=a"};
  request.headers.add("Content-Length", "0");
  request.headers.add("Date", "Fri, 26 Jun 2015 23:39:12 GMT");
  EXPECT_EQ(string_to_sign(request, "a"),
            "PUT\n\n\n\n\n\nFri, 26 Jun 2015 23:39:12 GMT\n\n\n\n\n\n/a/c\ninclude:a,b");
}

TEST(SharedKey, CountsForAQuarterOfAnHour) {
  auto request = put_page();
  request.headers.add("Authorization",
                      "SharedKey acct:SUNHsd48fZyL432AnP+lt/OdEGytsBQFIeCSqXHPiM4=");
  const Query none;
  const auto at = [&](WallTime time) {
    return authenticate({.request = request,
                         .query = none,
                         .account = "acct",
                         .container = "disks",
                         .blob = "my disk.vhd"},
                        account(), time);
  };
  const auto sent = *parse_http_date("Fri, 26 Jun 2015 23:39:12 GMT");
  ASSERT_TRUE(at(sent + std::chrono::minutes(15)));
  EXPECT_TRUE(at(sent)->everything);
  EXPECT_TRUE(has_key(account(), at(sent)->key));
  EXPECT_EQ(at(sent + std::chrono::minutes(16)).error().code, "AuthenticationFailed");
  EXPECT_EQ(at(sent - std::chrono::minutes(16)).error().code, "AuthenticationFailed");
}

TEST(SharedKey, IsRefusedForAnythingThatWasNotSigned) {
  const auto refused = [](http::Request request, const std::string& authorization) {
    request.headers.add("Authorization", authorization);
    const Query none;
    return !authenticate({.request = request,
                          .query = none,
                          .account = "acct",
                          .container = "disks",
                          .blob = "my disk.vhd"},
                         account(), *parse_http_date("Fri, 26 Jun 2015 23:39:12 GMT"));
  };
  const std::string good = "SharedKey acct:SUNHsd48fZyL432AnP+lt/OdEGytsBQFIeCSqXHPiM4=";
  ASSERT_FALSE(refused(put_page(), good));
  auto other = put_page();
  other.target = "/acct/disks/other.vhd?comp=page&timeout=20";
  EXPECT_TRUE(refused(other, good));
  other = put_page();
  other.method = "DELETE";
  EXPECT_TRUE(refused(other, good));
  other = put_page();
  other.headers.set("x-ms-range", "bytes=512-1023");
  EXPECT_TRUE(refused(other, good));
  EXPECT_TRUE(refused(put_page("Fri, 26 Jun 2015 23:40:12 GMT"), good));
  EXPECT_TRUE(refused(put_page(), "SharedKey acct:"));
  EXPECT_TRUE(refused(put_page(), "SharedKey other:SUNHsd48fZyL432AnP+lt/OdEGytsBQFIeCSqXHPiM4="));
  EXPECT_TRUE(refused(put_page(), "Bearer SUNHsd48fZyL432AnP+lt/OdEGytsBQFIeCSqXHPiM4="));
}

TEST(SharedKey, IsRefusedWhereTheAccountWantsNone) {
  auto row = account();
  const std::string key(string_at(row.internal, "keys.key1.value"));
  EXPECT_TRUE(has_key(row, key));
  set_path(row.properties, "allowSharedKeyAccess", false);
  EXPECT_FALSE(has_key(row, key));  // nor what began before
  const http::Request request{.method = "GET", .target = "/"};
  const auto query = query_of(blob_sas);
  EXPECT_EQ(authenticate({.request = request,
                          .query = query,
                          .account = "acct",
                          .container = "disks",
                          .blob = "a/b.vhd"},
                         row, now)
                .error()
                .code,
            "KeyBasedAuthenticationNotPermitted");
}

TEST(Sas, OfABlobOpensThatBlobOnly) {
  const auto rights = ask(blob_sas, "disks", "a/b.vhd");
  ASSERT_TRUE(rights) << rights.error().message;
  EXPECT_TRUE(rights->check(Level::blob, "r"));
  EXPECT_TRUE(rights->check(Level::blob, "w"));
  EXPECT_FALSE(rights->check(Level::blob, "d"));
  EXPECT_FALSE(rights->check(Level::container, "r"));
  EXPECT_FALSE(ask(blob_sas, "disks", "a/c.vhd"));
  EXPECT_FALSE(ask(blob_sas, "disks", ""));
  EXPECT_FALSE(ask(blob_sas, "other", "a/b.vhd"));
  EXPECT_TRUE(ask(older_sas, "disks", "a/b.vhd"));
}

TEST(Sas, OfAContainerOpensWhatIsInIt) {
  const auto rights = ask(container_sas, "disks", "any");
  ASSERT_TRUE(rights) << rights.error().message;
  EXPECT_TRUE(rights->check(Level::listing, "l"));
  EXPECT_FALSE(rights->check(Level::container, "rl"));  // not the container itself
  EXPECT_TRUE(rights->check(Level::blob, "r"));
  EXPECT_FALSE(rights->check(Level::blob, "cw"));
  EXPECT_FALSE(rights->check(Level::service, "l"));
  EXPECT_FALSE(ask(container_sas, "other", "any"));
}

TEST(Sas, OfAnAccountOpensTheLevelsItNames) {
  const auto rights = ask(whole_account_sas, "disks", "any");
  ASSERT_TRUE(rights) << rights.error().message;
  EXPECT_TRUE(rights->check(Level::service, "l"));
  EXPECT_TRUE(rights->check(Level::listing, "l"));
  EXPECT_TRUE(rights->check(Level::container, "d"));
  EXPECT_TRUE(rights->check(Level::blob, "d"));
}

TEST(Sas, CountsBetweenItsTimes) {
  EXPECT_FALSE(ask(blob_sas, "disks", "a/b.vhd", *parse_iso8601("2027-01-01T00:00:00Z")));
  EXPECT_TRUE(ask(blob_sas, "disks", "a/b.vhd", *parse_iso8601("2026-12-31T23:59:59Z")));
  EXPECT_FALSE(ask(blob_sas, "disks", "a/b.vhd", *parse_iso8601("2025-12-31T00:00:00Z")));
}

// A parameter that was changed, added or left out.
TEST(Sas, IsRefusedWhenItIsNotWhatWasSigned) {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string text(blob_sas);
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_FALSE(ask(with("sp=rw", "sp=rwd"), "disks", "a/b.vhd"));
  EXPECT_FALSE(ask(with("se=2027", "se=2029"), "disks", "a/b.vhd"));
  EXPECT_FALSE(ask(with("spr=https&", ""), "disks", "a/b.vhd"));
  EXPECT_FALSE(ask(with("sig=K", "sig=L"), "disks", "a/b.vhd"));
  EXPECT_FALSE(ask(with("sv=2021-12-02", "sv=2012-02-12"), "disks", "a/b.vhd"));
  EXPECT_FALSE(ask(with("sr=b", "sr=b&si=policy"), "disks", "a/b.vhd"));
  EXPECT_FALSE(ask(with("sr=b", "sr=b&sip=10.0.0.4"), "disks", "a/b.vhd"));
}

TEST(Sas, HoldsForItsAddressesOnly) {
  const auto signed_for = [](const std::string& range) {
    auto query = query_of("se=2027-01-01&sp=r&sv=2021-12-02&sr=b&sip=" + range);
    return "se=2027-01-01&sp=r&sv=2021-12-02&sr=b&sip=" + range + "&sig=" +
           percent_encode(sign(first_key(), *service_sas_text(query, "acct", "disks", "d")));
  };
  EXPECT_TRUE(ask(signed_for("10.0.0.4"), "disks", "d"));
  EXPECT_TRUE(ask(signed_for("10.0.0.1-10.0.0.9"), "disks", "d"));
  EXPECT_EQ(ask(signed_for("10.0.0.5"), "disks", "d").error().code,
            "AuthorizationSourceIPMismatch");
  EXPECT_FALSE(ask(signed_for("10.0.0.1-10.0.0.3"), "disks", "d"));
  EXPECT_FALSE(ask(signed_for("10.0.0"), "disks", "d"));
}

TEST(HttpDate, IsReadAsItIsWritten) {
  const auto time = *parse_iso8601("2024-02-29T07:08:09Z");
  EXPECT_EQ(to_http_date(time), "Thu, 29 Feb 2024 07:08:09 GMT");
  EXPECT_EQ(parse_http_date(to_http_date(time)), time);
  for (const char* bad : {"", "Thu, 30 Feb 2024 07:08:09 GMT", "Thu, 29 Feb 2024 07:08:09 UTC",
                          "Thu, 29 Feb 2024 25:08:09 GMT", "2024-02-29T07:08:09Z"}) {
    EXPECT_FALSE(parse_http_date(bad)) << bad;
  }
}

}  // namespace
}  // namespace pinaco::blob
