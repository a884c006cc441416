// Limits of a subscription in a region, over HTTPS: each is reached, told and given back; and
// nobody gets past one by being quick.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "app/server_testing.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;

constexpr const char* groups = "?api-version=2021-04-01";
constexpr const char* galleries = "?api-version=2022-03-03";
constexpr const char* disks = WholeServer::disks_api;
constexpr std::size_t most = 3;

Json at(std::string_view location, Json properties = JsonObject()) {
  return JsonObject{{"location", location}, {"properties", std::move(properties)}};
}

// A server with small limits; what each kind of resource needs is there.
class Limited {
 public:
  explicit Limited(const std::function<void(Config&)>& adjust = nullptr)
      : server([&](Config& config) {
          config.limits = {.galleries = most, .definitions = most, .versions = most};
          if (adjust != nullptr) adjust(config);
        }),
        group(server.scope() + "/resourceGroups/rg"),
        scope(group + "/providers/Microsoft.Compute") {
    server.must("PUT", group + groups, at("westeurope"));
    for (const std::string location : {"westeurope", "northeurope"}) {
      server.must(
          "PUT", scope + "/disks/" + location + disks,
          at(location, JsonObject{{"osType", "Linux"},
                                  {"diskSizeGB", 1},
                                  {"creationData", JsonObject{{"createOption", "Empty"}}}}));
    }
    server.drain();
  }

  // "2 of 3"
  std::string used(const std::string& name, const std::string& location = "westeurope") {
    const auto told =
        server.send("GET", server.scope() + "/providers/Microsoft.Compute/locations/" + location +
                               "/usages?api-version=2022-08-01");
    for (const auto& each : find_path(told.body, "value")->get_array()) {
      if (string_at(each, "name.value") != name) continue;
      return fmt::format("{} of {}", int_at(each, "currentValue"), int_at(each, "limit"));
    }
    return "not shown";
  }

  void expect_agreement() {
    ASSERT_TRUE(server.parts().model->read(server.first().subscription,
                                           [&](const model::View& view) -> Result<> {
                                             EXPECT_EQ(TRY(view.counts()), TRY(view.recount()));
                                             return {};
                                           }));
  }

  Told put_gallery(const std::string& name, const std::string& location = "westeurope") {
    return server.send("PUT", scope + "/galleries/" + name + galleries, at(location));
  }
  Told put_definition(const std::string& name, const std::string& location = "westeurope") {
    return server.send(
        "PUT", scope + "/galleries/g/images/" + name + galleries,
        at(location, JsonObject{{"osType", "Linux"},
                                {"osState", "Specialized"},
                                {"identifier",
                                 JsonObject{{"publisher", "p"}, {"offer", "o"}, {"sku", name}}}}));
  }
  static Json version_of(const std::string& source, const std::string& location) {
    return at(location,
              JsonObject{{"storageProfile",
                          JsonObject{{"osDiskImage",
                                      JsonObject{{"source", JsonObject{{"id", source}}}}}}}});
  }
  Told put_version(const std::string& name, const std::string& location = "westeurope") {
    return server.send("PUT", scope + "/galleries/g/images/d/versions/" + name + galleries,
                       version_of(scope + "/disks/" + location, location));
  }

  WholeServer server;
  const std::string group;
  const std::string scope;
};

struct Counted {
  std::string usage;    // its name in usages
  std::string setting;  // its name in the configuration
  std::string below;    // where its resources lie
  Told (Limited::*put)(const std::string& name, const std::string& location);
  std::size_t there;  // of it, that the others need
};

void PrintTo(const Counted& kind, std::ostream* out) {
  *out << kind.usage;
}

class EachLimit : public testing::TestWithParam<Counted> {};

INSTANTIATE_TEST_SUITE_P(
    Limits, EachLimit,
    testing::Values(Counted{"Galleries", "galleries", "/galleries/", &Limited::put_gallery, 1},
                    Counted{"GalleryImages", "image_definitions", "/galleries/g/images/",
                            &Limited::put_definition, 1},
                    Counted{"GalleryImageVersions", "image_versions",
                            "/galleries/g/images/d/versions/", &Limited::put_version, 0}),
    [](const auto& chosen) { return chosen.param.usage; });

TEST_P(EachLimit, IsReachedToldAndGivenBack) {
  const auto& kind = GetParam();
  Limited limited;
  ASSERT_EQ(limited.put_gallery("g").status, 201);
  ASSERT_EQ(limited.put_definition("d").status, 201);
  const auto put = [&](std::size_t number, const std::string& location = "westeurope") {
    return (limited.*kind.put)(fmt::format("1.{}.0", number), location);
  };
  for (std::size_t i = kind.there; i < most; i++) ASSERT_EQ(put(i).status, 201) << i;
  limited.server.drain();
  EXPECT_EQ(limited.used(kind.usage), "3 of 3");

  const auto refused = put(99);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.text("error.code"), "OperationNotAllowed");
  EXPECT_THAT(std::string(refused.text("error.message")),
              testing::AllOf(HasSubstr("exceeding approved " + kind.usage + " quota"),
                             HasSubstr("Location: westeurope, Current Limit: 3, Current Usage: 3, "
                                       "Additional Required: 1, (Minimum) New Limit Required: 4"),
                             HasSubstr(kind.setting + " = 4 below [limits]")));
  EXPECT_EQ(limited.server.send("GET", limited.scope + kind.below + "1.99.0" + galleries).status,
            404);
  EXPECT_EQ(limited.used(kind.usage), "3 of 3");

  // What is there may still be written; another region has its own.
  EXPECT_EQ(put(kind.there).status, 200);
  EXPECT_EQ(put(50, "northeurope").status, 201);
  limited.server.drain();
  EXPECT_EQ(limited.used(kind.usage, "northeurope"), "1 of 3");

  // Deleting gives back, at once.
  const auto one = limited.scope + kind.below + fmt::format("1.{}.0", most - 1);
  limited.server.must("DELETE", one + galleries);
  EXPECT_EQ(limited.used(kind.usage), "2 of 3");
  EXPECT_EQ(put(77).status, 201);
  EXPECT_EQ(put(78).status, 409);
  limited.server.drain();
  limited.expect_agreement();

  // And so does deleting the group with all in it.
  limited.server.must("DELETE", limited.group + groups);
  limited.server.drain();
  for (const char* location : {"westeurope", "northeurope"}) {
    EXPECT_EQ(limited.used(kind.usage, location), "0 of 3");
  }
  limited.expect_agreement();
}

TEST(Limits, RacingCreatorsNeverExceedOne) {
  Limited limited([](Config& config) { config.limits.versions = 20; });
  ASSERT_EQ(limited.put_gallery("g").status, 201);
  ASSERT_EQ(limited.put_definition("d").status, 201);
  auto& parts = limited.server.parts();
  std::atomic<int> made = 0, refused = 0, other = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 20; thread++) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 10; i++) {
          http::Request request{.method = "PUT",
                                .target = fmt::format("{}/galleries/g/images/d/versions/{}.{}.0{}",
                                                      limited.scope, thread, i, galleries)};
          request.headers.add("Host", "localhost");
          request.headers.add("Authorization", "Bearer " + limited.server.token());
          request.headers.add("Content-Type", "application/json");
          request.body =
              to_text(Limited::version_of(limited.scope + "/disks/westeurope", "westeurope"));
          const auto reply = parts.front->answer(request);
          (reply.status == 201 ? made : reply.status == 409 ? refused : other)++;
        }
      });
    }
  }
  EXPECT_EQ(made, 20);
  EXPECT_EQ(refused, 180);
  EXPECT_EQ(other, 0);
  limited.server.drain();
  EXPECT_EQ(limited.used("GalleryImageVersions"), "20 of 20");
  limited.expect_agreement();
}

TEST(Limits, ACreationThatIsRefusedOrFailsLeavesTheCountExact) {
  Limited limited;
  ASSERT_EQ(limited.put_gallery("g").status, 201);
  ASSERT_EQ(limited.put_definition("d").status, 201);
  const auto version = limited.scope + "/galleries/g/images/d/versions/1.0.0" + galleries;
  // Refused before there is anything.
  EXPECT_EQ(limited.server.send("PUT", version, at("westeurope")).status, 400);
  EXPECT_EQ(limited.used("GalleryImageVersions"), "0 of 3");
  // Windows is on no Linux definition: the operation fails, and the version stays to be looked at.
  limited.server.must(
      "PUT", limited.scope + "/disks/windows" + disks,
      at("westeurope", JsonObject{{"osType", "Windows"},
                                  {"diskSizeGB", 1},
                                  {"creationData", JsonObject{{"createOption", "Empty"}}}}));
  limited.server.drain();
  EXPECT_EQ(
      limited.server
          .send("PUT", version, Limited::version_of(limited.scope + "/disks/windows", "westeurope"))
          .status,
      201);
  limited.server.drain();
  EXPECT_EQ(limited.server.send("GET", version).text("properties.provisioningState"), "Failed");
  EXPECT_EQ(limited.used("GalleryImageVersions"), "1 of 3");
  // The next try is the same one.
  EXPECT_EQ(limited.put_version("1.0.0").status, 200);
  limited.server.drain();
  EXPECT_EQ(limited.server.send("GET", version).text("properties.provisioningState"), "Succeeded");
  EXPECT_EQ(limited.used("GalleryImageVersions"), "1 of 3");
  limited.server.must("DELETE", version);
  EXPECT_EQ(limited.used("GalleryImageVersions"), "0 of 3");
  limited.expect_agreement();
}

TEST(Limits, WhatIsDeletedSoftlyGivesItsPlaceBackAndIsRestoredIntoAFreeOne) {
  Limited limited;
  limited.server.must("PUT", limited.scope + "/galleries/g" + galleries,
                      at("westeurope", JsonObject{{"softDeletePolicy",
                                                   JsonObject{{"isSoftDeleteEnabled", true}}}}));
  ASSERT_EQ(limited.put_definition("d").status, 201);
  const auto version = [&](const char* number) {
    return limited.scope + "/galleries/g/images/d/versions/" + number + galleries;
  };
  for (const char* number : {"1.0.0", "2.0.0", "3.0.0"}) {
    ASSERT_EQ(limited.put_version(number).status, 201);
  }
  limited.server.drain();
  limited.server.must("DELETE", version("1.0.0"));
  EXPECT_EQ(limited.used("GalleryImageVersions"), "2 of 3");
  ASSERT_EQ(limited.put_version("4.0.0").status, 201);
  limited.server.drain();
  // No place: it stays among the deleted.
  EXPECT_EQ(limited.server.send("PUT", version("1.0.0"), at("westeurope")).status, 409);
  limited.expect_agreement();
  limited.server.must("DELETE", version("2.0.0"));
  EXPECT_EQ(limited.server.send("PUT", version("1.0.0"), at("westeurope")).status, 201);
  limited.server.drain();
  EXPECT_EQ(limited.server.send("GET", version("1.0.0")).text("properties.provisioningState"),
            "Succeeded");
  EXPECT_EQ(limited.used("GalleryImageVersions"), "3 of 3");
  limited.expect_agreement();
}

TEST(Limits, OfOneSubscriptionMayDiffer) {
  WholeServer server([](Config& config) {
    config.limits.galleries = 1;
    config.own_limits["00000000-0000-0000-0000-000000000001"] = {.galleries = 50};
  });
  const auto& world = server.parts().world;
  EXPECT_EQ(world.limits_of(server.first().subscription).galleries, 1U);
  EXPECT_EQ(world.limits_of("00000000-0000-0000-0000-000000000001").galleries, 50U);
}

}  // namespace
}  // namespace pinaco::app
