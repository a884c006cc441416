// The catalogue of regions, read strictly.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/config.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;

constexpr const char* first =
    "[[region]]\nname = \"south\"\ndisplay_name = \"The South\"\nstores = [{ path = \"s\" }]\n";

// Lines that follow those of a second region, "north", which begins at line 5.
Result<Config> with(const std::string& lines) {
  return parse_config(
      std::string(first) + "[[region]]\nname = \"north\"\nstores = [{ path = \"n\" }]\n" + lines,
      "/data");
}

TEST(ConfigRegions, AllButNameAndStoresMayBeLeftOut) {
  const auto config = with("");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->regions.size(), 2U);
  const auto& north = config->regions[1];
  EXPECT_EQ(north.display_name, "north");
  EXPECT_FALSE(north.restricted);
  EXPECT_EQ(north.stores[0].path, "/data/n");
  for (const auto* text : {&north.geography, &north.geography_group, &north.physical_location,
                           &north.paired, &north.latitude, &north.longitude}) {
    EXPECT_EQ(*text, "");
  }
}

TEST(ConfigRegions, SaysWhereARegionIsAndForWhom) {
  const auto config = with(
      "restricted = true\ngeography = \"Australia\"\ngeography_group = \"Asia Pacific\"\n"
      "physical_location = \"Canberra\"\npaired = \"south\"\nlatitude = -35.3075\n"
      "longitude = 149\n");
  ASSERT_TRUE(config) << config.error().message;
  const auto& north = config->regions[1];
  EXPECT_TRUE(north.restricted);
  EXPECT_EQ(north.geography, "Australia");
  EXPECT_EQ(north.geography_group, "Asia Pacific");
  EXPECT_EQ(north.physical_location, "Canberra");
  EXPECT_EQ(north.paired, "south");
  EXPECT_EQ(north.latitude, "-35.3075");
  EXPECT_EQ(north.longitude, "149");
}

struct Bad {
  const char* lines;
  int line;
  const char* says;
};

class RefusedRegion : public testing::TestWithParam<Bad> {};

INSTANTIATE_TEST_SUITE_P(
    Lines, RefusedRegion,
    testing::Values(
        Bad{"restricted = \"yes\"", 8, "'restricted' must be true or false"},
        Bad{"geography = 7", 8, "'geography' must be a text"},
        Bad{"geography = \"\"", 8, "'geography' must be a text"},
        Bad{"display_name = \"a\\tb\"", 8, "without control characters"},
        Bad{"physical_location = \"a\\nb\"", 8, "without control characters"},
        Bad{"latitude = 90.5\nlongitude = 0", 8, "'latitude' must be a number from -90 to 90"},
        Bad{"latitude = nan\nlongitude = 0", 8, "'latitude' must be a number from -90 to 90"},
        Bad{"latitude = 1\nlongitude = \"2\"", 9, "'longitude' must be a number from -180 to 180"},
        Bad{"longitude = 2", 5, "write both or none"},
        Bad{"paired = \"west\"", 8, "paired with 'west', which is no other region"},
        Bad{"paired = \"north\"", 8, "paired with 'north', which is no other region"},
        Bad{"zones = [\"1\"]", 8, "'zones' is not known here"},
        Bad{"display_name = \"The South\"", 5, "names that mean the same"},
        Bad{"display_name = \"South\"", 5, "names that mean the same"},
        Bad{"[[region]]\nname = \"north\"\nstores = [{ path = \"x\" }]", 8, "is there twice"},
        Bad{"[[region]]\nname = \"thesouth\"\nstores = [{ path = \"x\" }]", 8, "mean the same"},
        Bad{"[[region]]\nname = \"x\"\nstores = [{ path = \"n\" }]", 10, "used by two stores"},
        Bad{"[[region]]\nname = \"x\"\nstores = [{ path = \"x\", zone = \"1,2,3,4,5\" }]", 10,
            "is no zone"},
        Bad{"[[region]]\nname = \"x\"\nstores = [{ path = \"x\", premium = 1 }]", 10,
            "'premium' must be true or false"}));

TEST_P(RefusedRegion, NamesItsLine) {
  const auto config = with(GetParam().lines);
  ASSERT_FALSE(config) << GetParam().lines;
  EXPECT_THAT(config.error().message, HasSubstr(fmt::format("at line {}: ", GetParam().line)));
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().says));
}

TEST(ConfigRegions, ThePairOfADefaultRegionIsThere) {
  const auto config = default_config("/data");
  for (const auto& region : config.regions) {
    EXPECT_TRUE(region.paired.empty() ||
                std::ranges::any_of(config.regions,
                                    [&](const auto& each) { return each.name == region.paired; }))
        << region.name;
  }
}

}  // namespace
}  // namespace pinaco::app
