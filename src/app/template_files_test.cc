// Deploys the templates of test/templates on a whole server: each as it is, once more, and broken
// in the ways that its file lists.
//
//   "template", "parameters"   what is deployed; "{principal}" stands for somebody's object id
//   "scope"                    "group", or "subscription"
//   "outputs"                  values that must come out
//   "again"                    what what-if says of every resource afterwards; "any": anything goes
//   "broken"                   [{"set": "resources.0.name", "to": …, "code", "says"}]: the error,
//   of
//                              the request or the deployment; a null code: it is deployed all the
//                              same
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "app/server_testing.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

constexpr const char* api = "?api-version=2021-04-01";

std::vector<std::string> template_files() {
  std::vector<std::string> files;
  for (const auto& each :
       std::filesystem::directory_iterator(PINACO_SOURCE_DIR "/test/templates")) {
    files.push_back(each.path().stem().string());
  }
  std::ranges::sort(files);
  return files;
}

// "a.0.b" through objects and arrays.
Json& place_in(Json& json, std::string_view path) {
  Json* at = &json;
  for (const auto word : split(path, '.')) {
    const auto index = parse_int(word, 0, 1000);
    at = index ? &at->as_array().at(static_cast<std::size_t>(*index)) : &at->as_object().at(word);
  }
  return *at;
}

class TemplateFile : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto text = os::read_file(
        fmt::format("{}/test/templates/{}.json", PINACO_SOURCE_DIR, GetParam()), 1 << 20);
    ASSERT_TRUE(text);
    auto whole = *text;
    for (std::size_t at; (at = whole.find("{principal}")) != std::string::npos;) {
      whole.replace(at, 11, server_.first().object_id);
    }
    file_ = parse_json(whole).value();
    for (const char* group : {"rg", "rg-other"}) {
      server_.must("PUT", fmt::format("{}/resourceGroups/{}{}", server_.scope(), group, api),
                   Json{{"location", "westeurope"}});
    }
    server_.must("PUT",
                 server_.scope() +
                     "/resourceGroups/rg/providers/Microsoft.Compute/galleries/before"
                     "?api-version=2021-10-01",
                 Json{{"location", "westeurope"}, {"properties", {{"description", "was there"}}}});
  }

  bool on_subscription() const { return string_at(file_, "scope") == "subscription"; }
  std::string path(std::string_view name, std::string_view action = "") const {
    return fmt::format("{}{}/providers/Microsoft.Resources/deployments/{}{}{}", server_.scope(),
                       on_subscription() ? "" : "/resourceGroups/rg", name, action, api);
  }
  Json body(const Json& text) const {
    const Json* parameters = find_path(file_, "parameters");
    Json made{{"properties",
               {{"mode", "Incremental"},
                {"template", text},
                {"parameters", parameters != nullptr ? *parameters : Json(JsonObject())}}}};
    if (on_subscription()) set_path(made, "location", "westeurope");
    return made;
  }
  // The record as it is when the deployment has ended; what refused it otherwise.
  Json deploy(std::string_view name, const Json& text) {
    const auto told = server_.send("PUT", path(name), body(text));
    if (told.status >= 300) return told.body;
    server_.drain();
    return server_.must("GET", path(name)).body;
  }

  WholeServer server_;
  Json file_;
};

TEST_P(TemplateFile, IsDeployedAndOnceMoreAndFailsWell) {
  const Json& text = *find_path(file_, "template");
  for (const char* turn : {"first", "again"}) {
    const auto record = deploy("whole", text);
    ASSERT_EQ(string_at(record, "properties.provisioningState"), "Succeeded") << turn << "\n"
                                                                              << to_pretty(record);
    if (const Json* outputs = find_path(file_, "outputs")) {
      for (const auto& output : outputs->get_object()) {
        const Json* got = find_path(
            record, fmt::format("properties.outputs.{}.value", std::string_view(output.key())));
        ASSERT_NE(got, nullptr) << to_pretty(record);
        EXPECT_EQ(*got, output.value());
      }
    }
    EXPECT_FALSE(to_text(record).contains("correct horse")) << "a secret is shown";
  }
  const auto what_if = server_.must("POST", path("whole", "/whatIf"), body(text)).body;
  EXPECT_FALSE(find_path(what_if, "properties.changes")->as_array().empty());
  for (const auto& change : find_path(what_if, "properties.changes")->as_array()) {
    const auto type = string_at(change, "changeType");
    if (type == "Ignore" || string_at(file_, "again") == "any") continue;
    EXPECT_EQ(type, string_at(file_, "again")) << to_pretty(change);
  }

  int number = 0;
  for (const auto& broken : find_path(file_, "broken")->as_array()) {
    auto changed = text;
    const std::string where(string_at(broken, "set"));
    place_in(changed, where) = *find_path(broken, "to");
    const auto record = deploy(fmt::format("broken{}", number++), changed);
    const bool refused = find_path(record, "error") != nullptr;
    const Json error = refused ? *find_path(record, "error")
                       : find_path(record, "properties.error") != nullptr
                           ? *find_path(record, "properties.error")
                           : Json(nullptr);
    if (find_path(broken, "code")->is_null()) {
      EXPECT_TRUE(error.is_null()) << where << "\n" << to_pretty(record);
      continue;
    }
    EXPECT_TRUE(string_at(error, "code") == string_at(broken, "code") ||
                to_text(error).contains(fmt::format("\"{}\"", string_at(broken, "code"))))
        << where << "\n"
        << to_pretty(record);
    EXPECT_FALSE(string_at(broken, "says").empty()) << where;
    EXPECT_TRUE(to_text(error).contains(string_at(broken, "says")))
        << where << " does not say " << string_at(broken, "says") << "\n"
        << to_pretty(record);
  }
}

// With room for one deployment, one in one in one still ends: each level has room of its own.
TEST(NestedDeployments, DoNotWaitForThemselves) {
  deploy::Options options;
  options.running = 1;
  WholeServer server(nullptr, options);
  const auto group = server.scope() + "/resourceGroups/rg";
  server.must("PUT", group + api, Json{{"location", "westeurope"}});
  Json text{{"$schema", "x"}, {"contentVersion", "1.0.0.0"}, {"resources", JsonArray()}};
  for (const char* name : {"third", "second", "first"}) {
    const Json inside{{"type", "Microsoft.Resources/deployments"},
                      {"apiVersion", "2021-04-01"},
                      {"name", name},
                      {"properties", {{"mode", "Incremental"}, {"template", text}}}};
    set_path(text, "resources", JsonArray({inside}));
  }
  const auto whole = group + "/providers/Microsoft.Resources/deployments/whole" + api;
  server.must("PUT", whole, Json{{"properties", {{"mode", "Incremental"}, {"template", text}}}});
  const auto patience = system_clock().steady() + Seconds(30);
  std::string state;
  while (state != "Succeeded" && state != "Failed" && system_clock().steady() < patience) {
    state = server.must("GET", whole).text("properties.provisioningState");
  }
  EXPECT_EQ(state, "Succeeded");
}

INSTANTIATE_TEST_SUITE_P(Each, TemplateFile, testing::ValuesIn(template_files()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace pinaco::app
