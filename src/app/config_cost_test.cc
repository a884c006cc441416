// The part [cost] of the configuration, and the file of prices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "app/server_testing.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* whole = R"(
currency = "EUR"
egress = 0.0123456789e1
[storage]
Standard_LRS = 0.04
Premium_LRS = 1
[[region]]
name = "West Europe"
Standard_LRS = 0.000000001
egress = 0
)";

TEST(CostConfig, HasPricesWithoutAnyFile) {
  const auto config = parse_config("", "/data");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->prices.currency, "USD");
  EXPECT_EQ(config->prices.unit, cost::Unit::provisioned);
  EXPECT_EQ(config->prices.of_storage("westeurope", "Standard_LRS"), 50'000'000);
  EXPECT_EQ(config->prices.of_egress("westeurope"), 20'000'000);
  EXPECT_EQ(parse_config("[cost]\nunit = \"stored\"", "/data")->prices.unit, cost::Unit::stored);
}

TEST(CostConfig, ReadsPricesExactly) {
  cost::Prices prices;
  const auto read = read_prices(whole, "prices.toml", prices);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(prices.currency, "EUR");
  EXPECT_EQ(prices.of_storage("eastus", "Standard_LRS"), 40'000'000);
  EXPECT_EQ(prices.of_storage("eastus", "Premium_LRS"), 1'000'000'000);
  EXPECT_EQ(prices.of_storage("eastus", "Standard_ZRS"), 62'500'000);  // as it was
  EXPECT_EQ(prices.of_storage("westeurope", "Standard_LRS"), 1);
  EXPECT_EQ(prices.of_storage("westeurope", "Premium_LRS"), 1'000'000'000);
  EXPECT_EQ(prices.of_egress("westeurope"), 0);
  EXPECT_EQ(prices.of_egress("eastus"), 123'456'789);
}

struct Bad {
  const char* text;
  const char* said;
};

TEST(CostConfig, RefusesPricesThatAreNoneAndNamesTheLine) {
  for (const auto& [text, said] :
       {Bad{"currency = 3", "line 1"}, Bad{"currency = \"euro\"", "three letters"},
        Bad{"\n\negress = -0.1", "line 3"}, Bad{"egress = \"0.1\"", "'egress' must be a price"},
        Bad{"egress = 1000.5", "from 0 to 1000"}, Bad{"egress = nan", "must be a price"},
        Bad{"egress = inf", "must be a price"}, Bad{"egress = 0.00000000001", "nine decimals"},
        Bad{"egress = true", "must be a price"}, Bad{"price = 1", "'price' is not known"},
        Bad{"storage = 1", "below [storage]"},
        Bad{"[storage]\nStandard_lrs = 1", "'Standard_lrs' is not known"},
        Bad{"[storage]\n\nStandard_LRS = -1", "line 3"}, Bad{"region = 1", "[[region]]"},
        Bad{"region = [1]", "[[region]]"}, Bad{"[[region]]\negress = 1", "need its name"},
        Bad{"[[region]]\nname = \"a\"\n[[region]]\nname = \"A\"", "there twice"},
        Bad{"[[region]]\nname = \"a\"\nlocation = \"b\"", "'location' is not known"},
        Bad{"egress = ", "not valid TOML at line 1"}}) {
    cost::Prices prices;
    const auto read = read_prices(text, "prices.toml", prices);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message, HasSubstr(said)) << text;
    EXPECT_THAT(read.error().message, HasSubstr("'prices.toml'")) << text;
  }
}

TEST(CostConfig, TakesTheFileBelowTheDataFolder) {
  std::string folder = testing::TempDir() + "pinaco-prices-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/prices.toml") << whole;
  const auto config = parse_config("[cost]\nprices = \"prices.toml\"\n", folder);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->prices.currency, "EUR");
  std::filesystem::remove_all(folder);
  for (const auto* bad : {"[cost]\nprices = \"prices.toml\"", "[cost]\nunit = \"size\"",
                          "[cost]\nprice = \"a\"", "[cost]\nprices = 1", "cost = 1"}) {
    EXPECT_FALSE(parse_config(bad, folder)) << bad;
  }
}

TEST(CostConfig, WarnsOfPricesOfARegionThatIsNotThere) {
  testing::internal::CaptureStderr();
  const WholeServer server([](Config& config) {
    for (const auto* name : {"westeurope", "westeurop"}) config.prices.regions[name] = {};
  });
  const auto log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("there are prices of a region 'westeurop',"));
  EXPECT_THAT(log, Not(HasSubstr("'westeurope'")));
}

}  // namespace
}  // namespace pinaco::app
