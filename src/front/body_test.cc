#include "front/body.h"

#include <gtest/gtest.h>

namespace pinaco::front {
namespace {

TEST(Body, IsStrictWhereNoTemplateIs) {
  EXPECT_TRUE(parse_body(R"({"a": 1})", false));
  EXPECT_FALSE(parse_body(R"({a: 1})", false));
  EXPECT_FALSE(parse_body("{\"a\": 1} // no", false));
  EXPECT_TRUE(parse_body("  \n", false)->is_null());
}

TEST(Body, ThatIsCompressedIsRefusedByName) {
  http::Request request{.body = "{}"};
  request.headers.add("Content-Encoding", "gzip");
  const auto body = parse_body(request, false);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, "UnsupportedMediaType");
  request.headers.set("Content-Encoding", "identity");
  EXPECT_TRUE(parse_body(request, false));
}

TEST(Body, OfATemplateIsWhatItsAuthorWrote) {
  const auto body = parse_body(
      "{\"properties\": {\"mode\": \"Incremental\", template:{// http://a\n"
      "  /* \"b\": 1, */ \"text\": \"two\nlines // and \\\" /* no comment\", $c_1 : -1e3,\n"
      "  \"list\": [true, false, null]}}}",
      true);
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(string_at(*body, "properties.template.text"), "two\nlines // and \" /* no comment");
  EXPECT_EQ(to_text(*find_path(*body, "properties.template.list")), "[true,false,null]");
  EXPECT_NE(find_path(*body, "properties.template.$c_1"), nullptr);
  EXPECT_EQ(find_path(*body, "properties.template.b"), nullptr);
}

TEST(Body, ThatIsBrokenStaysSo) {
  for (const auto* text : {"{", "{\"a", "{\"a\\", "{a", "{a:", "/*", "{/* }", "{a: 1, a: 2}", "//",
                           "{\"a\": b}", "{a 1}", "{'a': 1}"}) {
    const auto body = parse_body(text, true);
    ASSERT_FALSE(body) << text;
    EXPECT_EQ(body.error().code, "InvalidRequestContent");
  }
}

}  // namespace
}  // namespace pinaco::front
