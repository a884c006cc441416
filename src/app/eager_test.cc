// Deployments that start before a version is complete in their region, by the server's setting and
// by their tag.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/server_testing.h"

namespace pinaco::app {
namespace {

using testing::HasSubstr;

constexpr const char* galleries = "?api-version=2022-03-03";
constexpr const char* disks = WholeServer::disks_api;

// Versions 1.0.0 and 2.0.0 in two regions, and hands that write what a copy would.
class Copies {
 public:
  explicit Copies(bool eager) : server_([=](Config& config) { config.eager = eager; }) {
    const Json place = JsonObject{{"location", "westeurope"}};
    server_.must("PUT", server_.scope() + "/resourceGroups/rg?api-version=2021-04-01", place);
    server_.must("PUT", scope_ + "/disks/source" + disks,
                 JsonObject{{"location", "westeurope"},
                            {"properties",
                             JsonObject{{"osType", "Linux"},
                                        {"diskSizeGB", 1},
                                        {"creationData", JsonObject{{"createOption", "Empty"}}}}}});
    server_.must("PUT", scope_ + "/galleries/g" + galleries, place);
    server_.drain();
    const Json identifier = JsonObject{{"publisher", "p"}, {"offer", "o"}, {"sku", "s"}};
    server_.must("PUT", definition_ + galleries,
                 JsonObject{{"location", "westeurope"},
                            {"properties", JsonObject{{"osType", "Linux"},
                                                      {"osState", "Specialized"},
                                                      {"identifier", identifier}}}});
    for (const char* number : {"1.0.0", "2.0.0"}) {
      const Json source = JsonObject{{"id", scope_ + "/disks/source"}};
      const Json storage = JsonObject{{"osDiskImage", JsonObject{{"source", source}}}};
      const Json targets =
          JsonArray{JsonObject{{"name", "westeurope"}}, JsonObject{{"name", "eastus"}}};
      server_.must(
          "PUT", definition_ + "/versions/" + number + galleries,
          JsonObject{{"location", "westeurope"},
                     {"properties",
                      JsonObject{{"storageProfile", storage},
                                 {"publishingProfile", JsonObject{{"targetRegions", targets}}}}}});
    }
    server_.drain();
  }

  // What eastus has of a version, as while it is copied or after that failed.
  void set_state(const std::string& number, std::string_view state, std::string_view whole = "") {
    const auto written = server_.parts().model->change(
        server_.first().subscription, [&](model::Change& change) -> Result<> {
          auto row =
              TRY(change.get(TRY(arm::ResourceId::parse(definition_ + "/versions/" + number))));
          set_path(row.internal, "regions.eastus.state", state);
          if (!whole.empty()) row.provisioning = whole;
          return change.put(row);
        });
    ASSERT_TRUE(written) << written.error().message;
  }

  // A disk there; the version that it is of, or the refusal.
  std::string deploy(const std::string& below, const Json& tags = JsonObject()) {
    const auto disk = fmt::format("{}/disks/d{}", scope_, made_++);
    const Json image = JsonObject{{"id", definition_ + below}};
    const Json creation =
        JsonObject{{"createOption", "FromImage"}, {"galleryImageReference", image}};
    const auto told =
        server_.send("PUT", disk + disks,
                     JsonObject{{"location", "eastus"},
                                {"tags", tags},
                                {"properties", JsonObject{{"creationData", creation}}}});
    if (told.status != 202) return told.outcome();
    const auto row = server_.parts().model->get(*arm::ResourceId::parse(disk));
    EXPECT_EQ(string_at(row->internal, "content.home"), "westeurope");
    const std::string version(string_at(row->internal, "image"));
    return version.substr(version.rfind('/') + 1);
  }

 private:
  WholeServer server_;
  std::string scope_ = server_.scope() + "/resourceGroups/rg/providers/Microsoft.Compute";
  std::string definition_ = scope_ + "/galleries/g/images/d";
  int made_ = 0;
};

TEST(Eager, NobodyIsUnlessHeAsks) {
  Copies copies(false);
  EXPECT_EQ(copies.deploy(""), "2.0.0");
  copies.set_state("2.0.0", "Replicating");
  EXPECT_EQ(copies.deploy(""), "1.0.0");
  EXPECT_THAT(copies.deploy("/versions/2.0.0"), HasSubstr("404 GalleryImageNotFound"));
  EXPECT_EQ(copies.deploy("/versions/2.0.0", JsonObject{{"pinaco-eager", "true"}}), "2.0.0");
  EXPECT_EQ(copies.deploy("", JsonObject{{"pinaco-eager", "true"}}), "2.0.0");
  EXPECT_EQ(copies.deploy("", JsonObject{{"pinaco-eager", "1"}}), "1.0.0");
}

TEST(Eager, EverybodyIsWhereTheServerIsSetSo) {
  Copies copies(true);
  copies.set_state("1.0.0", "Replicating");
  copies.set_state("2.0.0", "Unknown");
  EXPECT_EQ(copies.deploy(""), "2.0.0");
  EXPECT_EQ(copies.deploy("/versions/1.0.0"), "1.0.0");
}

TEST(Eager, NobodyStartsFromWhatFailed) {
  Copies copies(true);
  copies.set_state("2.0.0", "Failed");
  EXPECT_EQ(copies.deploy(""), "1.0.0");
  EXPECT_THAT(copies.deploy("/versions/2.0.0"), HasSubstr("404 GalleryImageNotFound"));
  copies.set_state("2.0.0", "Replicating", "Failed");
  EXPECT_THAT(copies.deploy("/versions/2.0.0"), HasSubstr("404 GalleryImageNotFound"));
}

}  // namespace
}  // namespace pinaco::app
