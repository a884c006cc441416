#include "provider/resource_graph_query.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pinaco::provider {
namespace {

GraphTable table() {
  const auto row = [](std::string_view name, std::string_view type, std::string_view location,
                      int size, Json tags) {
    return JsonObject{{"name", name},
                      {"type", type},
                      {"location", location},
                      {"properties", JsonObject{{"size", size}, {"ready", size > 1}}},
                      {"tags", std::move(tags)}};
  };
  return {.columns = {"name", "type", "location", "properties", "tags"},
          .rows = {row("a", "t/one", "westeurope", 1, JsonObject{{"env", "Prod"}}),
                   row("B", "t/one", "northeurope", 10, nullptr),
                   row("c", "t/two", "westeurope", 9, JsonObject{{"env", "test"}})}};
}

// The names that are left, "a,c".
std::string names(std::string_view query) {
  const auto parsed = parse_graph_query("resources | " + std::string(query));
  if (!parsed) return parsed.error().details.at(0).message;
  std::string names;
  GraphBudget budget(100, 1 << 20);
  const auto result = *run_graph_query(*parsed, table(), budget);
  for (const auto& row : result.rows) {
    if (!names.empty()) names += ",";
    names += row.at("name").get_string();
  }
  return names;
}

TEST(GraphQuery, EqualityLooksAtCaseAndItsTildeDoesNot) {
  EXPECT_EQ(names("where type == 't/one'"), "a,B");
  EXPECT_EQ(names("where type == 'T/One'"), "");
  EXPECT_EQ(names("where type =~ \"T/One\""), "a,B");
  EXPECT_EQ(names("where type !~ 'T/ONE'"), "c");
  EXPECT_EQ(names("where tolower(name) == 'b'"), "B");
}

TEST(GraphQuery, FindsTextsInsideAndInLists) {
  EXPECT_EQ(names("where location contains 'EUROPE'"), "a,B,c");
  EXPECT_EQ(names("where location startswith 'west'"), "a,c");
  EXPECT_EQ(names("where location !startswith 'west'"), "B");
  EXPECT_EQ(names("where name in~ ('A', 'b')"), "a,B");
  EXPECT_EQ(names("where name in ('A', 'B')"), "B");
  EXPECT_EQ(names("where name !in ('a', 'B')"), "c");
}

TEST(GraphQuery, AndBindsTighterThanOr) {
  EXPECT_EQ(names("where name == 'c' or type == 't/one' and location == 'westeurope'"), "a,c");
  EXPECT_EQ(names("where (name == 'c' or type == 't/one') and location == 'westeurope'"), "a,c");
  EXPECT_EQ(names("where (name == 'B' or name == 'c') and location == 'westeurope'"), "c");
  EXPECT_EQ(names("where not(name == 'B')"), "a,c");
}

TEST(GraphQuery, ReadsTagsAndMembers) {
  EXPECT_EQ(names("where tags['env'] =~ 'prod'"), "a");
  EXPECT_EQ(names("where tags.env == 'test'"), "c");
  EXPECT_EQ(names("where isempty(tags['env'])"), "B");
  EXPECT_EQ(names("where properties.ready == true"), "B,c");
  EXPECT_EQ(names("where properties.size >= 9"), "B,c");
  EXPECT_EQ(names("where nothing.here == ''"), "a,B,c");
}

TEST(GraphQuery, OrdersNumbersAsNumbersAndDownwardsUnlessAsked) {
  EXPECT_EQ(names("order by properties.size asc"), "a,c,B");
  EXPECT_EQ(names("sort by properties.size"), "B,c,a");
  EXPECT_EQ(names("order by location asc, name desc"), "B,c,a");
  EXPECT_EQ(names("order by name asc | take 2"), "a,B");
  EXPECT_EQ(names("order by type asc"), "a,B,c");
  EXPECT_EQ(names("limit 1"), "a");
}

TEST(GraphQuery, ProjectsCountsAndSummarizes) {
  const auto run = [](std::string_view text) {
    const auto query = parse_graph_query(text);
    EXPECT_TRUE(query) << text;
    GraphBudget budget(100, 1 << 20);
    const auto result = *run_graph_query(*query, table(), budget);
    return to_text(Json(JsonArray(result.rows.begin(), result.rows.end())));
  };
  EXPECT_EQ(run("Resources|project n = name, tags['env'] | take 1"),
            R"([{"n":"a","tags_env":"Prod"}])");
  EXPECT_EQ(run("resources | count"), R"([{"Count":3}])");
  EXPECT_EQ(run("resources | summarize count() by type | order by count_"),
            R"([{"type":"t/one","count_":2},{"type":"t/two","count_":1}])");
  EXPECT_EQ(run("resources | where name == 'x' | summarize n = count()"), R"([{"n":0}])");
}

TEST(GraphQuery, SaysWhereItIsWrong) {
  const auto position = [](std::string_view text) -> std::string {
    const auto query = parse_graph_query(text);
    if (query) return "right";
    EXPECT_EQ(query.error().code, "BadRequest");
    EXPECT_EQ(query.error().details.at(0).code, "InvalidQuery");
    const auto& message = query.error().details[0].message;
    const auto at = message.find("position ") + 9;
    return message.substr(at, message.find(':') - at);
  };
  EXPECT_EQ(position(""), "0");
  EXPECT_EQ(position("secrets"), "0");
  EXPECT_EQ(position("resources where"), "10");
  EXPECT_EQ(position("resources | join x"), "12");
  EXPECT_EQ(position("resources | where name = 'x'"), "23");
  EXPECT_EQ(position("resources | where name == 'x"), "26");
  EXPECT_EQ(position("resources | where name == "), "26");
  EXPECT_EQ(position("resources | where (name == 'x'"), "30");
  EXPECT_EQ(position("resources | take x"), "17");
  EXPECT_EQ(position("resources | where name == 'x' ; drop"), "30");
}

TEST(GraphQuery, ProjectingTheSameOftenHasABudget) {
  std::string text = "resources | project ";
  for (int i = 0; i < 64; i++) text += fmt::format("{}c{} = properties", i == 0 ? "" : ", ", i);
  const auto query = *parse_graph_query(text);
  GraphBudget small(100, 20'000), large(100, 1 << 20);
  const auto refused = run_graph_query(query, table(), small);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "BadRequest");
  EXPECT_EQ(refused.error().details.at(0).code, "ResponsePayloadTooLarge");
  EXPECT_TRUE(run_graph_query(query, table(), large));
}

TEST(GraphQuery, DropsWhatNoClauseLooksAt) {
  const auto kept = [](std::string_view text) {
    auto row = table().rows[0];
    row["id"] = "/x";
    drop_unused(*parse_graph_query(text), row);
    std::string names;
    for (const auto& each : row) names += std::string(each.key()) + " ";
    return names;
  };
  EXPECT_EQ(kept("resources | where name == 'a' | count"), "name id ");
  EXPECT_EQ(kept("resources | project Tags | order by location"), "tags id ");
  EXPECT_EQ(kept("resources | where not(type == 'x' or properties.size > 1) | summarize count()"),
            "type properties id ");
  EXPECT_EQ(kept("resources | order by name"), "name type location properties tags id ");
}

TEST(GraphQuery, HasLimits) {
  EXPECT_FALSE(parse_graph_query("resources | where name == '" + std::string(9000, 'x') + "'"));
  std::string many = "resources";
  for (int i = 0; i < 64; i++) many += " | take 1";
  EXPECT_TRUE(parse_graph_query(many));
  EXPECT_FALSE(parse_graph_query(many + " | take 1"));
  EXPECT_FALSE(parse_graph_query("resources | where " + std::string(1000, '(')));
  std::string nots = "resources | where ";
  for (int i = 0; i < 1000; i++) nots += "not(";
  EXPECT_FALSE(parse_graph_query(nots));
}

}  // namespace
}  // namespace pinaco::provider
