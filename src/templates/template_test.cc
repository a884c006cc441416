// What a template makes of its parameters, without a server.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "templates/templates.h"

namespace pinaco::templates {
namespace {

Surroundings somewhere() {
  Surroundings around{.scope = "/subscriptions/s/resourceGroups/g",
                      .tenant = "t",
                      .subscription = "s",
                      .group = "g"};
  around.group_shown = JsonObject{{"id", around.scope}, {"location", "westeurope"}};
  around.deployment = JsonObject{{"name", "d"}};
  around.now = WallTime(std::chrono::seconds(1'700'000'000));
  around.chance = 7;
  return around;
}

// A world where every resource says its own id.
class Echo final : public Runtime {
 public:
  Result<Json> get(const std::string& id, const std::string& version) override {
    asked.push_back(fmt::format("{} {}", id, version));
    return Json(JsonObject{{"id", id}, {"properties", JsonObject{{"said", "hello"}}}});
  }
  Result<Json> list(const std::string& action, const std::string& id, const std::string&,
                    const Json&) override {
    return Json(JsonObject{{"what", action}, {"id", id}});
  }
  Result<Json> provider(const std::string&) override {
    return Json(JsonObject{
        {"zoneMappings", JsonArray{JsonObject{{"location", "West Europe"},
                                              {"zones", JsonArray{Json("1"), Json("2")}}}}}});
  }
  std::vector<std::string> asked;
};

Result<std::unique_ptr<Template>> load(std::string_view members, std::string_view given = "{}") {
  const auto text =
      parse_json(fmt::format(R"({{"$schema": "x", "contentVersion": "1.0.0.0", {}}})", members));
  if (!text) return fail(text.error());
  return Template::load(*text, parse_json(given).value(), somewhere());
}

std::string why_not(std::string_view members, std::string_view given = "{}") {
  const auto loaded = load(members, given);
  return loaded ? "it is fine" : loaded.error().message;
}

constexpr std::string_view gallery =
    R"({{"type": "Microsoft.Compute/galleries", "apiVersion": "2021-10-01", "name": "{}", {}}})";

std::string one(std::string_view name, std::string_view more = "\"properties\": {}") {
  return fmt::format(gallery, name, more);
}
std::string all(std::initializer_list<std::string> resources) {
  std::string text = "\"resources\": [";
  for (const auto& each : resources) text += (text.ends_with('[') ? "" : ", ") + each;
  return text + "]";
}

TEST(Template, KnowsNamesAndIds) {
  const auto loaded = load(all({one("a"), one("b", R"("scope": "Microsoft.Compute/galleries/a")"),
                                one("c", R"("scope": "/subscriptions/other")")}));
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto& plan = (*loaded)->plan();
  EXPECT_EQ(plan[0].id,
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a");
  EXPECT_EQ(plan[1].id, plan[0].id + "/providers/Microsoft.Compute/galleries/b");
  EXPECT_EQ(plan[2].id, "/subscriptions/other/providers/Microsoft.Compute/galleries/c");
}

TEST(Template, FindsTheOrderByAnyWayOfSayingIt) {
  const std::string_view ways[] = {"a", "Microsoft.Compute/galleries/A",
                                   "[resourceId('Microsoft.Compute/galleries', 'a')]",
                                   "[concat('Microsoft.Compute/galleries/', 'a')]"};
  for (const auto way : ways) {
    const auto loaded = load(all({one("b", fmt::format(R"("dependsOn": ["{}"])", way)), one("a")}));
    ASSERT_TRUE(loaded) << way << ": " << loaded.error().message;
    EXPECT_EQ((*loaded)->plan()[0].after, std::vector<std::size_t>{1}) << way;
  }
}

TEST(Template, WaitsForWhatItRefersTo) {
  const auto loaded = load(
      all({one("b", R"("properties": {"x": {"y": ["[concat('is ', reference('a').said)]"]}})"),
           one("a"),
           one("c", R"("tags": {"k": "[listKeys(resourceId('Microsoft.Compute/galleries', 'b'), )"
                    R"('2021-10-01').what]"})")}));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->plan()[0].after, std::vector<std::size_t>{1});
  EXPECT_EQ((*loaded)->plan()[2].after, std::vector<std::size_t>{0});
  Echo world;
  const auto body = (*loaded)->body(0, &world);
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(to_text(*body), R"({"properties":{"x":{"y":["is hello"]}}})");
  ASSERT_EQ(world.asked.size(), 1u);
  EXPECT_EQ(world.asked[0], (*loaded)->plan()[1].id + " 2021-10-01");
}

TEST(Template, UnrollsLoopsAndPutsBatchesInARow) {
  const auto loaded =
      load(all({one("[concat('n', copyIndex(1))]",
                    R"("copy": {"name": "l", "count": 5, "mode": "serial", "batchSize": 2},
         "tags": {"i": "[copyIndex('l')]"})")}));
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto& plan = (*loaded)->plan();
  ASSERT_EQ(plan.size(), 5u);
  EXPECT_EQ(plan[4].name, "n5");
  EXPECT_TRUE(plan[1].after.empty());
  EXPECT_EQ(plan[2].after, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(plan[4].after, (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(to_text(*(*loaded)->body(3, nullptr)), R"({"tags":{"i":3}})");
}

TEST(Template, GivesTheSameAgainFromWhatItKept) {
  constexpr std::string_view text =
      R"("parameters": {"a": {"type": "string", "defaultValue": "[newGuid()]"},
          "b": {"type": "string", "defaultValue": "[newGuid()]"},
          "t": {"type": "string", "defaultValue": "[utcNow()]"},
          "s": {"type": "secureString", "defaultValue": "hush"}}, "resources": [])";
  const auto first = load(text);
  ASSERT_TRUE(first) << first.error().message;
  const auto kept = (*first)->kept_parameters();
  EXPECT_NE(string_at(kept, "a.value"), string_at(kept, "b.value"));
  EXPECT_EQ(string_at(kept, "t.value"), "20231114T221320Z");
  const auto again = load(text, to_text(kept));
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->kept_parameters(), kept);
  EXPECT_FALSE(to_text((*first)->shown_parameters()).contains("hush"));
  Json shown = JsonObject{{"a", JsonArray{Json("I said hush!"), Json("loud")}}};
  (*first)->hide_secrets(shown);
  EXPECT_EQ(to_text(shown), R"({"a":["*******","loud"]})");
}

TEST(Template, InnerTemplatesStayAsTheyAreAndOuterOnesAreEvaluated) {
  const auto nested = [](std::string_view scope) {
    return fmt::format(
        R"({{"type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "n",
         "properties": {{"mode": "Incremental", "expressionEvaluationOptions": {{"scope": "{}"}},
         "parameters": {{"p": {{"value": "[variables('v')]"}}}},
         "template": {{"resources": [{{"name": "[variables('v')]"}}]}}}}}})",
        scope);
  };
  for (const auto& [scope, name] : {std::pair("inner", "[variables('v')]"), {"outer", "mine"}}) {
    const auto loaded = load(R"("variables": {"v": "mine"}, )" + all({nested(scope)}));
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto body = (*loaded)->body(0, nullptr);
    ASSERT_TRUE(body) << body.error().message;
    EXPECT_EQ(string_at(*body, "properties.parameters.p.value"), "mine");
    const auto& inside = find_path(*body, "properties.template.resources")->get_array()[0];
    EXPECT_EQ(string_at(inside, "name"), name) << scope;
  }
}

TEST(Template, PicksZonesAndListsKeys) {
  const auto loaded = load(all({one("a")}) +
                           R"(, "outputs": {"z": {"type": "array",
      "value": "[pickZones('Microsoft.Compute', 'virtualMachines', 'westeurope', 3)]"},
      "k": {"type": "object", "value": "[listKeys('a', '2021-10-01')]"}})");
  ASSERT_TRUE(loaded) << loaded.error().message;
  Echo world;
  const auto outputs = (*loaded)->outputs(&world);
  ASSERT_TRUE(outputs) << outputs.error().message;
  EXPECT_EQ(to_text(*find_path(*outputs, "z.value")), R"(["1","2"])");
  EXPECT_EQ(string_at(*outputs, "k.value.what"), "listkeys");
}

struct Wrong {
  std::string members, given, says;
};

TEST(Template, SaysWhatIsWrong) {
  const Wrong wrongs[] = {
      {R"("resources": 5)", "{}", "neither an array nor an object"},
      {R"("parameters": 5, "resources": [])", "{}", "'parameters' is not an object"},
      {R"("parameters": {"a": {}}, "resources": [])", "{}", "Required property 'type'"},
      {R"("parameters": {"a": {"type": "int"}}, "resources": [])", R"({"a": 5})", "not given as"},
      {R"("parameters": {"a": {"type": "int"}}, "resources": [])",
       R"({"a": {"reference": {"keyVault": {}}}})", "key vault"},
      {R"("parameters": {"a": {"type": "int", "minValue": 3}}, "resources": [])",
       R"({"a": {"value": 2}})", "less than the minimum value '3'"},
      {R"("parameters": {"a": {"type": "array", "maxLength": 1}}, "resources": [])",
       R"({"a": {"value": [1, 2]}})", "less than or equal to '1'"},
      {R"("parameters": {"a": {"type": "securestring", "allowedValues": ["x"]}}, "resources": [])",
       R"({"a": {"value": "told"}})", "The value '' is not part"},
      {R"("functions": [{"members": {}}], "resources": [])", "{}", "Required property 'namespace'"},
      {R"("functions": [{"namespace": "a", "members": {"f": {"output": {"type": "string",
          "value": "[a.f()]"}}}}], "variables": {"v": "[a.f()]"}, )" +
           all({one("[variables('v')]")}),
       "{}", "more than 20 deep"},
      {all({one("a", R"("dependsOn": "b")")}), "{}", "is not an array"},
      {all({one("a", R"("dependsOn": ["a"])")}), "{}", "Circular dependency"},
      {all({one("a", R"("copy": {"name": "l", "count": "[true()]"})")}), "{}", "whole number"},
      {all({one("a", R"("scope": "b/c")")}), "{}", "neither an id nor"},
      {all({R"({"type": "A/b", "apiVersion": "1"})"}), "{}", "Required property 'name'"},
      {all({R"({"type": "A/b", "name": "1"})"}), "{}", "Required property 'apiVersion'"},
      {all({"5"}), "{}", "is not an object"},
  };
  for (const auto& each : wrongs) {
    const auto said = why_not(each.members, each.given);
    EXPECT_TRUE(said.contains(each.says)) << each.members << "\n" << said;
  }
}

// Small texts that would be a large work.
TEST(Template, HasBounds) {
  std::string many;
  for (int i = 0; i < 20; ++i)
    many += (i > 0 ? ", " : "") +
            fmt::format("\"v{}\": \"[concat({}, {})]\"", i,
                        i == 0 ? "'xxxxxxxxxxxxxxxx'" : fmt::format("variables('v{}')", i - 1),
                        i == 0 ? "'xxxxxxxxxxxxxxxx'" : fmt::format("variables('v{}')", i - 1));
  EXPECT_NE(
      why_not(fmt::format("\"variables\": {{{}}}, ", many) + all({one("[variables('v19')]")})),
      "it is fine")
      << "32 bytes, doubled nineteen times and used as a name";
  EXPECT_TRUE(
      why_not(all({one("[concat('a', copyIndex())]", R"("copy": {"name": "l", "count": 800})"),
                   one("b")}))
          .contains("resources limit exceeded"));
  const auto loaded = load(all(
      {one("a",
           R"("properties": {"copy": [{"name": "x", "count": 800, "input": {"copy": [{"name": "y",
        "count": 800, "input": {"copy": [{"name": "z", "count": 800, "input": 1}]}}]}}]})")}));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_FALSE((*loaded)->body(0, nullptr)) << "half a thousand million ones";
}

}  // namespace
}  // namespace pinaco::templates
