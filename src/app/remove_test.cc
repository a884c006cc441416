// `pinaco delete`, against a whole server.
#include "app/remove.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/terminal_testing.h"

namespace pinaco::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* galleries = "?api-version=2022-03-03";
constexpr const char* machines = "?api-version=2022-08-01";
constexpr const char* network = "?api-version=2022-07-01";

class Remove : public testing::Test {
 protected:
  Remove() {
    const auto place = JsonObject{{"location", "westeurope"}};
    server_.must("PUT", group_ + "?api-version=2021-04-01", place);
    server_.must("PUT", compute_ + "/disks/disk" + WholeServer::disks_api,
                 JsonObject{{"location", "westeurope"},
                            {"properties",
                             JsonObject{{"osType", "Linux"},
                                        {"diskSizeGB", 1},
                                        {"creationData", JsonObject{{"createOption", "Empty"}}}}}});
    server_.must("PUT", compute_ + "/galleries/g" + galleries, place);
    server_.must(
        "PUT", definition_ + galleries,
        JsonObject{{"location", "westeurope"},
                   {"properties",
                    JsonObject{{"osType", "Linux"},
                               {"osState", "Specialized"},
                               {"identifier",
                                JsonObject{{"publisher", "p"}, {"offer", "o"}, {"sku", "s"}}}}}});
    server_.drain();
    for (const char* number : {"1.0.0", "2.0.0"}) {
      const Json source = JsonObject{{"id", compute_ + "/disks/disk"}};
      server_.must(
          "PUT", definition_ + "/versions/" + number + galleries,
          JsonObject{{"location", "westeurope"},
                     {"properties",
                      JsonObject{{"storageProfile",
                                  JsonObject{{"osDiskImage", JsonObject{{"source", source}}}}}}}});
    }
    server_.drain();
    const Json subnet =
        JsonObject{{"name", "all"}, {"properties", JsonObject{{"addressPrefix", "10.0.0.0/24"}}}};
    server_.must(
        "PUT", net_ + "/virtualNetworks/net" + network,
        JsonObject{
            {"location", "westeurope"},
            {"properties",
             JsonObject{{"addressSpace", JsonObject{{"addressPrefixes", JsonArray{"10.0.0.0/24"}}}},
                        {"subnets", JsonArray{subnet}}}}});
    make_machine("by-number", "/versions/1.0.0");
    make_machine("by-definition", "");
    server_.drain();
  }

  void make_machine(const std::string& name, const std::string& version) {
    const auto card = net_ + "/networkInterfaces/" + name;
    const Json subnet = JsonObject{{"id", net_ + "/virtualNetworks/net/subnets/all"}};
    const Json address =
        JsonObject{{"name", "main"}, {"properties", JsonObject{{"subnet", subnet}}}};
    server_.must("PUT", card + network,
                 JsonObject{{"location", "westeurope"},
                            {"properties", JsonObject{{"ipConfigurations", JsonArray{address}}}}});
    const Json reference = JsonObject{{"id", definition_ + version}};
    const Json cards = JsonArray{JsonObject{{"id", card}}};
    server_.must(
        "PUT", compute_ + "/virtualMachines/" + name + machines,
        JsonObject{{"location", "westeurope"},
                   {"properties",
                    JsonObject{{"hardwareProfile", JsonObject{{"vmSize", "Standard_B1s"}}},
                               {"storageProfile", JsonObject{{"imageReference", reference}}},
                               {"networkProfile", JsonObject{{"networkInterfaces", cards}}}}}});
  }

  Result<> run(const std::string& name, bool yes) {
    return remove({.name = name, .group = "", .yes = yes}, terminal_.connection, {},
                  terminal_.console);
  }
  Result<> cascade(const std::string& name, bool in_use) {
    return remove({.name = name, .group = "", .yes = true, .cascade = true, .in_use = in_use},
                  terminal_.connection, {}, terminal_.console);
  }
  WholeServer server_;
  std::string group_ = server_.scope() + "/resourceGroups/rg";
  std::string compute_ = group_ + "/providers/Microsoft.Compute";
  std::string net_ = group_ + "/providers/Microsoft.Network";
  std::string definition_ = compute_ + "/galleries/g/images/d";
  Terminal terminal_{server_};
};

TEST_F(Remove, SaysWhichMachinesUseAVersionAndDeletesItWithYes) {
  const auto refused = run("g/d/1.0.0", false);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("Nothing was deleted."),
                    HasSubstr("In use:\n  g/d/1.0.0 by the machine rg/by-number\n"),
                    Not(HasSubstr("by-definition"))));
  // The latest when it was made.
  const auto other = cascade("g/d", false);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message,
              AllOf(HasSubstr("Nothing was deleted. 2 things stand in the way:"),
                    HasSubstr("g/d/2.0.0: The image version 'g/d/2.0.0' is in use: the machine "
                              "rg/by-definition was made of it."),
                    HasSubstr("the machine rg/by-number was made of it."), HasSubstr("--in-use")));
  EXPECT_EQ(server_.send("GET", definition_ + "/versions/2.0.0" + galleries).status, 200);

  const auto done = run("g/d/1.0.0", true);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(terminal_.noted(), HasSubstr("Warning: In use:"));
  EXPECT_EQ(server_.send("GET", definition_ + "/versions/1.0.0" + galleries).status, 404);
  // What was made of it lives on.
  server_.must("POST", compute_ + "/virtualMachines/by-number/deallocate" + machines);
  server_.drain();
  const auto started =
      server_.must("POST", compute_ + "/virtualMachines/by-number/start" + machines);
  server_.drain();
  EXPECT_EQ(server_.end_of(started).text("status"), "Succeeded");

  const auto all = cascade("g", true);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(server_.send("GET", compute_ + "/galleries/g" + galleries).status, 404);
}

}  // namespace
}  // namespace pinaco::app
