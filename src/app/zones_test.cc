// What the storage types of versions mean, over real folders: a zone's folder is taken away under a
// whole server, and comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/server_testing.h"

namespace pinaco::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* galleries = "?api-version=2022-03-03";
constexpr const char* disks = WholeServer::disks_api;

// westeurope has a store in each of three zones, the one in zone 3 premium; northeurope has one
// that is premium and one that is not, eastus one that is not.
class Zones : public testing::Test {
 protected:
  Zones()
      : server_([this](Config& config) {
          for (auto& store : config.regions[0].stores) store.premium = store.zone == "3";
          auto& north = config.regions[1].stores;
          north[0].premium = false;
          north.push_back({.path = north[0].path + "-premium", .zone = {}, .premium = true});
          config.regions[2].stores[0].premium = false;
          regions_ = config.regions;
        }) {
    const Json place = JsonObject{{"location", "westeurope"}};
    server_.must("PUT", server_.scope() + "/resourceGroups/rg?api-version=2021-04-01", place);
    server_.must("PUT", scope_ + "/galleries/g" + galleries, place);
    const Json identifier = JsonObject{{"publisher", "p"}, {"offer", "o"}, {"sku", "s"}};
    server_.must("PUT", definition_ + galleries,
                 JsonObject{{"location", "westeurope"},
                            {"properties", JsonObject{{"osType", "Linux"},
                                                      {"osState", "Specialized"},
                                                      {"identifier", identifier}}}});
  }

  // A version of bytes of its own; what its PUT answers.
  Told publish(const std::string& number, const JsonArray& targets) {
    const auto disk = scope_ + "/disks/source-" + number;
    Bytes start(2 << 20);
    seeded_random(std::hash<std::string>()(number))->fill(start);
    server_.upload_disk(disk, JsonObject{{"osType", "Linux"}}, start);
    server_.drain();
    starts_[number] = std::move(start);
    const Json source = JsonObject{{"id", disk}};
    auto told = server_.send(
        "PUT", definition_ + "/versions/" + number + galleries,
        JsonObject{{"location", "westeurope"},
                   {"properties",
                    JsonObject{{"publishingProfile", JsonObject{{"targetRegions", targets}}},
                               {"storageProfile",
                                JsonObject{{"osDiskImage", JsonObject{{"source", source}}}}}}}});
    server_.drain();
    return told;
  }
  static Json target(std::string_view region, std::string_view type, int replicas = 1) {
    return JsonObject{
        {"name", region}, {"storageAccountType", type}, {"regionalReplicaCount", replicas}};
  }
  std::string state(const std::string& number) {
    return std::string(server_.send("GET", definition_ + "/versions/" + number + galleries)
                           .text("properties.provisioningState"));
  }

  // A new disk of the version; "" when its bytes are those that were published, else why not.
  std::string deploy(const std::string& number, const std::string& region = "westeurope") {
    const auto disk = fmt::format("{}/disks/d{}", scope_, made_++);
    const Json image = JsonObject{{"id", definition_ + "/versions/" + number}};
    const Json creation =
        JsonObject{{"createOption", "FromImage"}, {"galleryImageReference", image}};
    const auto told = server_.send(
        "PUT", disk + disks,
        JsonObject{{"location", region}, {"properties", JsonObject{{"creationData", creation}}}});
    if (told.status != 202) return told.outcome();
    server_.drain();
    const auto row = server_.parts().model->get(*arm::ResourceId::parse(disk));
    const auto opened =
        server_.parts().depot->open_disk(*find_path(row->internal, "content"), region, 0);
    if (!opened) return opened.error().message;
    Bytes bytes(starts_[number].size());
    const auto read = (*opened)->read(0, bytes);
    if (!read) return read.error().message;
    return bytes == starts_[number] ? "" : "other bytes";
  }

  std::string zone_path(const std::string& zone) const {
    for (const auto& store : regions_[0].stores) {
      if (store.zone == zone) return store.path;
    }
    return "";
  }
  void take(const std::string& zone) { fs::rename(zone_path(zone), zone_path(zone) + "-taken"); }
  void give_back(const std::string& zone) {
    fs::rename(zone_path(zone) + "-taken", zone_path(zone));
  }
  // The objects of a kind in a store.
  static std::size_t held(const std::string& path, const std::string& kind = "manifests") {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path + "/" + kind)) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  std::vector<RegionConfig> regions_;
  WholeServer server_;
  const std::string scope_ = server_.scope() + "/resourceGroups/rg/providers/Microsoft.Compute";
  const std::string definition_ = scope_ + "/galleries/g/images/d";
  std::map<std::string, Bytes> starts_;
  int made_ = 0;
};

class EachZone : public Zones, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Zones, EachZone, testing::Values("1", "2", "3"));

TEST_P(EachZone, MayGoUnderAZoneRedundantVersion) {
  publish("1.0.0", {target("westeurope", "Standard_ZRS")});
  ASSERT_EQ(state("1.0.0"), "Succeeded");
  for (const char* zone : {"1", "2", "3"}) EXPECT_GE(held(zone_path(zone)), 1U) << zone;
  take(GetParam());
  EXPECT_EQ(deploy("1.0.0"), "");
  give_back(GetParam());
  EXPECT_EQ(deploy("1.0.0"), "");
}

TEST_F(Zones, ALocalVersionFailsClearlyWithoutItsZoneAndHeals) {
  publish("1.0.0", {target("westeurope", "Standard_LRS", 3)});
  ASSERT_EQ(state("1.0.0"), "Succeeded");
  for (const char* zone : {"2", "3"}) EXPECT_EQ(held(zone_path(zone)), 0U) << zone;
  for (const char* zone : {"2", "3"}) {  // another zone is nothing to it
    take(zone);
    EXPECT_EQ(deploy("1.0.0"), "") << zone;
    give_back(zone);
  }
  publish("2.0.0", {target("westeurope", "Standard_LRS")});
  take("1");
  const auto why = deploy("2.0.0");
  EXPECT_THAT(why, HasSubstr("Zone 1 of region westeurope: the folder of a store is not there"));
  EXPECT_THAT(why, HasSubstr("Mount its disk or put the folder back"));
  EXPECT_THAT(why, testing::Not(HasSubstr("/regions/")));
  EXPECT_FALSE(fs::exists(zone_path("1"))) << "something was made in its stead";
  // Who looks sees which store it is.
  const auto told = server_.must("GET", "/pinaco/v1/regions");
  const Json* places = find_path(find_path(told.body, "value")->get_array()[0], "places");
  EXPECT_TRUE(bool_at(places->get_array()[0], "away"));
  EXPECT_FALSE(bool_at(places->get_array()[1], "away"));
  give_back("1");
  EXPECT_EQ(deploy("2.0.0"), "");
}

TEST_F(Zones, AVersionInAnotherRegionIsServedFromThere) {
  publish("1.0.0", {target("westeurope", "Standard_LRS"), target("eastus", "Standard_LRS")});
  take("1");
  EXPECT_EQ(deploy("1.0.0", "eastus"), "");
  EXPECT_EQ(deploy("1.0.0"), "");  // what a region lacks comes from another
  give_back("1");
}

TEST_F(Zones, APublicationThatNeedsAZoneFailsClearlyAndSucceedsWhenItIsBack) {
  publish("1.0.0", {target("westeurope", "Standard_LRS")});
  take("2");
  const auto disk = scope_ + "/disks/source-1.0.0";
  const Json body = JsonObject{
      {"location", "westeurope"},
      {"properties",
       JsonObject{
           {"publishingProfile",
            JsonObject{{"targetRegions", JsonArray{target("westeurope", "Standard_ZRS")}}}},
           {"storageProfile",
            JsonObject{{"osDiskImage", JsonObject{{"source", JsonObject{{"id", disk}}}}}}}}}};
  const auto path = definition_ + "/versions/2.0.0" + galleries;
  const auto begun = server_.send("PUT", path, body);
  EXPECT_EQ(begun.status, 201);
  server_.drain();
  EXPECT_EQ(state("2.0.0"), "Failed");
  const auto end = server_.end_of(begun);
  EXPECT_EQ(end.text("error.code"), "ReplicationJobsNotCompleted");
  EXPECT_THAT(std::string(end.text("error.message")), HasSubstr("Zone 2 of region westeurope"));
  give_back("2");
  server_.must("PUT", path, body);
  server_.drain();
  EXPECT_EQ(state("2.0.0"), "Succeeded");
  EXPECT_GE(held(zone_path("2")), 1U);
}

TEST_F(Zones, PremiumLandsOnlyOnPremiumStores) {
  const auto& north = regions_[1].stores;
  publish("1.0.0", {target("westeurope", "Premium_LRS", 2), target("northeurope", "Premium_LRS")});
  ASSERT_EQ(state("1.0.0"), "Succeeded");
  EXPECT_EQ(held(north[0].path), 0U);
  EXPECT_EQ(held(north[0].path, "packs"), 0U);
  EXPECT_GE(held(north[1].path), 1U);
  EXPECT_EQ(held(zone_path("2")), 0U);
  EXPECT_GE(held(zone_path("3")), 1U);
  // Standard ones need none.
  publish("2.0.0", {target("westeurope", "Standard_LRS"), target("eastus", "Standard_LRS")});
  EXPECT_EQ(state("2.0.0"), "Succeeded");
  // And a region without any refuses, at once.
  const auto refused =
      publish("3.0.0", {target("westeurope", "Standard_LRS"), target("eastus", "Premium_LRS")});
  EXPECT_THAT(refused.outcome(),
              HasSubstr("400 InvalidParameter: Premium storage account type is not supported in "
                        "this region. ('eastus' has no store that is marked premium.)"));
  // The copy is whole: without the store on which the disk was imported it can be read.
  take("1");
  EXPECT_EQ(deploy("1.0.0"), "");
  give_back("1");
}

}  // namespace
}  // namespace pinaco::app
