// Pushes and pulls from end to end, against a server in this process.
#include "app/push.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/fake_server.h"
#include "app/pull.h"
#include "app/push_upload.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr const char* disk_path =
    "/subscriptions/s/resourcegroups/pinaco/providers/microsoft.compute/disks/d-1.0.0-upload";
constexpr const char* version_path =
    "/subscriptions/s/resourcegroups/pinaco/providers/microsoft.compute/galleries/g/images/d/"
    "versions/1.0.0";
constexpr const char* definition_path =
    "/subscriptions/s/resourcegroups/pinaco/providers/microsoft.compute/galleries/g/images/d";

// Stops the command when the test says so.
class StoppableWaiting final : public Waiting {
 public:
  Result<> wait(Milliseconds) override { return check(); }
  Result<> check() override {
    return stopped_ ? Result<>(fail(Kind::cancelled, "Stopped.")) : Result<>();
  }
  void stop() { stopped_ = true; }

 private:
  std::atomic<bool> stopped_ = false;
};

class PushTest : public testing::Test {
 protected:
  PushTest() {
    options_.image = folder_ / "disk.raw";
    options_.gallery = "g";
    options_.definition = "d";
    options_.version = "1.0.0";
    options_.lanes = 1;
    write_image(1);
    error_ = std::tmpfile();
    out_ = std::tmpfile();
    ConsoleOptions how{.json = true, .out = out_, .error = error_};
    console_ = std::make_unique<Console>(how, clock_);
  }
  ~PushTest() override {
    console_.reset();
    (void)std::fclose(error_);
    (void)std::fclose(out_);
  }

  // 24 MiB and a bit: chunks 0, 2 and 5 and the last bit hold data; chunk 3 is written zeros.
  void write_image(std::uint8_t seed) {
    Bytes bytes((24 << 20) + 4096, 0);
    for (const std::size_t chunk : {0, 2, 5}) {
      for (std::size_t i = 0; i < 100; ++i) {
        bytes[chunk * chunk_bytes + 4096 * i] = static_cast<std::uint8_t>(seed + i);
      }
    }
    bytes[24 << 20] = seed;
    ASSERT_TRUE(os::write_file_durably(options_.image, bytes));
  }

  Result<> run() { return run(waiting_); }
  Result<> run(Waiting& waiting) {
    Connection connection(server_.login(),
                          {.clock = clock_, .waiting = waiting, .retry_for = Seconds(60)});
    return push(options_, connection, *console_);
  }
  Json printed() {
    std::rewind(out_);
    std::string text(1 << 16, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), out_));
    return parse_json(text).value_or(nullptr);
  }

  ManualClock clock_;
  ManualWaiting waiting_{clock_};
  Patience patience_{.clock = clock_, .waiting = waiting_, .retry_for = Seconds(60)};
  TemporaryFolder folder_;
  FakeServer server_;
  PushOptions options_;
  std::FILE* error_ = nullptr;
  std::FILE* out_ = nullptr;
  std::unique_ptr<Console> console_;
};

TEST_F(PushTest, SendsOnlyDataAndLeavesAVersionBehind) {
  options_.regions = {{.name = "westeurope", .replicas = 2}, {.name = "northeurope"}};
  const auto done = run();
  ASSERT_TRUE(done) << done.error().message;
  constexpr auto chunk = chunk_bytes;
  EXPECT_THAT(server_.puts(), ElementsAre(0, 2 * chunk, 5 * chunk, 6 * chunk, 25 << 20));
  EXPECT_EQ(server_.blob().size(), (25U << 20) + 512);
  const auto& version = server_.resources().at(version_path);
  const auto& regions =
      find_path(version, "properties.publishingProfile.targetRegions")->as_array();
  EXPECT_EQ(string_at(regions[0], "name"), "westeurope");
  EXPECT_EQ(int_at(regions[0], "regionalReplicaCount"), 2);
  EXPECT_EQ(to_lower(string_at(version, "properties.storageProfile.osDiskImage.source.id")),
            disk_path);
  EXPECT_FALSE(server_.resources().contains(disk_path)) << "the upload disk stays";
  EXPECT_EQ(string_at(server_.resources().at(definition_path), "properties.identifier.sku"), "d");
  EXPECT_EQ(int_at(printed(), "uploadedBytes"), 3 * chunk + (1 << 20));
}

TEST_F(PushTest, TellsInATagOfTheDefinitionHowMachinesAreSetUp) {
  options_.provisioning = "NoCloud";
  ASSERT_TRUE(run());
  const auto& definition = server_.resources().at(definition_path);
  EXPECT_EQ(string_at(definition, "tags.pinaco-provisioning"), "nocloud");
  ASSERT_TRUE(run());
  options_.provisioning = "none";
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("--provisioning"));
}

TEST_F(PushTest, OfTheSameImageAgainSendsNothing) {
  ASSERT_TRUE(run());
  const auto sent = server_.puts().size();
  const auto done = run();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(server_.puts().size(), sent);
}

TEST_F(PushTest, OfAnotherImageToTheSameVersionIsRefused) {
  ASSERT_TRUE(run());
  write_image(2);
  const auto done = run();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Kind::conflict);
  EXPECT_THAT(done.error().message, HasSubstr("another version number"));
}

TEST_F(PushTest, GoesOnWhereAnEarlierOneStopped) {
  StoppableWaiting waiting;  // stopped as soon as two pages are there
  int pages = 0;
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.headers.get("x-ms-page-write") == "update" && ++pages == 2) waiting.stop();
    return std::nullopt;
  });
  const auto first = run(waiting);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().kind, Kind::cancelled);
  EXPECT_THAT(first.error().message, HasSubstr("run the same command"));
  ASSERT_TRUE(server_.resources().contains(disk_path));
  const auto before = server_.puts();
  ASSERT_THAT(before, ElementsAre(0, 2 * chunk_bytes));

  server_.set_hook({});
  const auto second = run();
  ASSERT_TRUE(second) << second.error().message;
  auto after = server_.puts();
  after.erase(after.begin(), after.begin() + 2);
  EXPECT_THAT(after, ElementsAre(5 * chunk_bytes, 6 * chunk_bytes, 25 << 20));
  EXPECT_EQ(int_at(printed(), "resumedBytes"), 2 * chunk_bytes);
}

TEST_F(PushTest, SurvivesAServerThatIsAwayInTheMiddle) {
  int left = 5;
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    const bool page = request.headers.get("x-ms-page-write") == "update";
    if ((page || request.target.starts_with("/operation")) && left-- > 0) {
      return http::Reply{.status = 503};
    }
    return std::nullopt;
  });
  const auto done = run();
  EXPECT_TRUE(done) << done.error().message;
}

TEST_F(PushTest, NeverMakesAVersionOfBytesThatDiffer) {
  server_.digest_told() = std::string(64, 'a');
  const auto done = run();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Kind::corrupt);
  EXPECT_THAT(done.error().message, HasSubstr(std::string(64, 'a')));
  EXPECT_FALSE(server_.resources().contains(version_path));
}

TEST_F(PushTest, TellsWhenTheVersionDiffersFromTheImage) {
  server_.set_hook([&](const http::Request& request) -> std::optional<http::Reply> {
    if (request.method == "PUT" && to_lower(request.target).starts_with(version_path)) {
      server_.digest_told() = std::string(64, 'b');
    }
    return std::nullopt;
  });
  const auto done = run();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Kind::corrupt);
  EXPECT_THAT(done.error().message, HasSubstr("do not use this version"));
}

TEST_F(PushTest, TakesUpADiskThatIsUploadedAlready) {
  options_.keep_disk = true;
  ASSERT_TRUE(run());
  server_.resources().erase(version_path);
  const auto sent = server_.puts().size();
  const auto done = run();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(server_.puts().size(), sent);
  EXPECT_TRUE(server_.resources().contains(version_path));
}

TEST_F(PushTest, LeavesADiskOfAnotherSizeAloneAndSaysHowToDeleteIt) {
  Json disk = JsonObject{{"location", "westeurope"}};
  set_path(disk, "properties.creationData.createOption", "Upload");
  set_path(disk, "properties.creationData.uploadSizeBytes", (30 << 20) + 512);
  set_path(disk, "properties.diskState", "ActiveUpload");
  server_.resources()[disk_path] = disk;
  const auto done = run();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Kind::conflict);
  EXPECT_THAT(done.error().message, HasSubstr("pinaco delete /subscriptions/s/"));
}

TEST_F(PushTest, RefusesADefinitionThatSaysSomethingElseBeforeUploading) {
  ASSERT_TRUE(run());
  server_.resources().erase(version_path);
  const auto sent = server_.puts().size();
  options_.generation = "V2";
  const auto done = run();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("--generation"));
  EXPECT_EQ(server_.puts().size(), sent);
}

TEST_F(PushTest, RefusesARegionThatTheServerLacksBeforeUploading) {
  options_.regions = {{.name = "westeurope"}, {.name = "atlantis"}};
  const auto done = run();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("westeurope, northeurope"));
  EXPECT_TRUE(server_.puts().empty());
  options_.regions = {{.name = "westeurope", .storage = "Standard_ZRS"}};
  EXPECT_THAT(run().error().message, HasSubstr("no zones"));
  options_.regions = {{.name = "westeurope"}};
  options_.location = "northeurope";
  EXPECT_THAT(run().error().message, HasSubstr("must name the home location"));
}

TEST_F(PushTest, ComesBackOverAPullInEveryFormat) {
  ASSERT_TRUE(run());
  for (const auto kind : {format::Format::raw, format::Format::vhd, format::Format::qcow2}) {
    PullOptions pull_options{.name = "g/d/1.0.0",
                             .file = folder_ / std::string(format::to_string(kind)),
                             .format = kind,
                             .group = "pinaco"};
    Connection connection(server_.login(), patience_);
    const auto done = pull(pull_options, connection, *console_);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(*os::exists(pull_options.file));
    EXPECT_THAT(pull(pull_options, connection, *console_).error().message,
                HasSubstr("not overwritten"));
  }
}

TEST_F(PushTest, APullOfOtherBytesIsRemoved) {
  ASSERT_TRUE(run());
  server_.digest_told() = std::string(64, 'c');
  Connection connection(server_.login(), patience_);
  const auto done =
      pull({.name = "g/d/1.0.0", .file = folder_ / "x", .group = "pinaco"}, connection, *console_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Kind::corrupt);
  EXPECT_FALSE(*os::exists(folder_ / "x"));
}

TEST(Console, DrawsBarsWithRateAndTimeLeft) {
  EXPECT_EQ(bar_text({.label = "uploading", .done = 50 << 20, .total = 100 << 20}, Seconds(5), 200),
            "uploading    [============            ]  50 %  50.0 MiB of 100.0 MiB  10.0 MiB/s  "
            "5.0 s left");
  EXPECT_EQ(
      bar_text({.label = "x", .done = 100, .total = 100, .state = "Completed"}, Seconds(1), 99),
      "x            [========================] 100 %  Completed");
}

TEST(Console, FitsABarIntoItsTerminal) {
  const Bar bar{.label = "uploading", .done = 50 << 20, .total = 100 << 20};
  EXPECT_EQ(bar_text(bar, Seconds(5), 79).size(), 79U);
  EXPECT_NE(bar_text(bar, Seconds(5), 79).find("s left"), std::string::npos);
  EXPECT_EQ(bar_text(bar, Seconds(5), 20).size(), 20U);
}

TEST(Console, AlignsTables) {
  EXPECT_EQ(table_text({{"A", "BB"}, {"ccc", ""}, {"d", "e"}}, false), "A    BB\nccc\nd    e\n");
}

}  // namespace
}  // namespace pinaco::app
