// For tests of commands: a whole server with the galleries "g", of which the definition "d" has the
// versions 1.0.0 and 2.0.0 with bytes of their own, and "other", of which "d" has 1.0.0 with the
// bytes of the first one. Nothing else needs those bytes.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "app/terminal_testing.h"

namespace pinaco::app {

class GalleryTest : public testing::Test {
 protected:
  static constexpr const char* galleries = "?api-version=2022-03-03";

  GalleryTest() {
    server_.must("PUT", group_ + "?api-version=2021-04-01", JsonObject{{"location", "westeurope"}});
    for (const int seed : {1, 2}) {
      Bytes start(1 << 20);
      seeded_random(static_cast<std::uint64_t>(seed))->fill(start);
      server_.upload_disk(fmt::format("{}/disks/disk{}", compute_, seed),
                          JsonObject{{"osType", "Linux"}}, start);
    }
    server_.drain();
    for (const char* gallery : {"g", "other"}) {
      server_.must("PUT", compute_ + "/galleries/" + gallery + galleries,
                   JsonObject{{"location", "westeurope"},
                              {"tags", JsonObject{{"team", "images"}}},
                              {"properties", JsonObject{{"description", "those of the team"}}}});
      const Json identifier = JsonObject{{"publisher", "p"}, {"offer", gallery}, {"sku", "s"}};
      server_.must("PUT", fmt::format("{}/galleries/{}/images/d{}", compute_, gallery, galleries),
                   JsonObject{{"location", "westeurope"},
                              {"properties", JsonObject{{"osType", "Linux"},
                                                        {"osState", "Specialized"},
                                                        {"releaseNoteUri", "https://x"},
                                                        {"identifier", identifier}}}});
    }
    make_version("g/images/d/versions/1.0.0", 1);
    make_version("g/images/d/versions/2.0.0", 2);
    make_version("other/images/d/versions/1.0.0", 1);
    server_.drain();
    for (const int seed : {1, 2}) {
      server_.must("DELETE",
                   fmt::format("{}/disks/disk{}{}", compute_, seed, WholeServer::disks_api));
    }
    server_.drain();
  }

  void make_version(const std::string& version, int seed) {
    const Json source = JsonObject{{"id", fmt::format("{}/disks/disk{}", compute_, seed)}};
    const Json storage = JsonObject{{"osDiskImage", JsonObject{{"source", source}}}};
    const Json regions = JsonArray{JsonObject{{"name", "westeurope"}, {"regionalReplicaCount", 2}}};
    server_.must(
        "PUT", compute_ + "/galleries/" + version + galleries,
        JsonObject{
            {"location", "westeurope"},
            {"properties", JsonObject{{"publishingProfile", JsonObject{{"targetRegions", regions}}},
                                      {"storageProfile", storage}}}});
  }
  Told get(const std::string& path) {
    return server_.send("GET", compute_ + "/galleries/" + path + galleries);
  }
  int status_of(const std::string& path) { return get(path).status; }

  WholeServer server_;
  std::string group_ = server_.scope() + "/resourceGroups/rg";
  std::string compute_ = group_ + "/providers/Microsoft.Compute";
  Terminal terminal_{server_};
};

}  // namespace pinaco::app
