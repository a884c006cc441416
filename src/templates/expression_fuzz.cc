// Any text as an expression, and expressions grown from bytes by the grammar: they are refused, or
// evaluated the same way twice, in bounded time, to a value that is JSON and has the budget's size.
#include <array>

#include "base/text.h"
#include "templates/function.h"
#include "templates/templates.h"

namespace pinaco::templates {
namespace {

class FuzzScope final : public Scope {
 public:
  std::optional<Result<Json>> call(std::string_view name,
                                   std::span<const Json> arguments) override {
    if (name == "parameters") {
      return Result<Json>(Json(JsonObject{{"a", "Grün😀"},
                                          {"list", JsonArray{1, "b", nullptr, -3}},
                                          {"o", JsonObject{{"X", 1.5}, {"y", JsonArray{}}}}}));
    }
    if (name == "echo.echo" && arguments.size() == 1) return Result<Json>(arguments[0]);
    if (name == "fails") return Result<Json>(fail(Kind::invalid, "it fails"));
    return std::nullopt;
  }
};

// Bytes as choices; zeros once there are no more.
class Choices {
 public:
  explicit Choices(ByteView bytes) : bytes_(bytes) {}
  std::size_t below(std::size_t bound) {
    if (bytes_.empty()) return 0;
    const std::size_t chosen = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return chosen % bound;
  }
  bool done() const { return bytes_.empty(); }

 private:
  ByteView bytes_;
};

const std::vector<std::string_view>& names() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> found = {"parameters", "echo.echo", "fails", "nothing"};
    for (const auto functions :
         {logic_functions(), number_functions(), text_functions(), text_search_functions(),
          encoding_functions(), collection_functions(), array_functions(), object_functions(),
          lambda_functions(), date_functions(), network_functions(), id_functions()}) {
      for (const auto& function : functions) found.push_back(function.name);
    }
    return found;
  }();
  return all;
}

std::string literal(Choices& choices) {
  static constexpr std::array<std::string_view, 40> some = {"'a'",
                                                            "'x'",
                                                            "''",
                                                            "'it''s'",
                                                            "'Grün😀'",
                                                            "'aaaa'",
                                                            "'[1,{\"a\":null}]'",
                                                            "'{''b'': 1e5}'",
                                                            "'2020-02-29T23:59:59Z'",
                                                            "'P1Y2M3DT4H5M6.5S'",
                                                            "'10.0.0.0/20'",
                                                            "'fd00::/48'",
                                                            "'Microsoft.A/b/c'",
                                                            "'{0,5:N2}{1}'",
                                                            "'{0:#,##0.00;(0)}{{'",
                                                            "'yyyy-MM-dd HH:mm:ss.FFF'",
                                                            "'http://h/a/b?c'",
                                                            "'../d'",
                                                            "'aGVsbG8='",
                                                            "'data:;base64,aGVsbG8='",
                                                            "'%41%zz%'",
                                                            "0",
                                                            "1",
                                                            "-1",
                                                            "2",
                                                            "3",
                                                            "16",
                                                            "24",
                                                            "100",
                                                            "10000",
                                                            "9223372036854775807",
                                                            "-9223372036854775808",
                                                            "1.5",
                                                            "-2e308",
                                                            "true()",
                                                            "null()",
                                                            "createArray()",
                                                            "createObject()",
                                                            "range(0,9)",
                                                            "parameters()"};
  return std::string(some[choices.below(some.size())]);
}

std::string grow(Choices& choices, int depth) {
  if (depth == 0 || choices.done() || choices.below(4) == 0) return literal(choices);
  const auto name = names()[choices.below(names().size())];
  std::string text = std::string(name) + "(";
  const std::size_t count = choices.below(5);
  for (std::size_t i = 0; i < count; i++) {
    if (i > 0) text += ',';
    const std::size_t kind = choices.below(6);
    if (kind == 0) {
      text += "lambda('x'," + grow(choices, depth - 1) + ")";
    } else if (kind == 1) {
      text += "lambda('x','i'," + grow(choices, depth - 1) + ")";
    } else if (kind == 2) {
      text += choices.below(2) == 0 ? "lambdaVariables('x')" : "lambdaVariables('i')";
    } else {
      text += grow(choices, depth - 1);
    }
  }
  text += ")";
  switch (choices.below(12)) {
    case 0:
      return text + ".a";
    case 1:
      return text + ".?list[?" + grow(choices, depth - 1) + "]";
    case 2:
      return text + "[" + grow(choices, depth - 1) + "]";
    case 3:
      return text + "[?0].?X";
    default:
      return text;
  }
}

// What there is to say of an expression's end, for comparing.
std::string run(const Expression& expression) {
  FuzzScope scope;
  const Budget full{.steps = 200'000, .bytes = 4 << 20};
  Budget budget = full;
  const auto value = expression.evaluate(scope, budget);
  CHECK(budget.steps <= full.steps && budget.bytes <= full.bytes);
  if (!value) {
    const auto& error = value.error();
    CHECK(error.kind == Kind::invalid && error.message.size() < 30'000 && is_utf8(error.message));
    return error.message;
  }
  Budget fresh = full;
  CHECK(spend_on(fresh, *value).has_value());
  const std::string text = to_text(*value);
  CHECK(is_utf8(text));
  if (const auto again = parse_json(text)) {
    CHECK(to_text(*again) == text);
  } else {
    CHECK(again.error().message.find("deep") != std::string::npos ||
          again.error().message.find("depth") != std::string::npos ||
          again.error().message.find("nest") != std::string::npos);
  }
  return text;
}

void check_text(std::string_view text) {
  (void)is_expression(text);
  CHECK(unescape(text).size() + 1 >= text.size());
  const auto start = system_clock().steady();
  const auto expression = Expression::parse(text);
  CHECK(expression.has_value() == Expression::parse(text).has_value());
  if (!expression) {
    CHECK(expression.error().code == "InvalidTemplate" && is_utf8(expression.error().message));
    CHECK(expression.error().message.size() < 2'000);
    return;
  }
  CHECK(text.size() <= text_bytes_max);
  (void)expression->literal();
  for (const auto& call : expression->calls([](std::string_view) { return true; })) {
    CHECK(call.name == to_lower(call.name));
  }
  CHECK(run(*expression) == run(*expression));
  CHECK(system_clock().steady() - start < Seconds(8));
}

void check_helpers(std::string_view text) {
  const WallTime time{Seconds(1'700'000'000)};
  if (const auto formatted = format_time(time, text)) CHECK(formatted->size() <= 10 * 200);
  (void)parse_any_duration(text);
  JsonArray arguments;
  for (const auto part : split(text.substr(0, 1000), ',')) arguments.emplace_back(part);
  if (const auto id = resource_id("s", "g", {arguments.data(), arguments.size()})) {
    CHECK(id->starts_with("/subscriptions/"));
  }
}

}  // namespace
}  // namespace pinaco::templates

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaco::templates;
  if (size == 0) return 0;
  const pinaco::ByteView rest(data + 1, size - 1);
  if (data[0] % 4 == 0) {
    check_text(pinaco::as_text(rest));
    check_helpers(pinaco::as_text(rest));
  } else {
    Choices choices(rest);
    const std::string grown = grow(choices, 6);
    check_text(grown);
    // The same with a piece of it gone, or doubled: a mistake in a good text.
    const std::size_t at = choices.below(256) * grown.size() / 256;
    const std::size_t count = 1 + choices.below(8);
    check_text(grown.substr(0, at) + grown.substr(std::min(grown.size(), at + count)));
    check_text(grown.substr(0, at) + grown.substr(at, count) + grown.substr(at));
  }
  return 0;
}
