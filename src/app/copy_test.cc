// `pinaco copy`, against a whole server.
#include "app/copy.h"

#include <gmock/gmock.h>

#include "app/gallery_testing.h"

namespace pinaco::app {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Copy : public GalleryTest {
 protected:
  void run(const CopyOptions& options) {
    const auto done = copy(options, terminal_.connection, terminal_.console);
    EXPECT_TRUE(done) << done.error().message;
  }
  std::string refused(const CopyOptions& options) {
    const auto done = copy(options, terminal_.connection, terminal_.console);
    EXPECT_FALSE(done);
    return done ? "" : done.error().message;
  }
  std::vector<std::string> plan(const CopyOptions& options) {
    const auto steps = plan_copy(options, terminal_.connection);
    EXPECT_TRUE(steps) << steps.error().message;
    std::vector<std::string> texts;
    if (!steps) return texts;
    for (const auto& step : *steps) {
      constexpr const char* words[] = {"make", "there", "skip", "conflict"};
      texts.push_back(fmt::format("{} {}/{}{}{}", words[static_cast<int>(step.fate)], step.to.group,
                                  step.to.nested_name(), step.why.empty() ? "" : ": ", step.why));
    }
    return texts;
  }
};

TEST_F(Copy, OfADefinitionHasItsVersionsAndNoNewBytes) {
  EXPECT_THAT(plan({.from = "g/d", .to = "copy/golden"}),
              ElementsAre("make rg/copy", "make rg/copy/golden", "make rg/copy/golden/1.0.0",
                          "make rg/copy/golden/2.0.0"));
  EXPECT_EQ(status_of("copy"), 404);
  run({.from = "g/d", .to = "copy/golden"});
  EXPECT_THAT(terminal_.printed(),
              AllOf(HasSubstr("g/d/1.0.0 is copied to copy/golden/1.0.0, 0 B new."),
                    HasSubstr("2 versions copied, 0 already there.")));
  const auto gallery = get("copy");
  EXPECT_EQ(gallery.text("tags.team"), "images");
  EXPECT_EQ(gallery.text("properties.description"), "those of the team");
  const auto definition = get("copy/images/golden");
  EXPECT_EQ(definition.text("properties.osState"), "Specialized");
  EXPECT_EQ(definition.text("properties.identifier.offer"), "g");
  EXPECT_EQ(definition.text("properties.releaseNoteUri"), "https://x");
  const auto version = get("copy/images/golden/versions/2.0.0");
  EXPECT_EQ(version.text("properties.storageProfile.source.id"),
            compute_ + "/galleries/g/images/d/versions/2.0.0");
  const auto& regions = *find_path(version.body, "properties.publishingProfile.targetRegions");
  EXPECT_EQ(int_at(regions.get_array().at(0), "regionalReplicaCount"), 2);

  // Again: nothing to do, also when the source was copied from and is another one by now.
  EXPECT_THAT(plan({.from = "g/d", .to = "copy/golden"}),
              ElementsAre("there rg/copy", "there rg/copy/golden", "there rg/copy/golden/1.0.0",
                          "there rg/copy/golden/2.0.0"));
  run({.from = "g/d", .to = "copy/golden"});
  EXPECT_THAT(terminal_.printed(), HasSubstr("0 versions copied, 2 already there."));
}

TEST_F(Copy, ToAnotherSubscriptionMakesItsGroup) {
  const auto made =
      server_.must("POST", "/pinaco/v1/subscriptions", JsonObject{{"name", "Testing"}});
  const auto there = std::string(made.text("subscription"));
  run({.from = "g", .to = "g", .to_group = "mirror", .to_subscription = "testing"});
  const auto copied = server_.send(
      "GET", fmt::format("/subscriptions/{}/resourceGroups/mirror/providers/Microsoft.Compute/"
                         "galleries/g/images/d/versions/2.0.0{}",
                         there, galleries));
  EXPECT_EQ(copied.text("properties.provisioningState"), "Succeeded");
  // And back, from there.
  run({.from = "g/d/2.0.0", .to = "back", .subscription = there, .to_group = "rg"});
  EXPECT_EQ(status_of("back/images/d/versions/2.0.0"), 200);
  EXPECT_THAT(refused({.from = "g", .to = "g", .to_subscription = "Nowhere"}),
              HasSubstr("There is no subscription 'Nowhere'"));
}

TEST_F(Copy, OneVersionMayGetAnotherNumberAndOtherBytesAreInTheWay) {
  run({.from = "g/d/latest", .to = "other/d/7.0.0"});
  EXPECT_EQ(get("other/images/d/versions/7.0.0").text("properties.storageProfile.source.id"),
            compute_ + "/galleries/g/images/d/versions/2.0.0");
  // The same bytes are the same version, wherever they came from.
  EXPECT_THAT(plan({.from = "g/d", .to = "other"}),
              ElementsAre("there rg/other", "there rg/other/d", "there rg/other/d/1.0.0",
                          "make rg/other/d/2.0.0"));
  EXPECT_THAT(refused({.from = "g/d/2.0.0", .to = "other/d/1.0.0"}),
              AllOf(HasSubstr("Nothing was copied."),
                    HasSubstr("other/d/1.0.0: a version of this number is there, with other "
                              "bytes")));
  EXPECT_THAT(refused({.from = "g/d", .to = "g"}), HasSubstr("copied to itself"));
  EXPECT_THAT(refused({.from = "g", .to = "other/d"}), HasSubstr("cannot become"));
  EXPECT_THAT(refused({.from = "g/d/9.0.0", .to = "other"}), HasSubstr("There is no g/d/9.0.0"));
  EXPECT_THAT(refused({.from = "none", .to = "other"}), HasSubstr("no gallery 'none'"));
}

TEST_F(Copy, ASourceThatWasMadeAgainOfOtherBytesIsInTheWay) {
  run({.from = "g/d", .to = "copy"});
  server_.must("DELETE", compute_ + "/galleries/g/images/d/versions/1.0.0" + galleries);
  server_.drain();
  Bytes start(1 << 20);
  seeded_random(3)->fill(start);
  server_.upload_disk(compute_ + "/disks/disk3", JsonObject{{"osType", "Linux"}}, start);
  server_.drain();
  make_version("g/images/d/versions/1.0.0", 3);
  server_.drain();
  EXPECT_THAT(plan({.from = "g/d", .to = "copy"}),
              ElementsAre("there rg/copy", "there rg/copy/d",
                          "conflict rg/copy/d/1.0.0: a version of this number is there, with other "
                          "bytes",
                          "there rg/copy/d/2.0.0"));
}

TEST_F(Copy, AnEndOfLifeThatIsOverIsLeftOut) {
  const auto end = to_iso8601(server_.clock().now() + Seconds(600));
  for (const char* path : {"g/images/d", "g/images/d/versions/1.0.0"}) {
    const Json date = JsonObject{{"endOfLifeDate", end}};
    const bool version = std::string_view(path).ends_with("1.0.0");
    server_.must(
        "PATCH", compute_ + "/galleries/" + path + galleries,
        JsonObject{{"properties", version ? Json(JsonObject{{"publishingProfile", date}}) : date}});
    server_.drain();
  }
  server_.clock().put_forward(1200);
  EXPECT_THAT(plan({.from = "g", .to = "copy"}),
              ElementsAre("make rg/copy", HasSubstr("make rg/copy/d: without its end of life 20"),
                          HasSubstr("make rg/copy/d/1.0.0: without its end of life 20"),
                          "make rg/copy/d/2.0.0"));
  run({.from = "g", .to = "copy"});
  EXPECT_EQ(get("copy/images/d").text("properties.endOfLifeDate"), "");
}

}  // namespace
}  // namespace pinaco::app
