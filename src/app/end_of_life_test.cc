// What an image past its end of life means for new deployments, by the server's setting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/client.h"
#include "app/server_testing.h"

namespace pinaco::app {
namespace {

using provider::EndOfLife;
using testing::HasSubstr;

constexpr const char* galleries = "?api-version=2022-03-03";
constexpr const char* disks = WholeServer::disks_api;

// Definition "lives" has 1.0.0 without an end and 2.0.0, which is over; "old" has one version and
// is over itself; "gone" has only a version that is over.
class Aged {
 public:
  explicit Aged(EndOfLife setting)
      : server_([=](Config& config) { config.life.end_of_life = setting; }),
        scope_(server_.scope() + "/resourceGroups/rg/providers/Microsoft.Compute") {
    const auto soon = to_iso8601(server_.clock().now() + Seconds(60));
    server_.must("PUT", server_.scope() + "/resourceGroups/rg?api-version=2021-04-01",
                 JsonObject{{"location", "westeurope"}});
    server_.must("PUT", scope_ + "/disks/source" + disks,
                 JsonObject{{"location", "westeurope"},
                            {"properties",
                             JsonObject{{"osType", "Linux"},
                                        {"diskSizeGB", 1},
                                        {"creationData", JsonObject{{"createOption", "Empty"}}}}}});
    server_.must("PUT", scope_ + "/galleries/g" + galleries,
                 JsonObject{{"location", "westeurope"}});
    server_.drain();
    for (const std::string name : {"lives", "old", "gone"}) {
      Json properties =
          JsonObject{{"osType", "Linux"},
                     {"osState", "Specialized"},
                     {"identifier", JsonObject{{"publisher", "p"}, {"offer", "o"}, {"sku", name}}}};
      if (name == "old") set_path(properties, "endOfLifeDate", soon);
      server_.must("PUT", id(name) + galleries,
                   JsonObject{{"location", "westeurope"}, {"properties", properties}});
    }
    make("lives/versions/1.0.0", "");
    make("lives/versions/2.0.0", soon);
    make("old/versions/1.0.0", "");
    make("gone/versions/1.0.0", soon);
    server_.drain();
    server_.clock().put_forward(120);
  }

  // The disk made from it: the version that it is of and the warning; or the refusal.
  std::string deploy(const std::string& image) {
    const auto disk = fmt::format("{}/disks/d{}", scope_, made_++);
    const auto told = server_.send(
        "PUT", disk + disks,
        JsonObject{{"location", "westeurope"},
                   {"properties",
                    JsonObject{{"creationData", JsonObject{{"createOption", "FromImage"},
                                                           {"galleryImageReference",
                                                            JsonObject{{"id", id(image)}}}}}}}});
    if (told.status != 202) return told.outcome();
    const auto row = server_.parts().model->get(*arm::ResourceId::parse(disk));
    std::string text(row ? string_at(row->internal, "image") : "nothing");
    text = text.substr(text.rfind('/') + 1);
    for (const auto& warning : warnings_in(told.headers)) text += "; " + warning;
    return text;
  }

 private:
  std::string id(const std::string& image) const {
    return fmt::format("{}/galleries/g/images/{}", scope_, image);
  }
  void make(const std::string& version, const std::string& end) {
    Json profile = JsonObject();
    if (!end.empty()) set_path(profile, "endOfLifeDate", end);
    server_.must(
        "PUT", id(version) + galleries,
        JsonObject{
            {"location", "westeurope"},
            {"properties",
             JsonObject{
                 {"publishingProfile", profile},
                 {"storageProfile",
                  JsonObject{
                      {"osDiskImage",
                       JsonObject{{"source", JsonObject{{"id", scope_ + "/disks/source"}}}}}}}}}});
  }

  WholeServer server_;
  std::string scope_;
  int made_ = 0;
};

constexpr const char* refused = "409 OperationNotAllowed: The gallery image '";

TEST(EndOfLifeOff, MeansNothing) {
  Aged aged(EndOfLife::off);
  EXPECT_EQ(aged.deploy("lives"), "2.0.0");
  EXPECT_EQ(aged.deploy("lives/versions/2.0.0"), "2.0.0");
  EXPECT_EQ(aged.deploy("old"), "1.0.0");
  EXPECT_EQ(aged.deploy("gone"), "1.0.0");
}

TEST(EndOfLifeWarn, IsSaid) {
  Aged aged(EndOfLife::warn);
  EXPECT_THAT(aged.deploy("lives"), HasSubstr("2.0.0; The gallery image '"));
  EXPECT_THAT(aged.deploy("lives"), HasSubstr("reached its end of life at 20"));
  EXPECT_EQ(aged.deploy("lives/versions/1.0.0"), "1.0.0");
  EXPECT_THAT(aged.deploy("old/versions/1.0.0"), HasSubstr("1.0.0; The gallery image '"));
}

TEST(EndOfLifeHide, IsNeverTheLatest) {
  Aged aged(EndOfLife::hide);
  EXPECT_EQ(aged.deploy("lives"), "1.0.0");
  EXPECT_THAT(aged.deploy("lives/versions/2.0.0"), HasSubstr("2.0.0; The gallery image '"));
  EXPECT_THAT(aged.deploy("gone"), HasSubstr(refused));
  EXPECT_THAT(aged.deploy("old"), HasSubstr(refused));
  EXPECT_THAT(aged.deploy("old/versions/1.0.0"), HasSubstr("1.0.0; The gallery image '"));
}

TEST(EndOfLifeBlock, IsRefused) {
  Aged aged(EndOfLife::block);
  EXPECT_EQ(aged.deploy("lives"), "1.0.0");
  EXPECT_THAT(aged.deploy("lives/versions/2.0.0"), HasSubstr(refused));
  EXPECT_THAT(aged.deploy("old/versions/1.0.0"), HasSubstr(refused));
  EXPECT_THAT(aged.deploy("gone"), HasSubstr(refused));
}

}  // namespace
}  // namespace pinaco::app
