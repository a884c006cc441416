// `pinaco cost`, against a whole server, over two months.
#include "app/cost_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "app/terminal_testing.h"

namespace pinaco::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* galleries = "?api-version=2022-03-03";

class CostCommand : public testing::Test {
 protected:
  // Two images in three regions, of a disk of 1 GiB.
  CostCommand() {
    const auto here = JsonObject{{"location", "westeurope"}};
    server_.must("PUT", group_ + "?api-version=2021-04-01", here);
    const Bytes start(1 << 20, 7);
    server_.upload_disk(compute_ + "/disks/disk", JsonObject{{"osType", "Linux"}}, start);
    server_.must("PUT", compute_ + "/galleries/g" + galleries, here);
    server_.drain();
    for (const std::string name : {"debian", "fedora"}) {
      server_.must(
          "PUT", compute_ + "/galleries/g/images/" + name + galleries,
          JsonObject{{"location", "westeurope"},
                     {"properties", JsonObject{{"osType", "Linux"},
                                               {"osState", "Specialized"},
                                               {"identifier", JsonObject{{"publisher", "p"},
                                                                         {"offer", "o"},
                                                                         {"sku", name}}}}}});
      publish(name, {"West Europe", "North Europe", "East US"}, 1);
    }
  }
  void publish(const std::string& image, const std::vector<std::string>& regions, int replicas) {
    JsonArray targets;
    for (const auto& region : regions) {
      targets.push_back(JsonObject{{"name", region}, {"regionalReplicaCount", replicas}});
    }
    Json body{{"location", "westeurope"}};
    set_path(body, "properties.publishingProfile.targetRegions", std::move(targets));
    set_path(body, "properties.safetyProfile.allowDeletionOfReplicatedLocations", true);
    set_path(body, "properties.storageProfile.osDiskImage.source",
             JsonObject{{"id", compute_ + "/disks/disk"}});
    server_.must("PUT", compute_ + "/galleries/g/images/" + image + "/versions/1.0.0" + galleries,
                 body);
    server_.drain();
  }

  // To the beginning of the month that many months later, logged in again.
  void to_month(int months) {
    const auto now = server_.clock().now();
    const auto then = cost::month_after(now, months);
    server_.clock().put_forward(std::chrono::ceil<std::chrono::seconds>(then - now).count());
    server_.use(server_.log_in(server_.first().tenant, server_.first().client_id,
                               server_.first().client_secret));
  }
  std::string month(int months) const {
    return cost::month_name(cost::month_after(server_.clock().now(), months));
  }

  Result<std::string> printed(const CostOptions& options, bool json = false) {
    Terminal terminal(server_, json);
    TRY(print_cost(options, terminal.connection, terminal.console));
    return terminal.printed();
  }
  std::string must_print(const CostOptions& options, bool json = false) {
    const auto text = printed(options, json);
    EXPECT_TRUE(text) << text.error().message;
    return text.value_or("");
  }

  mutable WholeServer server_;
  std::string group_ = server_.scope() + "/resourceGroups/rg";
  std::string compute_ = group_ + "/providers/Microsoft.Compute";
};

TEST_F(CostCommand, ChargesTwoImagesInThreeRegionsAsSixDisks) {
  to_month(1);  // from here on it is a whole month
  to_month(1);
  const auto json = parse_json(must_print({.month = month(-1)}, true));
  ASSERT_TRUE(json);
  EXPECT_EQ(int_at(*json, "total.disks"), 6);
  EXPECT_EQ(to_text(*find_path(*json, "total.chargedGiBMonths")), "6E0");
  EXPECT_EQ(to_text(*find_path(*json, "total.cost")), "3E-1");  // six times 0.05
  // The bytes of both are there once a region.
  EXPECT_LT(find_path(*json, "total.storedGiBMonths")->get_double(), 0.01);
  EXPECT_GT(find_path(*json, "total.storedGiBMonths")->get_double(), 0);

  const auto table = must_print({.by = "definition", .month = month(-1)});
  EXPECT_THAT(table, AllOf(StartsWith("DEFINITION  DISKS  CHARGED"), HasSubstr("g/debian"),
                           HasSubstr("g/fedora"), HasSubstr("total       6      6.000"),
                           HasSubstr("0.3000"), HasSubstr("in USD, charged by provisioned size"),
                           HasSubstr("% were saved")));
  const auto regions = must_print({.by = "region", .month = month(-1), .csv = true});
  EXPECT_THAT(regions,
              AllOf(StartsWith("region,id,disks,charged_gib_months,"),
                    HasSubstr("\neastus,,2,2.000000000,"), HasSubstr(",0.100000000,USD\n")));
  // Egress was in the month before.
  EXPECT_THAT(must_print({.by = "type", .month = month(-2)}), HasSubstr("egress"));
  EXPECT_THAT(must_print({.by = "type", .month = month(-1)}), Not(HasSubstr("egress ")));
  EXPECT_THAT(must_print({.by = "month"}), AllOf(HasSubstr(month(-2)), HasSubstr(month(-1))));
}

TEST_F(CostCommand, FollowsReplicasAndRegionsAndRemembersWhatIsGone) {
  to_month(1);
  publish("debian", {"West Europe"}, 3);
  to_month(1);
  EXPECT_THAT(
      must_print({.name = "g/debian", .by = "version", .month = month(-1), .csv = true}),
      HasSubstr("g/debian/1.0.0," + compute_ + "/galleries/g/images/debian/versions/1.0.0,5,"));
  server_.must("DELETE", group_ + "?api-version=2021-04-01");
  server_.drain();
  EXPECT_THAT(must_print({.month = month(-1)}), HasSubstr("\ng "));
  const auto looked_for = printed({.name = "g"});
  ASSERT_FALSE(looked_for);
  EXPECT_THAT(looked_for.error().message, HasSubstr("--group says where it was"));
  EXPECT_THAT(must_print({.name = "g", .group = "rg", .month = month(-1)}), HasSubstr("\ng "));
  to_month(1);
  EXPECT_EQ(must_print({}), "Nothing was charged.\n");
  // The sweep lets go of it thirteen months later.
  ASSERT_TRUE(server_.parts().workers->sweep());
  EXPECT_THAT(must_print({.month = month(-2)}), HasSubstr("\ng "));
  const auto long_ago = month(-2);
  to_month(14);
  // The first sweep after so long believes no clock; that of the next day does.
  ASSERT_TRUE(server_.parts().workers->sweep());
  EXPECT_THAT(must_print({.month = long_ago}), HasSubstr("\ng "));
  server_.clock().put_forward(86'400);
  ASSERT_TRUE(server_.parts().workers->sweep());
  EXPECT_EQ(must_print({.month = long_ago}), "Nothing was charged.\n");
}

TEST_F(CostCommand, UsageIsPagedThroughTheMonthThatTheFirstPageWasOf) {
  const auto path = server_.scope() +
                    "/providers/Microsoft.Consumption/usageDetails?api-version=2018-01-31&$top=1";
  const auto period = cost::month_name(server_.clock().now());
  auto page = server_.must("GET", path);
  std::set<std::string, std::less<>> names;
  to_month(1);  // before the second one
  for (;;) {
    const auto* rows = find_path(page.body, "value");
    ASSERT_TRUE(rows != nullptr && rows->get_array().size() == 1) << to_text(page.body);
    const Json& row = rows->get_array()[0];
    EXPECT_THAT(std::string(string_at(row, "properties.usageStart")), StartsWith(period));
    EXPECT_TRUE(names.emplace(string_at(row, "name")).second);
    const std::string next(page.text("nextLink"));
    if (next.empty()) break;
    ASSERT_THAT(next, StartsWith(server_.base()));
    ASSERT_LT(names.size(), 1000U);
    page = server_.must("GET", next.substr(server_.base().size()));
  }
  EXPECT_GE(names.size(), 10U);  // six of storage, four of egress
}

TEST_F(CostCommand, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(printed({.month = "November"}).error().message, HasSubstr("is not a month"));
  EXPECT_FALSE(printed({.name = "g/d/e/f"}));
}

}  // namespace
}  // namespace pinaco::app
