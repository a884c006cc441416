// Small texts that would become a large work, and the limits that stop them.
#include <array>
#include <chrono>

#include "base/clock.h"
#include "templates/expression_testing.h"

namespace pinaco::templates {
namespace {

// Refused for its size, and soon; what is left over is nothing.
void check_bomb(std::string_view text, std::string_view why = "limit") {
  TestScope scope;
  Budget budget;
  const auto start = system_clock().steady();
  const std::string answer = answer_of(text, scope, budget);
  const auto passed = system_clock().steady() - start;
  EXPECT_TRUE(answer.starts_with("! ") && answer.find(why) != std::string::npos)
      << text << "\n  is " << answer.substr(0, 300);
  EXPECT_LT(passed, std::chrono::seconds(60)) << text;
}

// `text` with each # replaced by what came before, `times` times: doubled, doubled, doubled.
std::string grown(std::string text, std::string seed, int times) {
  for (int i = 0; i < times; i++) {
    std::string next;
    for (const char c : text) {
      if (c == '#') {
        next += seed;
      } else {
        next += c;
      }
    }
    seed = next;
  }
  return seed;
}

// A text of about `bytes` bytes, by a lambda and little of the expression's own.
std::string large(int thousands) {
  return "string(map(range(0," + std::to_string(thousands * 10) + "),lambda('i','" +
         std::string(98, 'a') + "')))";
}

TEST(Limits, OfRanges) {
  check_bomb("range(0, 1000000000)");
  check_bomb("range(0, 9223372036854775807)");
  check_bomb("map(range(0, 10000), lambda('i', range(0, 10000)))");
}

TEST(Limits, OfLambdasInLambdas) {
  check_bomb(
      "map(range(0,10000),lambda('i',length(map(range(0,10000),lambda('j',add(lambdaVariables('i'),"
      "lambdaVariables('j')))))))");
  check_bomb(
      "reduce(range(0,10000),createArray(1),lambda('a','b',concat(lambdaVariables('a'),"
      "lambdaVariables('a'))))");
  check_bomb(
      "reduce(range(0,10000),'x',lambda('a','b',concat(lambdaVariables('a'),"
      "lambdaVariables('a'))))");
  check_bomb("sort(map(range(0,10000),lambda('i',range(0,500))),lambda('a','b',true()))");
}

TEST(Limits, OfDepth) {
  check_bomb("reduce(range(0,10000),1,lambda('a','b',array(createArray(lambdaVariables('a')))))",
             "nested deeper than the limit of 48");
  check_bomb("reduce(range(0,10000),1,lambda('a','b',createObject('x',lambdaVariables('a'))))",
             "nested deeper than the limit of 48");
  check_bomb(
      "reduce(range(0,10000),createArray(),lambda('a','b',map(createArray(1),lambda('c',"
      "lambdaVariables('a')))))",
      "nested deeper than the limit of 48");
  std::string nested = "1";
  for (int i = 0; i < 70; i++) nested = "array(" + nested + ")";
  EXPECT_NE(answer_of(nested).find("nested deeper than the limit of 64"), std::string::npos);
  std::string indexed = "0";
  for (int i = 0; i < 70; i++) indexed = "parameters('list')[" + indexed + "]";
  EXPECT_NE(answer_of(indexed).find("nested deeper than the limit of 64"), std::string::npos);
  EXPECT_NE(answer_of("json('" + std::string(2000, '[') + "')").find("cannot be parsed"),
            std::string::npos);
}

TEST(Limits, OfTextsThatGrow) {
  check_bomb("replace(" + large(100) + ",'a'," + large(100) + ")");
  check_bomb("replace(replace(replace('aaaaaaaaaaaaaaaa','a','" + std::string(1000, 'a') +
             "'),'a','" + std::string(1000, 'a') + "'),'a','" + std::string(1000, 'a') + "')");
  check_bomb("format('" + std::string(60, 'x') +
             "{0,999999}{0,999999}{0,999999}{0,999999}{0,999999}{0,999999}{0,999999}{0,999999}',"
             "format('{0,999999}{0,999999}{0,999999}{0,999999}{0,999999}{0,999999}{0,999999}"
             "{0,999999}{0,999999}{0,999999}',1),'" +
             "')");
  check_bomb("join(map(range(0,10000),lambda('i','b'))," + large(100) + ")");
  check_bomb(grown("concat(#,#,#,#,#,#)", "string(range(0,10000))", 4));
  check_bomb(grown(
      "uriComponent(#)",
      "uriComponent(string(map(range(0,10000),lambda('i','" + std::string(90, '%') + "'))))", 8));
  check_bomb(grown("base64(#)", "base64(" + large(1000) + ")", 20));
  check_bomb(grown("string(createArray(#))", "string(createArray(" + large(1000) + "))", 20));
}

TEST(Limits, OfJoinedArrays) {
  check_bomb(
      "reduce(range(0,1000),createArray(),lambda('a','b',union(lambdaVariables('a'),"
      "range(mul(lambdaVariables('b'),1000),1000))))");
  check_bomb("map(range(0,10000),lambda('i',concat(range(0,10000),range(0,10000))))");
  check_bomb("map(range(0,10000),lambda('i',parameters('o')[?string(range(0,10000))]))");
  check_bomb("map(range(0,10000),lambda('i',intersection(range(0,10000),range(5000,10000))))");
}

// Texts on which a naive search would compare every part with every place.
TEST(Limits, OfSearches) {
  TestScope scope;
  Budget budget;
  std::string hay(2'000'000, 'a'), needle(1'000'000, 'a');
  scope.values["hay"] = hay;
  scope.values["needle"] = needle + "b";
  scope.values["deedle"] = "b" + needle;
  const auto start = system_clock().steady();
  EXPECT_EQ(answer_of("indexOf(parameters('hay'), parameters('needle'))", scope, budget), "-1");
  EXPECT_EQ(answer_of("lastIndexOf(parameters('hay'), parameters('deedle'))", scope, budget), "-1");
  EXPECT_EQ(answer_of("contains(parameters('hay'), parameters('needle'))", scope, budget), "false");
  EXPECT_EQ(
      answer_of("length(replace(parameters('hay'), parameters('needle'), ''))", scope, budget),
      "2000000");
  scope.values["needle"] = needle;
  budget = {};
  EXPECT_NE(
      answer_of("split(parameters('hay'), createArray('a', parameters('needle')))", scope, budget)
          .find("limit"),
      std::string::npos);
  EXPECT_LT(system_clock().steady() - start, std::chrono::seconds(60));
}

// Each of them is 400 digits of exact arithmetic.
TEST(Limits, OfDigits) {
  std::string format;
  for (int i = 0; i < 100; i++) format += "{0:F99}";
  check_bomb("map(range(0,10000),lambda('i',length(format('" + format + "',1.7e308))))");
}

// Merging objects looks for each name in the other object, whatever its case.
TEST(Limits, OfMergedObjects) {
  TestScope scope;
  JsonObject left, right;
  for (int i = 0; i < 100'000; i++) {
    left["l" + std::to_string(i)] = i;
    right["r" + std::to_string(i)] = i;
  }
  scope.values["left"] = JsonObject{{"o", left}};
  scope.values["right"] = JsonObject{{"o", right}};
  for (const char* text : {"union(parameters('left'), parameters('right'))",
                           "intersection(parameters('left'), parameters('right'))"}) {
    Budget budget;
    EXPECT_NE(answer_of(text, scope, budget).find("limit"), std::string::npos) << text;
  }
}

TEST(Limits, OfTheText) {
  const std::string longest = "'" + std::string(text_bytes_max - 2, 'x') + "'";
  EXPECT_TRUE(Expression::parse(longest));
  const auto refused = Expression::parse(longest + " ");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("exceeds the limit of 24576 characters"),
            std::string::npos);
  EXPECT_LT(refused.error().message.size(), 500u);
}

TEST(Limits, AreOneBudgetForAllExpressionsOfATemplate) {
  TestScope scope;
  Budget budget{.steps = 50, .bytes = 10'000};
  EXPECT_EQ(answer_of("add(1, 2)", scope, budget), "3");
  EXPECT_LT(budget.steps, 50u);
  EXPECT_EQ(answer_of("length(range(0, 30))", scope, budget), "30");
  EXPECT_NE(answer_of("length(range(0, 30))", scope, budget).find("limit"), std::string::npos);
  EXPECT_EQ(answer_of("add(1, 2)", scope, budget), "3");  // there is room for this
  EXPECT_NE(answer_of("add(add(1, 2), add(3, 4))", scope, budget).find("limit"), std::string::npos);
  EXPECT_EQ(budget.steps, 0u);
  EXPECT_NE(answer_of("1", scope, budget).find("limit"), std::string::npos);
}

// What a scope hands out is paid for as well: each use is a copy.
TEST(Limits, OfCopiesOfParameters) {
  TestScope scope;
  scope.values["big"] = std::string(1 << 20, 'x');
  Budget budget;
  EXPECT_NE(answer_of("map(range(0, 1000), lambda('i', length(parameters('big'))))", scope, budget)
                .find("limit"),
            std::string::npos);
}

}  // namespace
}  // namespace pinaco::templates
