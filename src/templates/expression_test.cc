// The language itself: its grammar, what it looks up, what it says of mistakes.
#include <thread>

#include "templates/expression_testing.h"

namespace pinaco::templates {
namespace {

TEST(Expression, IsALiteralACallOrAChainAfterACall) {
  check_cases({
      {"'plain'", R"("plain")"},
      {"'it''s'", R"("it's")"},
      {"''", R"("")"},
      {"''''", R"("'")"},
      {"'[x] \"q\" \\'", R"("[x] \"q\" \\")"},
      {"'grün'", R"("grün")"},
      {"42", "42"},
      {"-7", "-7"},
      {"+7", "7"},
      {"0", "0"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"9223372036854775808", "! outside of the limits of 64 bits"},
      {"1.5", "1.5E0"},
      {"-2.5e3", "-2.5E3"},
      {"1e999", "! is not a number"},
      {"1.2.3", "! is not a number"},
      {"-", "! is not a number"},
      {"true()", "true"},
      {"TRUE()", "true"},
      {"false()", "false"},
      {"null()", "null"},
      {"  \r\n\tconcat ( 'a' ,\n 'b' )  ", R"("ab")"},
      {"concat(concat('a',concat('b')),'c')", R"("abc")"},
      {"parameters('a')", R"("alpha")"},
      {"PARAMETERS('a')", R"("alpha")"},
      {"contoso.twice(1)", "[1,1]"},
      {"Contoso.Twice ( 'x' )[1]", R"("x")"},
      {"contoso . twice('x')", R"(["x","x"])"},
  });
}

TEST(Expression, ReadsMembersAndElements) {
  check_cases({
      {"resourceGroup().name", R"("rg")"},
      {"resourceGroup().NAME", R"("rg")"},
      {"resourceGroup().tags.env", R"("test")"},
      {"resourceGroup()['name']", R"("rg")"},
      {"resourceGroup()[concat('na','me')]", R"("rg")"},
      {"parameters('o').two.deep[1]", R"("y")"},
      {"parameters('o') . two\n.deep [ 0 ]", R"("x")"},
      {"parameters('list')[sub(2, 1)]", "1"},
      {"createArray(createArray(1,2),createArray(3))[0][1]", "2"},
      {"json('{\"a\":1,\"A\":2}').A", "2"},
      {"resourceGroup().nome",
       "! The language expression property 'nome' doesn't exist, available properties are 'id, "
       "name, tags'."},
      {"parameters('list')[3]",
       "! The language expression property array index '3' is out of bounds."},
      {"parameters('list')[-1]", "! array index '-1' is out of bounds"},
      {"parameters('list')['x']", "! 'x' can't be evaluated, property index must be an integer"},
      {"parameters('list').x", "! 'x' can't be evaluated"},
      {"resourceGroup()[0]", "! '0' can't be evaluated, property name must be a string"},
      {"parameters('a').x", "! The language expression property 'x' can't be evaluated."},
      {"parameters('a')[0]", "! The language expression property '0' can't be evaluated."},
      {"null().x", "! The language expression property 'x' can't be evaluated."},
  });
}

TEST(Expression, ReadsWhatMayBeMissingSafely) {
  check_cases({
      {"parameters('o').?one", "1"},
      {"parameters('o').?three", "null"},
      {"parameters('o').?three.four.five", "null"},
      {"parameters('o').?two.three", "! property 'three' doesn't exist"},
      {"parameters('nothing').?x", "null"},
      {"parameters('nothing').?x[0]", "null"},
      {"parameters('list')[?0]", "3"},
      {"parameters('list')[?9]", "null"},
      {"parameters('list')[ ? 9 ].x", "null"},
      {"parameters('o')[?'one']", "1"},
      {"parameters('o')[?'none']", "null"},
      {"coalesce(parameters('o').?none, 'other')", R"("other")"},
      {"parameters('a').?x", "! can't be evaluated"},
  });
}

TEST(Expression, SaysWhereItsTextIsWrong) {
  check_cases({
      {"",
       "! Unable to parse language expression '': expected token 'Identifier' and actual "
       "'EndOfData'."},
      {" ",
       "! Unable to parse language expression ' ': expected token 'Identifier' and actual "
       "'EndOfData'."},
      {"concat('a'",
       "! Unable to parse language expression 'concat('a'': expected token 'RightParenthesis' and "
       "actual 'EndOfData'."},
      {"concat('a' 'b')", "! expected token 'RightParenthesis' and actual 'StringLiteral'."},
      {"concat('a',)", "! expected token 'Identifier' and actual 'RightParenthesis'."},
      {"concat(,'a')", "! expected token 'Identifier' and actual 'Comma'."},
      {"concat('a'))", "! expected token 'EndOfData' and actual 'RightParenthesis'."},
      {"foo", "! expected token 'LeftParenthesis' and actual 'EndOfData'."},
      {"foo.bar", "! expected token 'LeftParenthesis' and actual 'EndOfData'."},
      {"a.b.c()", "! expected token 'LeftParenthesis' and actual 'Dot'."},
      {"'a' 'b'", "! expected token 'EndOfData' and actual 'StringLiteral'."},
      {"'a'.b", "! expected token 'EndOfData' and actual 'Dot'."},
      {"parameters('o').", "! expected token 'Identifier' and actual 'EndOfData'."},
      {"parameters('o').'x'", "! expected token 'Identifier' and actual 'StringLiteral'."},
      {"parameters('o')[0", "! expected token 'RightSquareBracket' and actual 'EndOfData'."},
      {"parameters('o')[]", "! expected token 'Identifier' and actual 'RightSquareBracket'."},
      {"parameters('o')?.x", "! expected token 'EndOfData' and actual 'QuestionMark'."},
      {"concat('a",
       "! the string constant at position '7' is not terminated. String constants must be enclosed "
       "within a pair of single quotes."},
      {"bad-expression",
       "! The language expression 'bad-expression' is not valid: the string character 'x' at "
       "position '5' is not expected."},
      {"\n  {", "! the string character '{' at position '3' is not expected."},
      {"concat(\"a\")", "! the string character '\"' at position '7' is not expected."},
      {"concat('a') + 1", "! expected token 'EndOfData' and actual 'Integer'."},
      {"über()", "! the string character 'ü' at position '0' is not expected."},
      {"'\xff'", "! it is not UTF-8"},
      {"foo('a')", "! The template function 'foo' is not valid."},
      {"Contoso.Thrice(1)", "! The template function 'Contoso.Thrice' is not valid."},
      {"concat(foo())", "! The template function 'foo' is not valid."},
      {"parameters('z')", "! no such parameter"},
  });
}

TEST(Expression, ErrorsAreInvalidTemplate) {
  const auto refused = Expression::parse("x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "InvalidTemplate");
  EXPECT_EQ(refused.error().kind, Kind::invalid);
}

TEST(Expression, CountsArgumentsBeforeItLooksAtTheirTypes) {
  check_cases({
      {"toLower()",
       "! Unable to evaluate template language function 'toLower': function requires 1 argument(s) "
       "while 0 were provided."},
      {"endsWith('a','b','c')", "! function requires 2 argument(s) while 3 were provided."},
      {"toObject(parameters('list'))",
       "! function requires between 2 and 3 argument(s) while 1 were provided."},
      {"concat()", "! 'concat'. At least one parameter should be provided."},
      {"and(true())", "! function requires at least 2 argument(s) while 1 were provided."},
      {"toLower(1)",
       "! The template language function 'toLower' expects its parameter to be of type 'String'. "
       "The provided value is of type 'Integer'."},
      {"endsWith('one', 100)",
       "! The template language function 'endsWith' expects its parameters to be of type string "
       "and "
       "string. The provided value is of type 'String' and 'Integer'."},
      {"replace('a', null(), createArray())",
       "! of type string, string and string. The provided value is of type 'String', 'Null' and "
       "'Array'."},
      {"if(true(), 1, toLower())", "1"},
  });
}

TEST(Expression, FindsItsCalls) {
  const auto expression =
      Expression::parse("concat(reference('a').x[copyIndex()], contoso.f(Reference('b', 'c')))");
  ASSERT_TRUE(expression);
  const auto found = expression->calls([](std::string_view name) { return name == "reference"; });
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].arguments.size(), 1u);
  EXPECT_EQ(found[0].arguments[0].literal(), "a");
  EXPECT_EQ(found[1].arguments[1].literal(), "c");
  EXPECT_EQ(expression->literal(), std::nullopt);
  EXPECT_EQ(expression->calls([](std::string_view) { return true; }).size(), 5u);
  EXPECT_EQ(Expression::parse("7")->literal(), "7");
}

TEST(Expression, AsksTheScopeOnlyForWhatItDoesNotKnow) {
  TestScope scope;
  Budget budget;
  EXPECT_EQ(answer_of("if(true(), concat(parameters('a'), Parameters('a')), resourceGroup())",
                      scope, budget),
            R"("alphaalpha")");
  EXPECT_EQ(scope.asked, (std::vector<std::string>{"parameters", "parameters"}));
}

TEST(Expression, MayBeSharedByThreads) {
  const auto expression = Expression::parse("concat(parameters('a'), string(range(0, 50)))");
  ASSERT_TRUE(expression);
  const auto run = [&] {
    for (int i = 0; i < 200; i++) {
      TestScope scope;
      Budget budget;
      ASSERT_TRUE(expression->evaluate(scope, budget));
    }
  };
  std::thread other(run);
  run();
  other.join();
}

TEST(Expression, BracketsSayWhatIsOne) {
  EXPECT_TRUE(is_expression("[parameters('a')]"));
  EXPECT_TRUE(is_expression("[ parameters('a') ]"));
  EXPECT_TRUE(is_expression("[]"));
  EXPECT_FALSE(is_expression(" [parameters('a')]"));
  EXPECT_FALSE(is_expression("[parameters('a')] "));
  EXPECT_FALSE(is_expression("[[a]"));
  EXPECT_FALSE(is_expression("[a] b"));
  EXPECT_FALSE(is_expression("["));
  EXPECT_FALSE(is_expression(""));
  EXPECT_EQ(unescape("[[test value]"), "[test value]");
  EXPECT_EQ(unescape("[[[x]"), "[[x]");
  EXPECT_EQ(unescape("[test] value"), "[test] value");
  EXPECT_EQ(unescape("[[x"), "[[x");
  EXPECT_EQ(unescape("plain"), "plain");
}

}  // namespace
}  // namespace pinaco::templates
