// Restricted regions over HTTPS: every type of resource, on the list and off it; and what the
// command says.
#include "app/regions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/terminal_testing.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;

constexpr const char* groups = "?api-version=2021-04-01";
constexpr const char* region = "australiacentral";

// A server with a restricted region, and a group that is not there.
class Restricted : public testing::Test {
 protected:
  Restricted()
      : server_([](Config& config) {
          const auto& path = config.regions[0].stores[0].path;
          config.regions.push_back(restricted_region(path.substr(0, path.find("/regions/"))));
        }) {
    server_.must("PUT", server_.scope() + "/resourceGroups/rg" + groups,
                 JsonObject{{"location", "westeurope"}});
  }

  Told decide(const std::string& verb) {
    return server_.send("POST", fmt::format("/pinaco/v1/regions/{}/{}", region, verb),
                        JsonObject{{"id", server_.scope()}});
  }

  // The path of a resource of the type, by a name that it takes, and its newest api-version.
  std::string path_of(const provider::ResourceType& type) {
    auto path = fmt::format("{}/resourceGroups/rg/providers/{}", server_.scope(), type.provider);
    for (const auto word : split(type.type, '/')) {
      std::string name = "abc123";
      for (const char* each : {"1.0.0", "0"}) {
        if (!type.check_name(name)) name = each;
      }
      path += fmt::format("/{}/{}", word, name);
    }
    return path + fmt::format("?api-version={}", type.api_versions.back());
  }

  WholeServer server_;
};

TEST_F(Restricted, NoTypeOfResourceIsMadeThereUnlessItsSubscriptionIsAllowed) {
  const Json there = JsonObject{{"location", region}, {"properties", JsonObject()}};
  std::size_t types = 0;
  for (const bool allowed : {false, true, false}) {
    if (allowed) {
      ASSERT_EQ(decide("allow").outcome(), "200");
    }
    if (!allowed && types > 0) {
      ASSERT_EQ(decide("deny").outcome(), "200");
    }
    for (const auto& type : provider::types()) {
      if (type.nested) continue;
      const auto told = server_.send("PUT", path_of(type), there);
      const auto refused = fmt::format(
          "400 LocationNotAvailableForResourceType: The provided location '{}' is not "
          "available for resource type '{}/{}'.",
          region, type.provider, type.type);
      EXPECT_EQ(told.outcome().starts_with(refused), !allowed)
          << type.provider << "/" << type.type << ": " << told.outcome();
      if (!allowed) {
        EXPECT_THAT(told.outcome(), HasSubstr("subscription '" + server_.first().subscription));
        EXPECT_THAT(told.outcome(), HasSubstr("pinaco region request australiacentral"));
      }
      types++;
    }
  }
  EXPECT_GT(types, 30U);
}

TEST_F(Restricted, AScaleSetDoesNotGrowWhereItsSubscriptionIsNotAllowedAnyMore) {
  const auto set = fmt::format(
      "{}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/set"
      "?api-version=2022-11-01",
      server_.scope());
  const auto sku = [](int capacity) {
    return JsonObject{{"name", provider::usual_sizes().front().name}, {"capacity", capacity}};
  };
  ASSERT_EQ(decide("allow").outcome(), "200");
  server_.must("PUT", set,
               JsonObject{{"location", region},
                          {"sku", sku(0)},
                          {"properties", JsonObject{{"orchestrationMode", "Flexible"},
                                                    {"platformFaultDomainCount", 1}}}});
  server_.drain();
  ASSERT_EQ(decide("deny").outcome(), "200");
  EXPECT_THAT(server_.send("PATCH", set, JsonObject{{"sku", sku(1)}}).outcome(),
              HasSubstr("LocationNotAvailableForResourceType"));
  EXPECT_EQ(server_.send("PATCH", set, JsonObject{{"tags", JsonObject{{"a", "b"}}}}).status, 200);
}

TEST_F(Restricted, WhatIsNotRestrictedIsForAll) {
  for (const char* open : {"westeurope", "North Europe", "eastus"}) {
    server_.must("PUT",
                 server_.scope() + "/resourceGroups/" + std::string(open).substr(0, 4) + groups,
                 JsonObject{{"location", open}});
  }
}

TEST_F(Restricted, ARequestAloneOpensNothing) {
  ASSERT_EQ(decide("request").outcome(), "200");
  EXPECT_THAT(server_
                  .send("PUT", server_.scope() + "/resourceGroups/away" + groups,
                        JsonObject{{"location", region}})
                  .outcome(),
              HasSubstr("LocationNotAvailableForResourceGroup"));
  EXPECT_EQ(decide("deny").text("state"), "Denied");
  EXPECT_EQ(decide("request").text("state"), "Requested");
}

TEST_F(Restricted, NothingIsTakenBackThatWasNotGiven) {
  EXPECT_THAT(decide("deny").outcome(), HasSubstr("404 NotFound"));
}

// The same, with a command line.
class RegionCommand : public Restricted {
 protected:
  // What it prints, or why it failed.
  std::string run(const RegionOptions& options) {
    const auto done = regions(options, terminal_.connection, terminal_.console);
    return done ? terminal_.printed() : done.error().message;
  }

  const std::string& own() const { return server_.first().subscription; }

  Terminal terminal_{server_};
};

TEST_F(RegionCommand, AsksAllowsListsAndTakesBack) {
  EXPECT_THAT(run({.command = "region list"}), HasSubstr("restricted"));
  EXPECT_THAT(run({.command = "region requests"}), HasSubstr("Nobody has asked"));
  EXPECT_THAT(run({.command = "region request", .name = "Australia Central", .reason = "a site"}),
              HasSubstr("pinaco region allow australiacentral --subscription " + own()));
  EXPECT_THAT(run({.command = "region requests"}), HasSubstr("requested"));
  EXPECT_THAT(run({.command = "region allow", .name = region, .subscription = own()}),
              HasSubstr("may use australiacentral"));
  EXPECT_THAT(run({.command = "region list"}), HasSubstr("allowed"));
  EXPECT_THAT(run({.command = "region deny", .name = region, .subscription = own()}),
              HasSubstr("may not use australiacentral"));
  EXPECT_THAT(run({.command = "region list"}), HasSubstr("denied"));
}

TEST_F(RegionCommand, SaysWhatIsWrong) {
  EXPECT_THAT(run({.command = "region request", .name = "eastus"}), HasSubstr("open to all"));
  EXPECT_THAT(run({.command = "region request", .name = "atlantis"}), HasSubstr("It has: west"));
  EXPECT_THAT(run({.command = "region allow", .name = region, .subscription = "no such"}),
              HasSubstr("0 subscriptions"));
}

}  // namespace
}  // namespace pinaco::app
