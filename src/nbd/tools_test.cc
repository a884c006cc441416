// The server against the tools people use: nbdinfo, nbdcopy, qemu-img.
#include <sys/wait.h>

#include "base/json.h"
#include "nbd/nbd_fixture.h"

namespace pinaco::nbd {
namespace {

// Everything here holds over both kinds of socket.
class RealTools : public testing::TestWithParam<bool> {
 protected:
  Served served_{GetParam()};
};

TEST_P(RealTools, NbdinfoSeesTheExportAsItIs) {
  NEEDS_TOOL("nbdinfo");
  const auto result = run_tool("nbdinfo --no-content --json '" + served_.uri + "'");
  ASSERT_EQ(result.status, 0) << result.output;
  const auto json = parse_json(result.output);
  ASSERT_TRUE(json) << json.error().message << result.output;
  EXPECT_EQ(string_at(*json, "protocol"), "newstyle-fixed");
  EXPECT_TRUE(bool_at(*json, "structured"));
  const auto* exports = find_path(*json, "exports");
  ASSERT_NE(exports, nullptr);
  const auto& one = exports->as_array().at(0);
  EXPECT_EQ(string_at(one, "export-name"), "disk");
  EXPECT_EQ(string_at(one, "description"), "a sample");
  EXPECT_EQ(int_at(one, "export-size"), static_cast<std::int64_t>(served_.disk->size_bytes()));
  EXPECT_TRUE(bool_at(one, "is_read_only"));
  EXPECT_TRUE(bool_at(one, "can_multi_conn"));
  EXPECT_TRUE(bool_at(one, "can_df"));
  EXPECT_FALSE(bool_at(one, "can_trim"));
  EXPECT_EQ(int_at(one, "block_size_minimum"), 1);
  EXPECT_EQ(int_at(one, "block_size_preferred"), 4096);
  EXPECT_EQ(int_at(one, "block_size_maximum"), 32 << 20);
}

TEST_P(RealTools, NbdinfoMapsDataAndHoles) {
  NEEDS_TOOL("nbdinfo");
  const auto result = run_tool("nbdinfo --map --json '" + served_.uri + "'");
  ASSERT_EQ(result.status, 0) << result.output;
  const auto json = parse_json(result.output);
  ASSERT_TRUE(json) << result.output;
  const auto size = static_cast<std::int64_t>(served_.disk->size_bytes());
  std::int64_t at = 0;
  for (const auto& extent : json->as_array()) {
    const bool hole = at / (128 << 10) % 2 == 1;
    EXPECT_EQ(int_at(extent, "offset"), at);
    EXPECT_EQ(int_at(extent, "length"), std::min<std::int64_t>(128 << 10, size - at));
    EXPECT_EQ(int_at(extent, "type"), hole ? 3 : 0);
    at += int_at(extent, "length");
  }
  EXPECT_EQ(at, size);
}

TEST_P(RealTools, NbdcopyCopiesEveryByte) {
  NEEDS_TOOL("nbdcopy");
  const auto copy = served_.folder / "copy";
  const auto result = run_tool("nbdcopy '" + served_.uri + "' " + copy);
  ASSERT_EQ(result.status, 0) << result.output;
  std::ifstream in(copy, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(in)), {});
  EXPECT_TRUE(as_text(served_.disk->bytes()) == content);
}

TEST_P(RealTools, QemuImgFindsTheDiskIdentical) {
  NEEDS_TOOL("qemu-img");
  const auto same = served_.folder / "same";
  auto bytes = served_.disk->bytes();
  write_bytes(same, bytes);
  const std::string command = "qemu-img compare -f raw -F raw '" + served_.uri + "' ";
  auto result = run_tool(command + same);
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_NE(result.output.find("identical"), std::string::npos) << result.output;
  bytes[3'000'000] ^= 1;
  write_bytes(same, bytes);
  EXPECT_EQ(WEXITSTATUS(run_tool(command + same).status), 1);
}

TEST_P(RealTools, NbdinfoOfAnUnknownNameFailsAndTheServerGoesOn) {
  NEEDS_TOOL("nbdinfo");
  auto uri = served_.uri;
  uri.replace(uri.find("/disk"), 5, "/none");
  const auto result = run_tool("nbdinfo '" + uri + "'");
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.output.find("No such file or directory"), std::string::npos) << result.output;
  served_.expect_still_serving();
}

INSTANTIATE_TEST_SUITE_P(Sockets, RealTools, testing::Bool(),
                         [](const auto& socket) { return socket.param ? "tcp" : "unix"; });

TEST(NbdList, TellsNoNamesUnlessAllowed) {
  NEEDS_TOOL("nbdinfo");
  const Served quiet;
  EXPECT_EQ(run_tool("nbdinfo --list '" + quiet.uri + "'").output.find("export=\"disk\""),
            std::string::npos);
  const Served open(false, {.list = true});
  const auto result = run_tool("nbdinfo --list '" + open.uri + "'");
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("export=\"disk\""), std::string::npos) << result.output;
}

TEST(NbdExport, AnswersManyClientsAtOnce) {
  NEEDS_TOOL("nbdcopy");
  const Served served;
  const auto result =
      run_tool("for i in 1 2 3 4 5 6; do nbdcopy --connections=4 --requests=32 '" + served.uri +
               "' null: & done; wait; nbdcopy '" + served.uri + "' null:");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_GE(served.server->bytes_read("disk"), 7 * served.disk->size_bytes() / 2);
}

}  // namespace
}  // namespace pinaco::nbd
