// A template spec whose content was damaged says so, to readers and to deployments.
#include <gtest/gtest.h>

#include "app/server_testing.h"

namespace pinaco::app {
namespace {

TEST(TemplateSpecs, WhoseContentIsDamagedSaySo) {
  WholeServer server;
  const auto group = server.scope() + "/resourceGroups/rg";
  const auto spec = group + "/providers/Microsoft.Resources/templateSpecs/s";
  const std::string version = spec + "/versions/1";
  constexpr const char* api = "?api-version=2021-05-01";
  const Json here = JsonObject{{"location", "westeurope"}};
  server.must("PUT", group + "?api-version=2021-04-01", here);
  server.must("PUT", spec + api, here);
  const Json empty = JsonObject{
      {"$schema",
       "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"},
      {"contentVersion", "1.0.0.0"},
      {"resources", JsonArray()}};
  server.must(
      "PUT", version + api,
      JsonObject{{"location", "westeurope"}, {"properties", JsonObject{{"mainTemplate", empty}}}});
  EXPECT_EQ(server.must("GET", version + api).text("properties.mainTemplate.contentVersion"),
            "1.0.0.0");
  const auto id = arm::ResourceId::parse(version);
  ASSERT_TRUE(id);
  ASSERT_TRUE(server.parts().model->change(
      server.first().subscription, [&](model::Change& change) -> Result<> {
        for (const auto& [name, piece] : TRY(change.facts(model::attached_prefix(id->key())))) {
          TRY(change.put_fact(name, Json("{\"mainTemplate\": {")));
        }
        return {};
      }));
  EXPECT_EQ(server.send("GET", version + api).status, 500);
  const Json linked =
      JsonObject{{"properties", JsonObject{{"mode", "Incremental"},
                                           {"templateLink", JsonObject{{"id", version}}}}}};
  const auto deployed = server.send(
      "PUT", group + "/providers/Microsoft.Resources/deployments/d?api-version=2021-04-01", linked);
  EXPECT_EQ(deployed.status, 500) << deployed.text("properties.provisioningState");
}

}  // namespace
}  // namespace pinaco::app
