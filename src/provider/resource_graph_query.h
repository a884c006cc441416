// The small query language of Resource Graph: a table, and clauses that it goes through.
//
//   resources | where type =~ 'microsoft.compute/galleries' and tags['env'] in~ ('a', 'b')
//             | project name, where = location | order by name asc | take 10
//
// Pure; safe from any thread. Limits: 8 KiB of text, 64 clauses, 32 levels of parentheses, and what
// a GraphBudget allows. Errors: BadRequest with a detail InvalidQuery that says at which character,
// or ResponsePayloadTooLarge.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace pinaco::provider {

struct GraphPath {
  std::vector<std::string> members;  // tags['env'] is tags, env
  bool lower = false;                // tolower(…)
};

struct GraphCondition {
  enum class Kind { all, any, no, compare };
  Kind kind = Kind::all;
  std::vector<GraphCondition> parts = {};
  GraphPath path = {};
  std::string comparison = {};  // "==", "in~", "isempty", lower case
  std::vector<Json> values = {};
};

struct GraphColumn {
  std::string name;
  GraphPath path;
  bool ascending = false;  // of order by
};

struct GraphClause {
  enum class Kind { where, project, order, take, count, summarize };
  Kind kind = Kind::where;
  GraphCondition condition = {};
  std::vector<GraphColumn> columns = {};
  std::size_t rows = 0;   // of take
  std::string name = {};  // of the count of summarize
};

struct GraphQuery {
  std::string table;  // lower case
  std::vector<GraphClause> clauses;
};

struct GraphTable {
  std::vector<std::string> columns;
  std::vector<JsonObject> rows;
};

// About the bytes of memory that a value takes.
std::size_t bytes_of(const Json& value);
std::size_t bytes_of(const JsonObject& object);

// What a query may hold at once.
class GraphBudget {
 public:
  GraphBudget(std::size_t rows_max, std::size_t bytes_max)
      : rows_max_(rows_max), bytes_max_(bytes_max) {}
  Result<> add(std::size_t bytes);
  void remove(std::size_t bytes) { bytes_ -= std::min(bytes, bytes_); }
  // Into the table, which grows only here.
  Result<> add_row(GraphTable& table, JsonObject row);

 private:
  std::size_t rows_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
};
// BadRequest, with that detail.
Error payload_too_large(std::string_view what);

Result<GraphQuery> parse_graph_query(std::string_view text);
// Whether the first clauses keep the row: what they drop need not be held at all.
bool passes(const GraphQuery& query, const JsonObject& row);
// Of a row that is to be held, drops what no clause looks at and no result shows; not the id.
void drop_unused(const GraphQuery& query, JsonObject& row);
// The table's rows are in the budget already.
Result<GraphTable> run_graph_query(const GraphQuery& query, GraphTable table, GraphBudget& budget);

}  // namespace pinaco::provider
