// The list of pages, and targets of blobs.
#include "front/pages.h"

#include <gtest/gtest.h>

#include "front/target.h"

namespace pinaco::front {
namespace {

TEST(PageList, AsksInPartsAndJoinsWhatTouches) {
  constexpr std::uint64_t size = 1ULL << 30;
  std::uint64_t longest = 0;
  const auto all_data = [&](std::uint64_t at, std::uint64_t length) {
    longest = std::max(longest, length);
    return Result<std::vector<Extent>>({{.offset = at, .length = length}});
  };
  const auto whole = page_list(std::nullopt, size, all_data);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_TRUE(whole->body.contains(
      "<PageList><PageRange><Start>0</Start><End>1073741823</End></PageRange></PageList>"))
      << whole->body;
  EXPECT_LE(longest, 256U << 20);
  const auto part = page_list(Range{.first = 512, .last = 1023}, size, all_data);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_TRUE(part->body.contains("<Start>512</Start><End>1023</End>")) << part->body;
}

TEST(PageList, RefusesMoreRangesThanItHolds) {
  // Every second page of a window.
  std::size_t windows = 0;
  const auto torn = [&](std::uint64_t at, std::uint64_t length) {
    windows++;
    std::vector<Extent> extents;
    for (std::uint64_t i = 0; i + 4096 <= length; i += 8192) {
      extents.push_back({.offset = at + i, .length = 4096});
    }
    return Result<std::vector<Extent>>(std::move(extents));
  };
  const auto list = page_list(std::nullopt, 1ULL << 40, torn);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, "OutOfRangeInput");
  EXPECT_EQ(windows, 4U);
  EXPECT_TRUE(page_list(std::nullopt, 1ULL << 29, torn));
}

TEST(ToldErrors, KeepTheServersFilesToItself) {
  const auto told = told_error(
      Error{.kind = Kind::unavailable, .message = "open /data/blobs/x.vhd: Input/output error"});
  EXPECT_EQ(told.code, "ServerBusy");
  EXPECT_FALSE(told.message.contains("/data"));
  const auto reply =
      error_reply(Error{.kind = Kind::corrupt, .message = "/data/pinaco.db is malformed"});
  EXPECT_EQ(reply.status, 500);
  EXPECT_FALSE(reply.body.contains("/data")) << reply.body;
  EXPECT_EQ(told_error(blob_error(Kind::invalid, "InvalidRange", "why")).message, "why");
}

std::string path_of(std::string target) {
  http::Request request{.method = "GET", .target = std::move(target)};
  request.headers.add("Host", "localhost");
  const auto parsed = parse_target(request, "https");
  return parsed ? parsed->path : parsed.error().code;
}

TEST(Targets, TakeEscapedSlashesInNamesOfBlobsAlone) {
  EXPECT_EQ(path_of("/disks1/vhds/dir%2Fa.vhd"), "/disks1/vhds/dir/a.vhd");
  EXPECT_EQ(path_of("/disks1/vhds/x/dir%2fa.vhd"), "/disks1/vhds/x/dir/a.vhd");
  for (const char* bad :
       {"/disks1/vhds%2Fa.vhd", "/disks1%2Fvhds/a.vhd", "/disks1/vhds/dir%2F..%2Fa.vhd",
        "/disks1/vhds/.%2Fa", "/disks1/vhds/a%2F", "/disks1/vhds/a%2F%2Fb", "/disks1/vhds/a%2F%01",
        "/subscriptions/s/resourceGroups%2Fg", "/pinaco/x/a%2Fb", "/Disks1/vhds/a%2Fb"}) {
    EXPECT_EQ(path_of(bad), "InvalidRequestUri") << bad;
  }
}

}  // namespace
}  // namespace pinaco::front
