// Any text as a Resource Graph query: the parser never crashes, keeps its limits, and what it
// accepts can be run.
#include "base/text.h"
#include "provider/resource_graph_query.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaco;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto query = provider::parse_graph_query(text);
  if (!query) {
    CHECK(query.error().code == "BadRequest" && query.error().details.size() == 1);
    return 0;
  }
  CHECK(query->clauses.size() <= 64 && size <= 8192);
  const JsonObject row{{"name", "a"}, {"tags", JsonObject{{"env", "x"}}}, {"size", 1}};
  provider::GraphBudget budget(2, 1 << 20);
  const auto result =
      provider::run_graph_query(*query, {.columns = {"name"}, .rows = {row, JsonObject()}}, budget);
  CHECK(result && result->rows.size() <= 2);
  return 0;
}
