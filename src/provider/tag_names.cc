// The tag names of a subscription: those that its resources, groups and itself have, and those that
// somebody predefined, which are facts, "tags/name/<name in lower case>". Names are the same in any
// casing, values are not.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "provider/tags.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view predefined = "tags/name/";
constexpr std::size_t names_max = 1000;   // predefined ones, of a subscription
constexpr std::size_t values_max = 1000;  // predefined ones, of a name
constexpr std::size_t page_rows = 100;
constexpr std::size_t values_shown_max = 1000;  // of a name

std::string fact_of(std::string_view name) {
  return fmt::format("{}{}", predefined, to_lower(name));
}

struct Name {
  std::string shown;
  std::int64_t count = 0;
  std::map<std::string, std::int64_t, std::less<>> values;
};
using Names = std::map<std::string, Name, std::less<>>;  // by name in lower case

void add(Names& names, const Json& said) {
  for (const auto& tag : said.get_object()) {
    auto& name = names[to_lower(tag.key())];
    if (name.shown.empty()) name.shown = tag.key();
    name.count++;
    name.values[std::string(tag.value().get_string())]++;
  }
}

void add_predefined(Names& names, const Json& fact) {
  auto& name = names[to_lower(string_at(fact, "name"))];
  name.shown = string_at(fact, "name");
  for (const auto& value : fact.at("values").get_array()) {
    name.values[std::string(value.get_string())];
  }
}

Result<Names> names_in_use(const model::View& view) {
  Names names;
  add(names, TRY(tags_of_subscription(view)));
  const arm::ResourceId groups{.subscription = view.subscription(),
                               .group = {},
                               .provider = "Microsoft.Resources",
                               .types = {"resourceGroups"},
                               .names = {}};
  for (const auto& row : TRY(view.list_all(groups))) add(names, row.tags);
  for (const auto& row : TRY(view.list_group(""))) add(names, row.tags);
  return names;
}

JsonObject count_of(std::int64_t count, bool whole = true) {
  return {{"type", whole ? "Total" : "Partial"}, {"value", count}};
}

std::string id_of(std::string_view subscription, std::string_view name) {
  return fmt::format("/subscriptions/{}/tagNames/{}", subscription, name);
}

JsonObject show_value(std::string_view subscription, std::string_view name, std::string_view value,
                      std::int64_t count) {
  return {{"id", fmt::format("{}/tagValues/{}", id_of(subscription, name), value)},
          {"tagValue", value},
          {"count", count_of(count)}};
}

Json show_name(std::string_view subscription, const Name& name) {
  JsonArray values;
  for (const auto& [value, count] : name.values) {
    if (values.size() == values_shown_max) break;
    values.push_back(show_value(subscription, name.shown, value, count));
  }
  const bool whole = values.size() == name.values.size();
  return JsonObject{{"id", id_of(subscription, name.shown)},
                    {"tagName", name.shown},
                    {"count", count_of(name.count, whole)},
                    {"values", std::move(values)}};
}

// The rules of arm::check_tags(), for what comes in a path.
Result<> check_path(const Call& call) {
  const auto value = call.parts.find("value");
  return arm::check_tags(
      JsonObject{{call.parts.at("name"), value == call.parts.end() ? "" : value->second}});
}

Result<Json> find_predefined(const model::View& view, std::string_view name) {
  const auto fact = TRY(view.find_fact(fact_of(name)));
  if (fact) return *fact;
  return fail(
      arm::error(Kind::not_found, "PredefinedTagNameNotFound",
                 fmt::format("Predefined tag name '{}' could not be found.", cut_text(name, 100))));
}

Error too_many(std::string_view what, std::size_t most) {
  return arm::error(
      Kind::quota, "PredefinedTagLimitExceeded",
      fmt::format("There are {} predefined {} already, as many as there can be.", most, what));
}

JsonArray::iterator find_value(JsonArray& values, std::string_view value) {
  return std::ranges::find_if(values, [&](const Json& each) { return each.get_string() == value; });
}

}  // namespace

Result<Outcome> list_tag_names(const Call& call) {
  const auto token = call.query.find("$skiptoken");
  const std::string from = token == call.query.end() ? "" : token->second;
  Names names;
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    names = TRY(names_in_use(view));
    for (const auto& [key, fact] : TRY(view.facts(predefined))) add_predefined(names, fact);
    return {};
  }));
  JsonArray rows;
  Outcome outcome;
  for (auto each = names.lower_bound(from); each != names.end(); ++each) {
    if (rows.size() == page_rows) {
      outcome.next = each->first;
      break;
    }
    rows.push_back(show_name(call.parts.at("subscription"), each->second));
  }
  outcome.body = JsonObject{{"value", std::move(rows)}};
  return outcome;
}

Result<Outcome> put_tag_name(const Call& call) {
  TRY(check_path(call));
  const auto& name = call.parts.at("name");
  Outcome outcome;
  TRY(call.model.change(call.parts.at("subscription"), [&](model::Change& change) -> Result<> {
    Json fact = JsonObject{{"name", name}, {"values", JsonArray()}};
    const auto there = TRY(change.find_fact(fact_of(name)));
    outcome.status = there ? 200 : 201;
    if (there) {
      fact = *there;
    } else {
      if (TRY(change.facts(predefined)).size() >= names_max) {
        return fail(too_many("tag names", names_max));
      }
      TRY(change.put_fact(fact_of(name), fact));
    }
    auto names = TRY(names_in_use(change));
    add_predefined(names, fact);
    outcome.body = show_name(change.subscription(), names.at(to_lower(name)));
    return {};
  }));
  return outcome;
}

Result<Outcome> delete_tag_name(const Call& call) {
  const auto& name = call.parts.at("name");
  Outcome outcome{.status = 204};
  TRY(call.model.change(call.parts.at("subscription"), [&](model::Change& change) -> Result<> {
    outcome.status = 204;
    const auto fact = TRY(change.find_fact(fact_of(name)));
    if (TRY(names_in_use(change)).contains(to_lower(name))) {
      return fail(arm::error(Kind::conflict, "TagNameInUse",
                             fmt::format("The tag name '{}' cannot be deleted. It is associated to "
                                         "one or more resources.",
                                         cut_text(name, 100))));
    }
    if (!fact) return {};
    if (!fact->at("values").get_array().empty()) {
      return fail(arm::error(Kind::conflict, "TagNameHasValues",
                             fmt::format("The tag name '{}' cannot be deleted. It has predefined "
                                         "values: delete them first.",
                                         cut_text(name, 100))));
    }
    outcome.status = 200;
    return change.erase_fact(fact_of(name));
  }));
  return outcome;
}

Result<Outcome> put_tag_value(const Call& call) {
  TRY(check_path(call));
  const auto& name = call.parts.at("name");
  const auto& value = call.parts.at("value");
  Outcome outcome;
  TRY(call.model.change(call.parts.at("subscription"), [&](model::Change& change) -> Result<> {
    outcome.status = 200;
    Json fact = TRY(find_predefined(change, name));
    auto& values = fact.at("values").get_array();
    if (find_value(values, value) == values.end()) {
      if (values.size() >= values_max) return fail(too_many("values of the tag name", values_max));
      values.emplace_back(value);
      outcome.status = 201;
      TRY(change.put_fact(fact_of(name), fact));
    }
    auto names = TRY(names_in_use(change));
    outcome.body = show_value(change.subscription(), string_at(fact, "name"), value,
                              names[to_lower(name)].values[value]);
    return {};
  }));
  return outcome;
}

Result<Outcome> delete_tag_value(const Call& call) {
  const auto& name = call.parts.at("name");
  const auto& value = call.parts.at("value");
  Outcome outcome{.status = 204};
  TRY(call.model.change(call.parts.at("subscription"), [&](model::Change& change) -> Result<> {
    outcome.status = 204;
    auto used = TRY(names_in_use(change));
    if (used[to_lower(name)].values.contains(value)) {
      return fail(arm::error(Kind::conflict, "TagValueInUse",
                             fmt::format("The tag cannot be deleted. It is associated to one or "
                                         "more resources. Tag name '{}' and tag value '{}'.",
                                         cut_text(name, 100), cut_text(value, 100))));
    }
    Json fact = TRY(find_predefined(change, name));
    auto& values = fact.at("values").get_array();
    const auto there = find_value(values, value);
    if (there == values.end()) return {};
    values.erase(there);
    outcome.status = 200;
    return change.put_fact(fact_of(name), fact);
  }));
  return outcome;
}

}  // namespace pinaco::provider
