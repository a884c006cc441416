// What the clauses of a Resource Graph query do to rows.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "arm/arm.h"
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

// What it copies is in the budget before it is copied.
Result<JsonObject> projected(const JsonObject& row, const std::vector<GraphColumn>& columns,
                             GraphBudget& budget) {
  JsonObject result;
  TRY(budget.add(bytes_of(result)));
  for (const auto& column : columns) {
    const Json* found = at_path(row, column.path);
    JsonObject one{{column.name, column.path.lower ? Json(text_at(row, column.path)) : Json()}};
    TRY(budget.add(bytes_of(one) - bytes_of(JsonObject())));
    if (!column.path.lower && found != nullptr) {
      TRY(budget.add(bytes_of(*found)));
      one.begin()->value() = *found;
    }
    result[column.name] = std::move(one.begin()->value());
  }
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
Result<> summarize(GraphTable& table, const GraphClause& clause, GraphBudget& budget) {
  std::map<std::string, std::size_t> seen;
  std::vector<JsonObject> groups;
  for (const auto& row : table.rows) {
    auto group = TRY(projected(row, clause.columns, budget));
    const auto bytes = bytes_of(group);
    auto text = to_text(group);
    const auto key_bytes = text.size();
    const auto [at, fresh] = seen.emplace(std::move(text), groups.size());
    if (fresh) {
      TRY(budget.add(key_bytes));
      group[clause.name] = 0;
      groups.push_back(std::move(group));
    } else {
      budget.remove(bytes);
    }
    auto& count = groups[at->second][clause.name];
    count = count.to_number<std::int64_t>() + 1;
  }
  if (groups.empty() && clause.columns.empty()) groups.push_back({{clause.name, 0}});
  for (const auto& row : table.rows) budget.remove(bytes_of(row));
  table.rows = std::move(groups);
  set_columns(table, clause.columns);
  table.columns.push_back(clause.name);
  return {};
}

bool shows_only_columns(const GraphClause& clause) {
  return clause.kind == GraphClause::Kind::project || clause.kind == GraphClause::Kind::count ||
         clause.kind == GraphClause::Kind::summarize;
}

bool looks_at(const GraphCondition& condition, std::string_view member) {
  return (!condition.path.members.empty() && iequals(condition.path.members[0], member)) ||
         std::ranges::any_of(condition.parts,
                             [&](const GraphCondition& part) { return looks_at(part, member); });
}

// Whether a clause before the result's columns are others, or the one that chooses them, names it.
bool uses(const GraphQuery& query, std::string_view member) {
  for (const auto& clause : query.clauses) {
    if (looks_at(clause.condition, member)) return true;
    for (const auto& column : clause.columns) {
      if (!column.path.members.empty() && iequals(column.path.members[0], member)) return true;
    }
    if (shows_only_columns(clause)) return false;
  }
  return true;
}

}  // namespace

std::size_t bytes_of(const JsonObject& object) {
  std::size_t bytes = sizeof(JsonObject);
  for (const auto& each : object) {
    bytes += sizeof(boost::json::key_value_pair) + each.key().size() + bytes_of(each.value()) -
             sizeof(Json);
  }
  return bytes;
}

std::size_t bytes_of(const Json& value) {
  std::size_t bytes = sizeof(Json);
  if (value.is_string()) bytes += value.get_string().size();
  if (value.is_object()) bytes += bytes_of(value.get_object());
  if (value.is_array()) {
    for (const Json& each : value.get_array()) bytes += bytes_of(each);
  }
  return bytes;
}

Error payload_too_large(std::string_view what) {
  auto error = arm::error(Kind::invalid, "BadRequest",
                          "The query needs more than one query may: see the details.");
  error.details.push_back(arm::error(
      Kind::invalid, "ResponsePayloadTooLarge",
      fmt::format("{}. Please consider querying less data at a time: name subscriptions in the "
                  "body, begin with where, and project the columns that are needed.",
                  what)));
  return error;
}

Result<> GraphBudget::add(std::size_t bytes) {
  if (bytes > bytes_max_ - std::min(bytes_, bytes_max_)) {
    return fail(payload_too_large(
        fmt::format("The rows of the query have more than the limit of {} bytes", bytes_max_)));
  }
  bytes_ += bytes;
  return {};
}

Result<> GraphBudget::add_row(GraphTable& table, JsonObject row) {
  if (table.rows.size() >= rows_max_) {
    return fail(payload_too_large(
        fmt::format("The query goes through more than the limit of {} rows", rows_max_)));
  }
  TRY(add(bytes_of(row)));
  table.rows.push_back(std::move(row));
  return {};
}

bool passes(const GraphQuery& query, const JsonObject& row) {
  for (const auto& clause : query.clauses) {
    if (clause.kind != GraphClause::Kind::where) return true;
    if (!holds(clause.condition, row)) return false;
  }
  return true;
}

void drop_unused(const GraphQuery& query, JsonObject& row) {
  if (std::ranges::none_of(query.clauses, shows_only_columns)) return;
  JsonObject kept;
  for (auto& each : row) {
    if (iequals(std::string_view(each.key()), "id") || uses(query, each.key())) {
      kept[each.key()] = std::move(each.value());
    }
  }
  row = std::move(kept);
}

Result<GraphTable> run_graph_query(const GraphQuery& query, GraphTable table, GraphBudget& budget) {
  for (const auto& clause : query.clauses) {
    switch (clause.kind) {
      case GraphClause::Kind::where:
        std::erase_if(table.rows, [&](const JsonObject& row) {
          const bool goes = !holds(clause.condition, row);
          if (goes) budget.remove(bytes_of(row));
          return goes;
        });
        break;
      case GraphClause::Kind::project:
        for (auto& row : table.rows) {
          auto shown = TRY(projected(row, clause.columns, budget));
          budget.remove(bytes_of(row));
          row = std::move(shown);
        }
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
        TRY(summarize(table, clause, budget));
        break;
    }
  }
  return table;
}

}  // namespace pinaco::provider
