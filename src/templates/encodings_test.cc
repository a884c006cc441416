// Other forms of texts.
#include "templates/expression_testing.h"

namespace pinaco::templates {
namespace {

TEST(Encodings, OfBase64) {
  check_cases({
      {"base64('one, two, three')", R"("b25lLCB0d28sIHRocmVl")"},
      {"base64('')", R"("")"},
      {"base64(createArray())", "! of type 'Array'"},
      {"base64ToString('b25lLCB0d28sIHRocmVl')", R"("one, two, three")"},
      {"base64(base64ToString('b25lLCB0d28sIHRocmVl'))", R"("b25lLCB0d28sIHRocmVl")"},
      {"base64ToString('gGE=')", "\"\uFFFDa\""},
      {"base64ToString(concat(base64('abc'), '@'))",
       "! The template language function 'base64ToString' was invoked with a parameter that is not "
       "valid. The value cannot be decoded from base64 representation."},
      {"base64ToString(100)", "! of type 'Integer'"},
      {"base64ToJson(base64('{''one'': ''a'', ''two'': ''b''}'))", R"({"one":"a","two":"b"})"},
      {"base64ToJson(base64('[1]'))[0]", "1"},
      {"base64ToJson(base64('{\"hi\": \"there\"'))", "! cannot be parsed as JSON"},
      {"base64ToJson('*')", "! cannot be decoded from base64"},
  });
}

TEST(Encodings, OfDataUris) {
  check_cases({
      {"dataUri('Hello')", R"("data:text/plain;charset=utf8;base64,SGVsbG8=")"},
      {"dataUri(100)", R"("data:application/json;charset=utf8;base64,MTAw")"},
      {"dataUri(createArray('one', 'two'))",
       R"("data:application/json;charset=utf8;base64,WyJvbmUiLCJ0d28iXQ==")"},
      {"dataUri()", "! function requires 1 argument(s) while 0 were provided"},
      {"dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')", R"("Hello, World!")"},
      {"dataUriToString('data:text/plain;charset=UTF-8;page=21,the%20data:1234,5678')",
       R"("the data:1234,5678")"},
      {"dataUriToString(dataUri('äöü'))", R"("äöü")"},
      {"dataUriToString('data:;foo=bar;base64,R0lGODdh')", R"("GIF87a")"},
      {"dataUriToString('Hi 0!')",
       "! expects its parameter to be formatted as a valid data URI. The provided value 'Hi 0!' "
       "was "
       "not formatted correctly."},
      {"dataUriToString(concat(dataUri('abc'), '@'))",
       "! The value cannot be converted to the target type."},
      {"dataUriToString('data:,%zz')", "! The value cannot be converted"},
  });
}

TEST(Encodings, OfUris) {
  check_cases({
      {"uriComponent('http://contoso.com/resources/nested/azuredeploy.json')",
       R"("http%3A%2F%2Fcontoso.com%2Fresources%2Fnested%2Fazuredeploy.json")"},
      {"uriComponent('a-b_c.d~e f')", R"("a-b_c.d~e%20f")"},
      {"uriComponent('ü')", R"("%C3%BC")"},
      {"uriComponent(123)", "! of type 'Integer'"},
      {"uriComponentToString('http%3A%2F%2Fcontoso.com%2Fa%20b')", R"("http://contoso.com/a b")"},
      {"uriComponentToString('100%')", R"("100%")"},
      {"uriComponentToString('%zz%41')", R"("%zzA")"},
      {"uriComponentToString(createObject())", "! of type 'Object'"},
      {"uri('http://contoso.com/resources/', 'nested/azuredeploy.json')",
       R"("http://contoso.com/resources/nested/azuredeploy.json")"},
      {"uri('http://contoso.org/firstpath', 'myscript.sh')", R"("http://contoso.org/myscript.sh")"},
      {"uri('http://contoso.org/firstpath/', 'myscript.sh')",
       R"("http://contoso.org/firstpath/myscript.sh")"},
      {"uri('http://contoso.org/firstpath/azuredeploy.json', 'myscript.sh')",
       R"("http://contoso.org/firstpath/myscript.sh")"},
      {"uri('http://contoso.org/firstpath/azuredeploy.json/', 'myscript.sh')",
       R"("http://contoso.org/firstpath/azuredeploy.json/myscript.sh")"},
      {"uri('http://contoso.org', 'a')", R"("http://contoso.org/a")"},
      {"uri('http://contoso.org/a/b/c', '../d')", R"("http://contoso.org/a/d")"},
      {"uri('http://contoso.org/a/b/c', '/d')", R"("http://contoso.org/d")"},
      {"uri('http://contoso.org/a?sig=1', 'b?sig=2')", R"("http://contoso.org/b?sig=2")"},
      {"uri('http://contoso.org/a', 'https://other/x')", R"("https://other/x")"},
      {"uri('http://contoso.org/a', '')", R"("http://contoso.org/a")"},
      {"uri('http://a/b', '../../../../c')", R"("http://a/c")"},
      {"uri('github.com', 'Azure/bicep')",
       "! The template language function 'uri' expects its first argument to be a uri string. The "
       "provided value is 'github.com'."},
      {"uri('http://', 'a')", "! to be a uri string"},
      {"uri('http://a')", "! requires 2 argument(s)"},
  });
}

}  // namespace
}  // namespace pinaco::templates
