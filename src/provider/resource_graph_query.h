// The small query language of Resource Graph: a table, and clauses that it goes through.
//
//   resources | where type =~ 'microsoft.compute/galleries' and tags['env'] in~ ('a', 'b')
//             | project name, where = location | order by name asc | take 10
//
// Pure; safe from any thread. Limits: 8 KiB of text, 64 clauses, 32 levels of parentheses. Errors:
// BadRequest with a detail InvalidQuery that says at which character.
#pragma once

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

Result<GraphQuery> parse_graph_query(std::string_view text);
GraphTable run_graph_query(const GraphQuery& query, GraphTable table);

}  // namespace pinaco::provider
