// Functions of texts. Expected values are those of ARM's reference, or of other public records of
// what ARM answered.
#include "templates/expression_testing.h"

namespace pinaco::templates {
namespace {

TEST(Texts, AreJoined) {
  check_cases({
      {"concat('')", R"("")"},
      {"concat('hello', '', 'brave')", R"("hellobrave")"},
      {"concat(100)", R"("100")"},
      {"concat(100, 'aaa', 200)", R"("100aaa200")"},
      {"concat('x', true(), null(), -1)", R"("xTrue-1")"},
      {"concat(toLower('ONE'), '-', toUpper('two'), '-', base64('three'))",
       R"("one-TWO-dGhyZWU=")"},
      {"concat(createArray('a'), createArray(), createArray(1, 'b'))", R"(["a",1,"b"])"},
      {"concat(createArray())", "[]"},
      {"concat(createArray('hello', 100), 200)",
       "! The provided parameters for language function 'concat' are invalid. Either all or none "
       "of "
       "the parameters must be an array."},
      {"concat(createObject('a', 1))", "! The provided value is of type 'Object'"},
      {"join(createArray('a','b','c'), ', ')", R"("a, b, c")"},
      {"join(createArray(), '-')", R"("")"},
      {"join(createArray(1, true(), 'x'), '')", R"("1Truex")"},
      {"join('a', '-')", "! of type array and any"},
  });
}

TEST(Texts, AreMadeOfOtherValues) {
  check_cases({
      {"string('a')", R"("a")"},
      {"string(5)", R"("5")"},
      {"string(true())", R"("True")"},
      {"string(null())", R"("")"},
      {"string(1.5)", R"("1.5")"},
      {"string(createArray('a', 1, false(), null()))", R"("[\"a\",1,false,null]")"},
      {"string(createArray(1.5, 2.0, float(3)))", R"("[1.5,2.0,3.0]")"},
      {"string(1e30)", R"("1E+30")"},
      {"string(createObject('a', 1))", R"("{\"a\":1}")"},
      {"string()", "! function requires 1 argument(s) while 0 were provided"},
      {"json('null')", "null"},
      {"json('{\"a\": [1, 2.5, true]}')", R"({"a":[1,2.5E0,true]})"},
      {"json('[]')", "[]"},
      {"json('\"x\"')", R"("x")"},
      {"json('{''one'': ''a\"b'', \"two\": \"it''s\"}')", R"({"one":"a\"b","two":"it's"})"},
      {"json('')", "! parameter is not valid. The provided value '' cannot be parsed as JSON"},
      {"json('{')", "! cannot be parsed as JSON"},
      {"json('{''a''}')", "! cannot be parsed as JSON"},
      {"json(5)", "! of type 'String'"},
  });
}

TEST(Texts, ChangeTheirCase) {
  check_cases({
      {"toLower('One TWO Three')", R"("one two three")"},
      {"toUpper('One two')", R"("ONE TWO")"},
      {"toLower('ÄÖÜ ÉŠ ΑΩ БЯ Ё')", R"("äöü éš αω бя ё")"},
      {"toUpper('äöü éš αω бя ё ÿ ß')", R"("ÄÖÜ ÉŠ ΑΩ БЯ Ё Ÿ ß")"},
      {"toUpper('日本 😀')", R"("日本 😀")"},
      {"toLower(true())", "! of type 'Boolean'"},
      {"toUpper(createArray())", "! of type 'Array'"},
      {"trim('    one two three   ')", R"("one two three")"},
      {"trim('\t\r\n a \n')", R"("a")"},
      {"trim('\u00a0\u3000x\u2003')", R"("x")"},
      {"trim('   ')", R"("")"},
      {"trim(1)", "! of type 'Integer'"},
  });
}

TEST(Texts, ArePadded) {
  check_cases({
      {"padLeft('123', 10, '0')", R"("0000000123")"},
      {"padLeft('123', 10)", R"("       123")"},
      {"padLeft('123', 2, '0')", R"("123")"},
      {"padLeft(-100, 10, '0')", R"("000000-100")"},
      {"padLeft('ü', 3, 'é')", R"("ééü")"},
      {"padLeft('a', 0)", R"("a")"},
      {"padLeft('123', -1, '0')",
       "! Total width must be a positive integer value and not greater than '16', while '-1' was "
       "provided. The syntax is padLeft(string, totalWidth [, paddingChar])."},
      {"padLeft(100, 200)", "! not greater than '16', while '200' was provided"},
      {"padLeft('a', 'b')", "! while 'b' was provided"},
      {"padLeft(createArray(''), 10, '0')",
       "! the first parameter is invalid. The source string must be a String or integer type, "
       "while "
       "'Array' was provided."},
      {"padLeft(10, 15, 30)",
       "! The padding character must be a string type, while 'Integer' was provided."},
      {"padLeft(10, 15, 'abc')",
       "! The padding character must be a single character, while 'abc' was provided."},
      {"padLeft(10, 15, '')", "! a single character, while '' was provided"},
      {"padLeft('a')", "! function requires minimum two and maximum three arguments."},
  });
}

TEST(Texts, AreCutInUnitsOfUtf16) {
  check_cases({
      {"substring('one two three', 4, 3)", R"("two")"},
      {"substring('one two three', 4)", R"("two three")"},
      {"substring('abc', 3)", R"("")"},
      {"substring('abc', 0, 0)", R"("")"},
      {"substring('grün€x', 2, 3)", R"("ün€")"},
      {"substring('a😀b', 1, 2)", R"("😀")"},
      {"substring('a😀b', 3, 1)", R"("b")"},
      {"substring('a😀b', 0, 2)", "\"a\uFFFD\""},
      {"length('a😀b')", "4"},
      {"length('grün')", "4"},
      {"indexOf('a😀b', 'b')", "3"},
      {"substring('abc', 0, 4)",
       "! The index parameter: '0', the length parameter: '4', the length of the string parameter: "
       "'3'"},
      {"substring('abc', -1, 2)",
       "! The index parameter cannot be less than zero. The index: '-1'."},
      {"substring('abc', 4)",
       "! The index parameter cannot be larger than the length of the string. The index parameter: "
       "'4', the length of the string parameter: '3'."},
      {"substring('abc', 1, -1)",
       "! The length parameter cannot be less than zero. The length parameter: '-1'."},
      {"substring('abc', 9223372036854775807, 9223372036854775807)", "! cannot be larger than"},
      {"substring('abc', -9223372036854775808)", "! cannot be less than zero"},
      {"substring('abc')", "! expects at least two parameters and up to three parameters"},
      {"substring('abc', '1')", "! of type string and integer"},
      {"skip('one two three', 4)", R"("two three")"},
      {"skip('', 5)", R"("")"},
      {"skip('abc', -100)", R"("abc")"},
      {"skip('abc', 100)", R"("")"},
      {"skip('a😀b', 3)", R"("b")"},
      {"take('one two', 3)", R"("one")"},
      {"take('abc', 100)", R"("abc")"},
      {"take('abc', -1)", R"("")"},
      {"take('abc', 'x')", "! an array or a string, and an integer"},
      {"skip(1, 1)", "! an array or a string, and an integer"},
      {"first('One Two')", R"("O")"},
      {"first('')", R"("")"},
      {"first('😀')", "\"\uFFFD\""},
      {"last('One Three')", R"("e")"},
      {"last('')", R"("")"},
      {"last(100)",
       "! The template language function 'last' expects its parameter be an array or a string. The "
       "provided value is of type 'Integer'."},
  });
}

TEST(Texts, AreSearched) {
  check_cases({
      {"contains('OneTwo', 'e')", "true"},
      {"contains('OneTwo', 'z')", "false"},
      {"contains('OneTwo', 'TWO')", "false"},
      {"contains('a', '')", "true"},
      {"contains('a', 1)", "! an array and any value, or a string or an object and a string"},
      {"startsWith('abcdef', 'AB')", "true"},
      {"startsWith('abcdef', 'e')", "false"},
      {"startsWith('', '')", "true"},
      {"startsWith('a')", "! requires 2 argument(s)"},
      {"endsWith('abcdef', 'F')", "true"},
      {"endsWith('abcdef', 'e')", "false"},
      {"endsWith(createArray('one'), createArray('two'))", "! of type 'Array' and 'Array'"},
      {"indexOf('test', 't')", "0"},
      {"indexOf('abcdef', 'CD')", "2"},
      {"indexOf('abcdef', 'z')", "-1"},
      {"indexOf('', '')", "0"},
      {"indexOf('abcdef', '')", "0"},
      {"indexOf(1, 2)", "! of type 'Integer' and 'Integer'"},
      {"lastIndexOf('test', 't')", "3"},
      {"lastIndexOf('abcdef', 'AB')", "0"},
      {"lastIndexOf('abcdef', 'z')", "-1"},
      {"lastIndexOf('abc', 1)", "! of type 'String' and 'Integer'"},
      {"replace('123-123-1234', '-', '')", R"("1231231234")"},
      {"replace('123-123-1234', '1234', 'xxxx')", R"("123-123-xxxx")"},
      {"replace('aaa', 'aa', 'b')", R"("ba")"},
      {"replace('abc', 'B', 'x')", R"("abc")"},
      {"replace('abc', '', 'x')", "! the text to replace must not be empty"},
      {"split('one,two,three', ',')", R"(["one","two","three"])"},
      {"split('one;two,three', createArray(',', ';'))", R"(["one","two","three"])"},
      {"split('one, two', ', ')", R"(["one","two"])"},
      {"split(',a,', ',')", R"(["","a",""])"},
      {"split('abc', '')", R"(["abc"])"},
      {"split('', ',')", R"([""])"},
      {"split('a-b--c', createArray('--', '-'))", R"(["a","b","c"])"},
      {"split('a/b/c', 3)", "! string or an array of strings"},
      {"split('a', createArray(1))", "! string or an array of strings"},
      {"split('one')", "! The template language function 'split' expects exactly '2' parameters."},
      {"empty('')", "true"},
      {"empty('abc')", "false"},
      {"empty(100)",
       "! expects its parameter to be an object, an array, or a string. The provided value is of "
       "type 'Integer'."},
      {"length('One Two Three')", "13"},
      {"length(null())", "! The provided value is of type 'Null'"},
  });
}

TEST(Texts, AreFormatted) {
  check_cases({
      {"format('{0}, {1}. Formatted number: {2:N0}', 'Hello', 'User', 8175133)",
       R"("Hello, User. Formatted number: 8,175,133")"},
      {"format('plain')", R"("plain")"},
      {"format('{{0}} {0}', 'x')", R"("{0} x")"},
      {"format('{0}{0}', true())", R"("TrueTrue")"},
      {"format('[{0,5}|{0,-5}|{0,1}]', 'abc')", R"("[  abc|abc  |abc]")"},
      {"format('{0, 6:D4}', 7)", R"("  0007")"},
      {"format('{0:D2}-{1:X}-{1:x4}', 3, 255)", R"("03-FF-00ff")"},
      {"format('{0:D3}', -7)", R"("-007")"},
      {"format('{0:X}', -1)", R"("FFFFFFFFFFFFFFFF")"},
      {"format('{0:N}|{0:N1}|{0:F1}|{0:F0}', 1234567)",
       R"("1,234,567.00|1,234,567.0|1234567.0|1234567")"},
      {"format('{0:F2}|{0:N1}|{0:E3}|{0:P0}|{0}', 12.345)",
       R"("12.35|12.3|1.235E+001|1,234 %|12.345")"},
      {"format('{0:C}', 5)", R"("¤5.00")"},
      {"format('{0:G}|{0:R}', 15)", R"("15|15")"},
      {"format('{0:000}|{0:#,##0}|{0:0.00}|{0:##}', 12)", R"("012|12|12.00|12")"},
      {"format('{0:#,##0}', 1234567)", R"("1,234,567")"},
      {"format('{0:0.##}|{0:0.0#}', 1.5)", R"("1.5|1.5")"},
      {"format('{0:0;(0);zero}|{1:0;(0);zero}|{2:0;(0);zero}', 5, -5, 0)", R"("5|(5)|zero")"},
      {"format('{0:00%}', 0.5)", R"("50%")"},
      {"format('{0:''v''0}', 3)", R"("v3")"},
      {"format('{0:yyyy}', '2020')", R"("2020")"},
      {"format('{0}', createArray(1, 'a'))", R"("[1,\"a\"]")"},
      {"format('{0}', createObject('a', 1))", R"("{\"a\":1}")"},
      {"format('{0}', null())", R"("")"},
      {"format('->{123}<-', 123)",
       "! Unable to evaluate language function 'format': the format is invalid: 'Index (zero "
       "based) "
       "must be greater than or equal to zero and less than the size of the argument list.'."},
      {"format('{', 1)", "! Input string was not in a correct format"},
      {"format('}', 1)", "! Input string was not in a correct format"},
      {"format('{0', 1)", "! Input string was not in a correct format"},
      {"format('{a}', 1)", "! Input string was not in a correct format"},
      {"format('{-1}', 1)", "! Input string was not in a correct format"},
      {"format('{0,}', 1)", "! Input string was not in a correct format"},
      {"format('{0,99999999}', 1)", "! Input string was not in a correct format"},
      {"format('{0:D100}', 1)", "! Format specifier was invalid"},
      {"format('{0:D}', 1.5)", "! Format specifier was invalid"},
      {"format('{0:Q}', 1)", "! Format specifier was invalid"},
      {"format(1)", "! of type 'Integer'"},
      {"format()", "! At least one parameter should be provided"},
  });
}

// Published pairs of arguments and results.
TEST(Texts, BecomeTheNamesThatArmMakes) {
  check_cases({
      {"uniqueString('tyeth')", R"("zcztcwvu6iyg6")"},
      {"uniqueString('hello', 'world')", R"("a7wkljktk6wne")"},
      {"uniquestring('test')", R"("rbgf3xv4ufgzg")"},
      {"uniqueString('abc')", R"("cgtzqvhu4i23s")"},
      {"uniqueString('foo', 'bar', 'baz')", R"("xzi4ioaxtmth4")"},
      {"uniqueString('asd', 'asdf', 'asdf')", R"("iizpqit7ih3cc")"},
      {"uniqueString('/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/my-rg')",
       R"("bmg7c6xu4tw46")"},
      {"uniqueString('/subscriptions/3c7f956b-55ee-4686-9d30-da1eb631dc59/resourceGroups/"
       "rg-devopsshieldek010dev')",
       R"("fd63l2gacbtca")"},
      {"uniqueString('/subscriptions/31e9f9a0-9fd2-4294-a0a3-0101246d9700/resourceGroups/"
       "rg-modm201-20230913120256/providers/Microsoft.Compute/virtualMachines/bobjacmodm201')",
       R"("yvjxno3je5on2")"},
      {"length(uniqueString(''))", "13"},
      {"uniqueString()", "! At least one parameter should be provided"},
      {"uniqueString(1)", "! of type 'Integer'"},
      {"guid('test', 'value')", R"("95b33d6a-06a0-5961-9b94-a0f6c648352b")"},
      {"equals(guid('a', 'b'), guid('a-b'))", "true"},
      {"guid('')", R"("e655a85f-3ab2-5e4a-9666-569aa72a5a10")"},
      {"guid()", "! At least one parameter should be provided"},
      {"guid(createObject())", "! of type 'Object'"},
  });
}

}  // namespace
}  // namespace pinaco::templates
