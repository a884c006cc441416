// Names, logins, retries and the parts of a transfer, against a server in this process.
#include "app/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/fake_server.h"
#include "app/link_disk.h"
#include "app/padded_disk.h"
#include "app/push_upload.h"
#include "app/reference.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

http::Reply refusal(int status, std::string retry_after = "") {
  http::Reply reply{.status = status};
  if (!retry_after.empty()) reply.headers.add("Retry-After", std::move(retry_after));
  return reply;
}

class Client : public testing::Test {
 protected:
  ManualClock clock_;
  ManualWaiting waiting_{clock_};
  FakeServer server_;
  Patience patience() { return {.clock = clock_, .waiting = waiting_, .retry_for = Seconds(60)}; }
};

TEST(Reference, TakesShortNamesAndIds) {
  const auto version = parse_reference("g/d-1/1.2.3");
  ASSERT_TRUE(version);
  EXPECT_EQ(version->gallery, "g");
  EXPECT_EQ(version->definition, "d-1");
  EXPECT_EQ(version->version, "1.2.3");
  EXPECT_EQ(parse_reference("g/d/latest")->version, "latest");
  EXPECT_EQ(parse_reference("g")->definition, "");
  const auto id = parse_reference(
      "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/r/providers/"
      "Microsoft.Compute/disks/d");
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_EQ(id->id->type(), "disks");
}

TEST(Reference, RefusesWhatIsNoName) {
  for (const char* bad : {"", "g/d/1.0.0/x", "g//1.0.0", "g/d/1.0", "my gallery", "../d"}) {
    EXPECT_FALSE(parse_reference(bad)) << bad;
  }
}

TEST(Regions, RefusesNonsenseAndRepeats) {
  for (const char* bad : {"", "a=0", "a=x", "a=1=nvme", "a=1=standard_lrs=2", "a,,b", "a,A",
                          "West Europe=1,westeurope=2"}) {
    EXPECT_FALSE(parse_regions(bad, 1)) << bad;
  }
  EXPECT_EQ(parse_regions("a", 3)->front().replicas, 3);
}

TEST(Warnings, AreTheTextsOfTheirHeaders) {
  http::Headers headers;
  headers.add("Warning", R"(299 - "The size \"a\\b\" is small.")");
  headers.add("warning", R"(299 - "Old.")");
  headers.add("Warning", "299");
  headers.add("Other", R"(299 - "no")");
  EXPECT_THAT(warnings_in(headers), ElementsAre("The size \"a\\b\" is small.", "Old."));
}

TEST(Latest, IsTheHighestNumberThatIsReadyAndNotExcluded) {
  std::vector<Json> versions;
  const auto add = [&](const char* name, const char* state, bool excluded) {
    Json version = JsonObject{{"name", name}};
    set_path(version, "properties.provisioningState", state);
    set_path(version, "properties.publishingProfile.excludeFromLatest", excluded);
    versions.push_back(version);
  };
  EXPECT_EQ(find_latest(versions), nullptr);
  add("1.9.0", "Succeeded", false);
  add("1.10.0", "Succeeded", false);
  add("2.0.0", "Succeeded", true);
  add("3.0.0", "Creating", false);
  EXPECT_EQ(string_at(*find_latest(versions), "name"), "1.10.0");
  sort_versions(versions);
  EXPECT_EQ(string_at(versions.front(), "name"), "3.0.0");
  EXPECT_EQ(string_at(versions.back(), "name"), "1.9.0");
}

TEST(PageList, IsSortedAndMerged) {
  const auto ranges = parse_page_list(
      "<?xml version=\"1.0\"?><PageList>\n <PageRange><Start>1024</Start><End>1535</End>"
      "</PageRange><PageRange> <Start>0</Start>\n<End>511</End></PageRange>"
      "<PageRange><Start>512</Start><End>1023</End></PageRange>"
      "<PageRange><Start>4096</Start><End>4607</End></PageRange></PageList>");
  ASSERT_TRUE(ranges);
  EXPECT_THAT(*ranges, ElementsAre(Extent{.offset = 0, .length = 1536},
                                   Extent{.offset = 4096, .length = 512}));
  EXPECT_THAT(*parse_page_list("<PageList/>"), IsEmpty());
}

TEST(PageList, MalformedIsAnErrorAndNotAnEmptyList) {
  for (const char* bad :
       {"", "<PageList>", "<PageList><PageRange><Start>1</Start></PageRange></PageList>",
        "<PageList><PageRange><Start>9</Start><End>3</End></PageRange></PageList>",
        "<PageList><PageRange><Start>-1</Start><End>3</End></PageRange></PageList>"}) {
    EXPECT_FALSE(parse_page_list(bad)) << bad;
  }
}

std::unique_ptr<DiskReader> raw_disk(Bytes bytes) {
  return std::move(
      format::open_image(format::in_memory(std::move(bytes)), format::Format::raw)->disk);
}

TEST(PaddedDisk, EndsAtWholeMebibytesWithZeros) {
  EXPECT_EQ(padded_bytes(512), 20ULL << 20);
  EXPECT_EQ(padded_bytes(20ULL << 20), 20ULL << 20);
  EXPECT_EQ(padded_bytes((20ULL << 20) + 512), 21ULL << 20);
  const auto disk = raw_disk(Bytes(1024, 7));
  const PaddedDisk padded(*disk);
  Bytes read(1024, 1);
  ASSERT_TRUE(padded.read(512, read));
  EXPECT_EQ(read[511], 7);
  EXPECT_EQ(read[512], 0);
  EXPECT_EQ(padded.extents(0, 20 << 20)->back(),
            (Extent{.offset = 1024, .length = (20 << 20) - 1024, .zero = true}));
  EXPECT_FALSE(padded.read((20 << 20) - 1, read));
}

TEST(UploadPlan, LeavesOutExactlyWhatArrivedWhole) {
  constexpr std::uint64_t chunk = chunk_bytes;
  const auto disk = raw_disk(Bytes(5 * chunk, 1));
  const auto plan = plan_upload(*disk, {{.offset = 0, .length = chunk},
                                        {.offset = 2 * chunk, .length = chunk - 512},
                                        {.offset = 3 * chunk + 512, .length = chunk}});
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->chunks, ElementsAre(chunk, 2 * chunk, 3 * chunk, 4 * chunk));
  EXPECT_EQ(plan->arrived_bytes, chunk);
  EXPECT_EQ(plan->total_bytes, 5 * chunk);
}

TEST(Login, IsCompletedAndOverriddenByTheEnvironment) {
  const TemporaryFolder folder;
  std::map<std::string, std::string> environment{{"PINACO_LOGIN_FILE", folder / "login.json"}};
  const auto get = [&](const char* name) { return environment[name]; };
  EXPECT_THAT(find_login(get).error().message, HasSubstr("pinaco login"));
  const std::string text = R"({"endpoint":"https://h:1/","ca":"ca.pem","tenant":"t",
      "subscription":"s","clientId":"c","clientSecret":"x"})";
  ASSERT_TRUE(os::write_file_durably(folder / "login.json", as_bytes(text)));
  environment["PINACO_TENANT"] = "other";
  const auto login = find_login(get);
  ASSERT_TRUE(login) << login.error().message;
  EXPECT_EQ(login->endpoint, "https://h:1");
  EXPECT_EQ(login->ca_file, folder / "ca.pem");
  EXPECT_EQ(login->tenant, "other");
  EXPECT_EQ(login->client_secret, "x");
  const auto again = parse_login(login_text(*login), "/");
  EXPECT_EQ(again->ca_file, login->ca_file);
  EXPECT_EQ(again->tenant, "other");
  EXPECT_EQ(again->proxy, "");
  environment["PINACO_PROXY"] = "http://127.0.0.1:8480";
  const auto through = find_login(get);
  ASSERT_TRUE(through) << through.error().message;
  EXPECT_EQ(parse_login(login_text(*through), "/")->proxy, "http://127.0.0.1:8480");
}

TEST(Login, RefusesAnEndpointThatWouldSendTheSecretInTheClear) {
  EXPECT_FALSE(parse_login(R"({"endpoint":"http://images.example:80"})", "/"));
  EXPECT_TRUE(parse_login(R"({"endpoint":"http://127.0.0.1:80"})", "/"));
}

TEST_F(Client, AsksOnceForATokenAndAgainBeforeItExpires) {
  Connection connection(server_.login(), patience());
  ASSERT_TRUE(connection.get("/pinaco/v1/regions"));
  ASSERT_TRUE(connection.get("/pinaco/v1/regions"));
  EXPECT_EQ(server_.tokens(), 1);
  clock_.advance(Seconds(3301));  // of 3600
  ASSERT_TRUE(connection.get("/pinaco/v1/regions"));
  EXPECT_EQ(server_.tokens(), 2);
}

TEST_F(Client, RenewsARefusedTokenOnce) {
  Connection connection(server_.login(), patience());
  int refused = 0;
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.target == "/x" && ++refused > 0) return refusal(401);
    return std::nullopt;
  });
  EXPECT_EQ(connection.get("/x").error().kind, Kind::denied);
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(server_.tokens(), 2);
}

TEST_F(Client, GoesOnAskingAServerThatIsFullUntilItAnswers) {
  Connection connection(server_.login(), patience());
  int left = 4;
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.target.starts_with("/pinaco") && left-- > 0) return refusal(left % 2 ? 503 : 429);
    return std::nullopt;
  });
  const auto start = clock_.steady();
  ASSERT_TRUE(connection.get("/pinaco/v1/regions"));
  EXPECT_EQ(left, -1);
  EXPECT_EQ(clock_.steady() - start, Milliseconds(100 + 200 + 400 + 800));
}

TEST_F(Client, WaitsAsLongAsAFullServerAsks) {
  Connection connection(server_.login(), patience());
  int left = 1;
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.target.starts_with("/pinaco") && left-- > 0) return refusal(503, "17");
    return std::nullopt;
  });
  const auto start = clock_.steady();
  ASSERT_TRUE(connection.get("/pinaco/v1/regions"));
  EXPECT_EQ(clock_.steady() - start, Seconds(17));
}

TEST_F(Client, GivesUpWhenThePatienceIsUsedUp) {
  Connection connection(server_.login(), patience());
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.target.starts_with("/pinaco")) return refusal(500);
    return std::nullopt;
  });
  const auto start = clock_.steady();
  EXPECT_EQ(connection.get("/pinaco/v1/regions").error().kind, Kind::unavailable);
  EXPECT_LE(clock_.steady() - start, Seconds(60));
  EXPECT_GE(clock_.steady() - start, Seconds(50));
}

TEST_F(Client, TellsSoonThatAServerWasNeverThere) {
  auto login = server_.login();
  login.endpoint = "http://127.0.0.1:1";
  Connection connection(login, patience());
  const auto start = clock_.steady();
  EXPECT_EQ(connection.get("/x").error().kind, Kind::unavailable);
  EXPECT_LE(clock_.steady() - start, Seconds(3));
}

TEST_F(Client, RepeatsNothingThatWasRefusedForGood) {
  Connection connection(server_.login(), patience());
  int asked = 0;
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.target != "/x") return std::nullopt;
    ++asked;
    return http::Reply{.status = 409,
                       .body = R"({"error":{"code":"Conflict","message":"It is there."}})"};
  });
  const auto error = connection.get("/x").error();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(error.kind, Kind::conflict);
  EXPECT_EQ(error.code, "Conflict");
  EXPECT_EQ(error.message, "It is there.");
}

TEST_F(Client, TellsWhyAnOperationFailed) {
  Connection connection(server_.login(), patience());
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (!request.target.starts_with("/operation")) return std::nullopt;
    return http::Reply{
        .status = 200,
        .body = R"({"status":"Failed","error":{"code":"InvalidVhd","message":"No footer."}})"};
  });
  const Json body = JsonObject();
  const auto done = connection.run("PUT", "/subscriptions/s/resourceGroups/r", &body);
  EXPECT_EQ(done.error().code, "InvalidVhd");
  EXPECT_EQ(done.error().message, "No footer.");
}

TEST_F(Client, AsksAboutSlowThingsQuicklyAtFirstThenAsTheServerWishes) {
  Pauses pauses(patience());
  const auto start = clock_.steady();
  ASSERT_TRUE(pauses.wait("30"));
  EXPECT_EQ(clock_.steady() - start, Milliseconds(25));
  while (clock_.steady() - start < Seconds(3)) ASSERT_TRUE(pauses.wait("30"));
  const auto later = clock_.steady();
  ASSERT_TRUE(pauses.wait("30"));
  EXPECT_EQ(clock_.steady() - later, Seconds(1));  // at least every second
}

TEST_F(Client, ReadsADiskOverItsLinkWithoutTheFooterAndWithoutItsZeros) {
  constexpr std::size_t size = 3 * page_bytes_max + (1 << 20);
  auto& blob = server_.blob();
  blob.assign(size + 512, 0);
  for (std::size_t i = 0; i < page_bytes_max; ++i) {
    blob[i] = static_cast<std::uint8_t>(i * 7);
    if (i < (1 << 20)) blob[3 * page_bytes_max + i] = static_cast<std::uint8_t>(i * 3 + 1);
  }
  server_.arrived() = {0, 3 * page_bytes_max};
  std::atomic<int> gets = 0;
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.headers.has("x-ms-range")) ++gets;
    return std::nullopt;
  });
  const auto blob_link =
      std::make_shared<PageBlob>(server_.url() + "/blob?sig=1", http::ClientOptions{}, patience());
  const auto disk = open_link(blob_link, size, 3);
  ASSERT_TRUE(disk) << disk.error().message;
  EXPECT_THAT(
      *(*disk)->extents(0, size),
      ElementsAre(Extent{.offset = 0, .length = page_bytes_max},
                  Extent{.offset = page_bytes_max, .length = 2 * page_bytes_max, .zero = true},
                  Extent{.offset = 3 * page_bytes_max, .length = 1 << 20}));
  Bytes read(size);
  for (std::size_t at = 0; at < size; at += 65536) {
    ASSERT_TRUE((*disk)->read(at, MutableBytes(read).subspan(at, 65536)));
  }
  EXPECT_TRUE(std::equal(read.begin(), read.end(), blob.begin()));
  EXPECT_EQ(gets, 2);
  EXPECT_FALSE(open_link(blob_link, size - 4096, 3));
}

}  // namespace
}  // namespace pinaco::app
