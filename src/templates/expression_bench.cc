// How many expressions are evaluated a second, on one thread: typical ones of published templates,
// parsed once, with a scope that knows its parameters, variables and resource group.
//
//   bench_expression [SECONDS]
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/clock.h"
#include "base/text.h"
#include "templates/templates.h"

namespace pinaco::templates {
namespace {

constexpr double evaluations_a_second = 100'000;  // the bar

class BenchScope final : public Scope {
 public:
  std::optional<Result<Json>> call(std::string_view name,
                                   std::span<const Json> arguments) override {
    if (name == "resourcegroup") return Result<Json>(group_);
    if (name == "parameters" || name == "variables") {
      const auto* value = values_.if_contains(std::string_view(arguments[0].get_string()));
      if (value != nullptr) return Result<Json>(*value);
    }
    if (name == "resourceid") {
      auto id = resource_id("00000000-0000-0000-0000-000000000000", "rg", arguments);
      if (id) return Result<Json>(Json(*id));
    }
    return std::nullopt;
  }

 private:
  Json group_ =
      JsonObject{{"id", "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg"},
                 {"name", "rg"},
                 {"location", "westeurope"},
                 {"tags", JsonObject{{"env", "test"}}}};
  JsonObject values_ = {
      {"a", "storage"}, {"count", 3}, {"names", JsonArray{"one", "two", "three"}}};
};

int run(double seconds) {
  constexpr std::array<std::string_view, 5> texts = {
      "concat(parameters('a'), '-', uniqueString(resourceGroup().id))",
      "resourceId('Microsoft.Network/virtualNetworks/subnets', variables('a'), 'default')",
      "format('{0}-{1:D4}', toLower(parameters('a')), add(parameters('count'), 1))",
      "if(and(equals(parameters('count'), 3), not(empty(parameters('a')))), 'yes', 'no')",
      "map(parameters('names'), lambda('x', concat(lambdaVariables('x'), '-disk')))"};
  double slowest = 1e12;
  BenchScope scope;
  for (const auto text : texts) {
    const auto expression = Expression::parse(text);
    CHECK(expression.has_value());
    const auto start = system_clock().steady();
    std::chrono::duration<double> passed{};
    std::int64_t count = 0;
    while (passed.count() < seconds) {
      for (int i = 0; i < 1000; i++, count++) {
        Budget budget;
        CHECK(expression->evaluate(scope, budget).has_value());
      }
      passed = system_clock().steady() - start;
    }
    const double rate = static_cast<double>(count) / passed.count();
    slowest = std::min(slowest, rate);
    fmt::print("  {:9.0f} a second  {}\n", rate, text);
  }
  fmt::print("  slowest {:.0f} evaluations a second (bar {:.0f})\n", slowest, evaluations_a_second);
  return slowest >= evaluations_a_second ? 0 : 1;
}

}  // namespace
}  // namespace pinaco::templates

int main(int count, char** arguments) {
  const auto seconds = count > 1 ? pinaco::parse_int(arguments[1], 1, 60) : 1;
  if (!seconds) return 2;
  return pinaco::templates::run(static_cast<double>(*seconds));
}
