// `pinaco advise`, against a whole server.
#include "app/advise.h"

#include <gmock/gmock.h>

#include "app/gallery_testing.h"

namespace pinaco::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Advise : public GalleryTest {
 protected:
  void run(const AdviseOptions& options) {
    const auto done = advise(options, terminal_.connection, terminal_.console);
    EXPECT_TRUE(done) << done.error().message;
    server_.drain();
  }
  // Replicas of a region, 0 when it is none of the version's.
  std::int64_t replicas(const std::string& version, std::string_view region) {
    const auto told = get("g/images/d/versions/" + version);
    for (const Json& each :
         find_path(told.body, "properties.publishingProfile.targetRegions")->get_array()) {
      if (string_at(each, "name") == region) return int_at(each, "regionalReplicaCount");
    }
    return 0;
  }
};

TEST_F(Advise, SaysWhatToDoAndDoesItWithApply) {
  const AdviseOptions options{.name = "g/d", .machines = 200, .at_once = 100, .scale_sets = 3};
  run(options);
  EXPECT_THAT(terminal_.printed(),
              AllOf(HasSubstr("g/d/2.0.0, 1 GiB, machines of the last 30 days:"),
                    HasSubstr("described: 100 machines at once, 20 to a replica: 5 replicas"),
                    HasSubstr("described: 3 scale sets of up to 600 instances, 600 to a replica: 3 "
                              "replicas"),
                    HasSubstr("az sig image-version update -g rg -r g -i d -e 2.0.0 "
                              "--target-regions westeurope=8=standard_lrs\n")));
  EXPECT_EQ(replicas("2.0.0", "West Europe"), 2);
  auto applied = options;
  applied.apply = true;
  run(applied);
  EXPECT_THAT(terminal_.printed(), HasSubstr("g/d/2.0.0 has them."));
  EXPECT_EQ(replicas("2.0.0", "West Europe"), 8);
  EXPECT_EQ(replicas("1.0.0", "West Europe"), 2);
  run(applied);
  EXPECT_THAT(terminal_.printed(), HasSubstr("There is nothing to do."));
}

TEST_F(Advise, KeepsWhatOnlyANewerVersionOfTheInterfaceKnows) {
  const Json regions = JsonArray{JsonObject{{"name", "westeurope"},
                                            {"regionalReplicaCount", 1},
                                            {"storageAccountType", "PremiumV2_LRS"}}};
  const auto source = compute_ + "/galleries/g/images/d/versions/1.0.0";
  server_.must(
      "PUT", compute_ + "/galleries/g/images/d/versions/3.0.0?api-version=2024-03-03",
      JsonObject{
          {"location", "westeurope"},
          {"properties",
           JsonObject{{"publishingProfile", JsonObject{{"targetRegions", regions}}},
                      {"storageProfile", JsonObject{{"source", JsonObject{{"id", source}}}}}}}});
  server_.drain();
  run({.name = "g/d/3.0.0", .machines = 60, .apply = true});
  EXPECT_EQ(replicas("3.0.0", "West Europe"), 3);
}

TEST_F(Advise, NeverTakesReplicasAway) {
  run({.name = "g/d/1.0.0", .apply = true});
  EXPECT_THAT(terminal_.printed(),
              AllOf(HasSubstr("nothing is made of it there: one replica is enough"),
                    HasSubstr("westeurope has more than that."),
                    HasSubstr("There is nothing to do."), Not(HasSubstr("az sig"))));
  EXPECT_EQ(replicas("1.0.0", "West Europe"), 2);
}

TEST_F(Advise, ANewRegionIsAddedBesideTheOthers) {
  run({.name = "g/d", .region = "North Europe", .machines = 30, .apply = true});
  EXPECT_EQ(replicas("2.0.0", "North Europe"), 2);
  EXPECT_EQ(replicas("2.0.0", "West Europe"), 2);
  const auto nowhere =
      advise({.name = "g/d", .region = "atlantis"}, terminal_.connection, terminal_.console);
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message, HasSubstr("The server has no region 'atlantis'"));
  EXPECT_FALSE(advise({.name = "g"}, terminal_.connection, terminal_.console));
}

}  // namespace
}  // namespace pinaco::app
