// What the clauses of a Resource Graph query do to rows.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "provider/resource_graph_query.h"

namespace pinaco::provider {
namespace {

const Json* at_path(const JsonObject& row, const GraphPath& path) {
  const JsonObject* object = &row;
  const Json* found = nullptr;
  for (const auto& member : path.members) {
    if (object == nullptr) return nullptr;
    found = find_member(*object, member);
    if (found == nullptr) return nullptr;
    object = found->is_object() ? &found->get_object() : nullptr;
  }
  return found;
}

// Texts are compared as they are, the rest as it is written; nothing is the empty text.
std::string text_of(const Json* value) {
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? std::string(value->get_string()) : to_text(*value);
}

std::string text_at(const JsonObject& row, const GraphPath& path) {
  auto text = text_of(at_path(row, path));
  return path.lower ? to_lower(text) : text;
}

int order_of(const Json* a, const Json* b) {
  if (a != nullptr && b != nullptr && a->is_number() && b->is_number()) {
    const auto x = a->to_number<double>();
    const auto y = b->to_number<double>();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const auto x = text_of(a);
  const auto y = text_of(b);
  const int folded = to_lower(x).compare(to_lower(y));
  return folded != 0 ? folded : x.compare(y);
}

bool compare(const GraphCondition& condition, const JsonObject& row) {
  const auto& comparison = condition.comparison;
  if (comparison.size() > 1 && comparison[0] == '!' && comparison != "!=" && comparison != "!~") {
    GraphCondition plain = condition;
    plain.comparison.erase(0, 1);
    return !compare(plain, row);
  }
  const auto text = text_at(row, condition.path);
  if (comparison == "isempty") return text.empty();
  if (comparison == "isnotempty") return !text.empty();
  const bool folds = comparison != "==" && comparison != "!=" && comparison != "in";
  const auto mine = folds ? to_lower(text) : text;
  const auto any = [&](const auto& fits) {
    return std::ranges::any_of(condition.values, [&](const Json& each) {
      const auto other = folds ? to_lower(text_of(&each)) : text_of(&each);
      return fits(std::string_view(other));
    });
  };
  const auto same = [&](std::string_view other) { return mine == other; };
  if (comparison == "!=" || comparison == "!~") return !any(same);
  if (comparison == "contains" || comparison == "has") {
    return any([&](std::string_view other) { return mine.contains(other); });
  }
  if (comparison == "startswith") {
    return any([&](std::string_view other) { return mine.starts_with(other); });
  }
  if (comparison == "endswith") {
    return any([&](std::string_view other) { return mine.ends_with(other); });
  }
  if (comparison[0] == '<' || comparison[0] == '>') {
    const int order = order_of(at_path(row, condition.path), &condition.values[0]);
    if (order == 0) return comparison.ends_with('=');
    return (order < 0) == (comparison[0] == '<');
  }
  return any(same);
}

bool holds(const GraphCondition& condition, const JsonObject& row) {
  const auto each = [&](const GraphCondition& part) { return holds(part, row); };
  switch (condition.kind) {
    case GraphCondition::Kind::all:
      return std::ranges::all_of(condition.parts, each);
    case GraphCondition::Kind::any:
      return std::ranges::any_of(condition.parts, each);
    case GraphCondition::Kind::no:
      return !each(condition.parts[0]);
    case GraphCondition::Kind::compare:
      return compare(condition, row);
  }
  return false;
}

Json value_at(const JsonObject& row, const GraphPath& path) {
  if (path.lower) return Json(text_at(row, path));
  const Json* found = at_path(row, path);
  return found == nullptr ? Json(nullptr) : *found;
}

JsonObject projected(const JsonObject& row, const std::vector<GraphColumn>& columns) {
  JsonObject result;
  for (const auto& column : columns) result[column.name] = value_at(row, column.path);
  return result;
}

void set_columns(GraphTable& table, const std::vector<GraphColumn>& columns) {
  table.columns.clear();
  for (const auto& column : columns) table.columns.push_back(column.name);
}

// Equal ones keep their order.
void sort_rows(GraphTable& table, const std::vector<GraphColumn>& columns) {
  std::vector<std::size_t> order(table.rows.size());
  for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    for (const auto& column : columns) {
      const int which =
          order_of(at_path(table.rows[a], column.path), at_path(table.rows[b], column.path));
      if (which != 0) return (which < 0) == column.ascending;
    }
    return a < b;
  });
  std::vector<JsonObject> rows;
  rows.reserve(order.size());
  for (const auto at : order) rows.push_back(std::move(table.rows[at]));
  table.rows = std::move(rows);
}

// One row for each different value of the columns, with how often it is there.
void summarize(GraphTable& table, const GraphClause& clause) {
  std::map<std::string, std::size_t> seen;
  std::vector<JsonObject> groups;
  for (const auto& row : table.rows) {
    auto group = projected(row, clause.columns);
    const auto [at, fresh] = seen.emplace(to_text(group), groups.size());
    if (fresh) {
      group[clause.name] = 0;
      groups.push_back(std::move(group));
    }
    auto& count = groups[at->second][clause.name];
    count = count.to_number<std::int64_t>() + 1;
  }
  if (groups.empty() && clause.columns.empty()) groups.push_back({{clause.name, 0}});
  table.rows = std::move(groups);
  set_columns(table, clause.columns);
  table.columns.push_back(clause.name);
}

}  // namespace

GraphTable run_graph_query(const GraphQuery& query, GraphTable table) {
  for (const auto& clause : query.clauses) {
    switch (clause.kind) {
      case GraphClause::Kind::where:
        std::erase_if(table.rows,
                      [&](const JsonObject& row) { return !holds(clause.condition, row); });
        break;
      case GraphClause::Kind::project:
        for (auto& row : table.rows) row = projected(row, clause.columns);
        set_columns(table, clause.columns);
        break;
      case GraphClause::Kind::order:
        sort_rows(table, clause.columns);
        break;
      case GraphClause::Kind::take:
        if (table.rows.size() > clause.rows) table.rows.resize(clause.rows);
        break;
      case GraphClause::Kind::count: {
        const auto count = static_cast<std::int64_t>(table.rows.size());
        table = {.columns = {"Count"}, .rows = {JsonObject{{"Count", count}}}};
        break;
      }
      case GraphClause::Kind::summarize:
        summarize(table, clause);
        break;
    }
  }
  return table;
}

}  // namespace pinaco::provider
