#include "provider/resource_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "provider/galleries.h"
#include "provider/resource_graph_query.h"
#include "provider/sharing.h"
#include "provider/tags.h"

namespace pinaco::provider {
namespace {

constexpr std::int64_t skipped_max = 1'000'000;
constexpr std::int64_t page_rows_max = 1000;
constexpr std::size_t page_bytes_max = 16 << 20;
constexpr std::size_t read_page = 500;  // rows of a subscription in memory at once
constexpr std::size_t galleries_page = 100;

const std::vector<std::string> resource_columns = {
    "id",        "name",     "type",          "tenantId",
    "kind",      "location", "resourceGroup", "subscriptionId",
    "managedBy", "sku",      "plan",          "properties",
    "tags",      "identity", "zones",         "extendedLocation"};

Error bad_request(std::string message) {
  return arm::error(Kind::invalid, "BadRequest", std::move(message));
}

// The subscriptions of the caller's tenant, or those of them that the body names.
Result<std::vector<identity::Subscription>> subscriptions_of(const Call& call) {
  const auto everybody = TRY(call.access.directory().roster());
  std::vector<identity::Subscription> found;
  const auto named = [&](const char* member) -> Result<std::set<std::string>> {
    std::set<std::string> names;
    const Json* list = find_path(call.body, member);
    if (list == nullptr || list->is_null()) return names;
    if (!list->is_array() || list->get_array().size() > 1000) {
      return fail(bad_request(fmt::format("'{}' is a list of at most 1000 texts.", member)));
    }
    for (const Json& each : list->get_array()) {
      if (!each.is_string()) {
        return fail(bad_request(fmt::format("'{}' is a list of texts.", member)));
      }
      names.insert(to_lower(each.get_string()));
    }
    return names;
  };
  const auto wanted = TRY(named("subscriptions"));
  std::set<std::string> groups;
  for (const auto& id : TRY(named("managementGroups"))) {
    groups.insert(access::scope_key(call.caller.tenant, access::management_group_scope(id)));
  }
  for (const auto& [id, each] : everybody->subscriptions()) {
    if (each.tenant != call.caller.tenant) continue;
    if (!wanted.empty() && !wanted.contains(id)) continue;
    if (!groups.empty()) {
      const auto keys = TRY(call.access.scope_keys(call.caller.tenant, "/subscriptions/" + id));
      if (std::ranges::none_of(keys, [&](const auto& key) { return groups.contains(key); })) {
        continue;
      }
    }
    found.push_back(each);
  }
  return found;
}

JsonObject row_of(const identity::Subscription& subscription, std::string id, std::string name,
                  std::string_view type, std::string_view location, std::string_view group) {
  return {{"id", std::move(id)},
          {"name", std::move(name)},
          {"type", to_lower(type)},
          {"tenantId", subscription.tenant},
          {"kind", ""},
          {"location", location},
          {"resourceGroup", to_lower(group)},
          {"subscriptionId", subscription.id},
          {"managedBy", ""},
          {"sku", nullptr},
          {"plan", nullptr},
          {"properties", JsonObject()},
          {"tags", nullptr},
          {"identity", nullptr},
          {"zones", nullptr},
          {"extendedLocation", nullptr}};
}

// The table of a query while it is read: what the query drops at once is not held.
struct Reading {
  const Call& call;
  const GraphQuery& query;
  GraphBudget budget;
  GraphTable table = {.columns = resource_columns, .rows = {}};

  Result<> add(JsonObject row) {
    if (!passes(query, row)) return {};
    drop_unused(query, row);
    return budget.add_row(table, std::move(row));
  }
};

// Calls for each row of a collection, also below: a page at a time.
Result<> each_row(const model::View& view, const arm::ResourceId& collection,
                  const std::function<Result<>(const model::Resource&)>& function) {
  std::string from;
  do {
    const auto page = TRY(view.list(collection, from, read_page));
    for (const auto& row : page.rows) TRY(function(row));
    from = page.next;
  } while (!from.empty());
  return {};
}

Result<> add_resources(Reading& reading, const identity::Subscription& subscription) {
  const Call& call = reading.call;
  Call newest = call;
  newest.body = nullptr;
  newest.query.clear();
  return call.model.read(subscription.id, [&](const model::View& view) -> Result<> {
    for (const auto& type : types()) {
      arm::ResourceId collection{.subscription = subscription.id,
                                 .group = {},
                                 .provider = std::string(type.provider),
                                 .types = {},
                                 .names = {}};
      for (const auto part : split(type.type, '/')) collection.types.emplace_back(part);
      newest.api_version = type.api_versions.back();
      TRY(each_row(view, collection, [&](const model::Resource& row) -> Result<> {
        if (!TRY(call.may_read(row.id))) return {};
        auto shown = row_of(subscription, row.id.text(), row.id.name(), row.id.full_type(),
                            row.location, row.id.group);
        shown["properties"] = TRY(show(type, newest, row))
        .as_object()["properties"];
        if (!row.tags.get_object().empty()) shown["tags"] = row.tags;
        shown["sku"] = row.sku;
        shown["zones"] = row.zones;
        return reading.add(std::move(shown));
      }));
    }
    return {};
  });
}

Result<> add_containers(Reading& reading, const identity::Subscription& subscription) {
  const Call& call = reading.call;
  if (TRY(call.access.sees_subscription(call.caller, subscription.id))) {
    auto row = row_of(subscription, "/subscriptions/" + subscription.id, subscription.name,
                      "microsoft.resources/subscriptions", "", "");
    const Json tags = TRY(tags_of_subscription(call.model, subscription.id));
    if (!tags.get_object().empty()) row["tags"] = tags;
    TRY(reading.add(std::move(row)));
  }
  const arm::ResourceId groups{.subscription = subscription.id,
                               .group = {},
                               .provider = "Microsoft.Resources",
                               .types = {"resourceGroups"},
                               .names = {}};
  return call.model.read(subscription.id, [&](const model::View& view) -> Result<> {
    return each_row(view, groups, [&](const model::Resource& group) -> Result<> {
      if (!TRY(call.access.allows(call.caller,
                                  "Microsoft.Resources/subscriptions/resourceGroups/read",
                                  group.id.text()))) {
        return {};
      }
      auto row = row_of(subscription, group.id.text(), group.id.group,
                        "microsoft.resources/subscriptions/resourcegroups", group.location,
                        group.id.group);
      row["properties"] = JsonObject{{"provisioningState", group.provisioning}};
      if (!group.tags.get_object().empty()) row["tags"] = group.tags;
      return reading.add(std::move(row));
    });
  });
}

// Everybody may see these, in each location; the rows do not say whose they are.
Result<> add_community(Reading& reading) {
  const Call& call = reading.call;
  const identity::Subscription nobodys{.id = {}, .tenant = {}, .name = {}};
  for (const auto& [name, gallery] : TRY(list_community_galleries(call))) {
    for (const auto& location : call.world.locations) {
      auto row = row_of(nobodys,
                        fmt::format("/providers/Microsoft.Compute/locations/{}/communityGalleries/"
                                    "{}",
                                    location.name, name),
                        name, "microsoft.compute/locations/communitygalleries", location.name, "");
      const Json shown = show_community_gallery(gallery, name, location.name);
      row["properties"] = *find_path(shown, "properties");
      set_path(row["properties"], "identifier", *find_path(shown, "identifier"));
      TRY(reading.add(std::move(row)));
    }
  }
  return {};
}

Result<> read_table(Reading& reading) {
  const auto& name = reading.query.table;
  if (name == "communitygalleryresources") return add_community(reading);
  for (const auto& subscription : TRY(subscriptions_of(reading.call))) {
    TRY(name == "resources" ? add_resources(reading, subscription)
                            : add_containers(reading, subscription));
  }
  return {};
}

Result<std::int64_t> option_of(const Call& call, const char* name, std::int64_t otherwise,
                               std::int64_t low, std::int64_t high) {
  const Json* options = find_path(call.body, "options");
  const Json* value = options != nullptr && options->is_object()
                          ? find_member(options->get_object(), name)
                          : nullptr;
  if (value == nullptr || value->is_null()) return otherwise;
  if (value->is_int64() && value->get_int64() >= low && value->get_int64() <= high) {
    return value->get_int64();
  }
  return fail(bad_request(fmt::format("'{}' must be a number from {} to {}.", name, low, high)));
}

// A page's continuation is where it starts: the rows are in the order of their ids unless the query
// has its own.
Result<std::int64_t> skipped(const Call& call) {
  const Json* options = find_path(call.body, "options");
  const Json* token = options != nullptr && options->is_object()
                          ? find_member(options->get_object(), "$skipToken")
                          : nullptr;
  if (token == nullptr || !token->is_string()) {
    return option_of(call, "$skip", 0, 0, skipped_max);
  }
  const auto bytes = from_base64url(std::string_view(token->get_string()));
  const auto at = bytes ? parse_int(as_text(*bytes), 0, skipped_max) : std::nullopt;
  if (!at) return fail(bad_request("The $skipToken is not one that a query returned."));
  return *at;
}

std::string_view type_of(const GraphTable& table, const std::string& column) {
  for (const auto& row : table.rows) {
    const Json* value = find_member(row, column);
    if (value == nullptr || value->is_null()) continue;
    if (value->is_number()) return "integer";
    if (value->is_bool()) return "boolean";
    return value->is_string() ? "string" : "object";
  }
  return "string";
}

Json show_table(const GraphTable& table) {
  JsonArray columns, rows;
  for (const auto& name : table.columns) {
    columns.push_back(JsonObject{{"name", name}, {"type", type_of(table, name)}});
  }
  for (const auto& row : table.rows) {
    JsonArray cells;
    for (const auto& name : table.columns) {
      const Json* value = find_member(row, name);
      cells.push_back(value == nullptr ? Json(nullptr) : *value);
    }
    rows.push_back(std::move(cells));
  }
  return JsonObject{{"columns", std::move(columns)}, {"rows", std::move(rows)}};
}

}  // namespace

Result<Outcome> query_resource_graph(const Call& call) {
  const auto query = TRY(parse_graph_query(string_at(call.body, "query")));
  const auto top = TRY(option_of(call, "$top", page_rows_max, 1, page_rows_max));
  const auto skip = TRY(skipped(call));
  const auto format = string_at(call.body, "options.resultFormat");
  if (!format.empty() && !iequals(format, "table") && !iequals(format, "objectArray")) {
    return fail(bad_request("'resultFormat' is table or objectArray."));
  }
  Reading reading{.call = call,
                  .query = query,
                  .budget = {call.world.graph_rows_max, call.world.graph_bytes_max}};
  TRY(read_table(reading));
  std::ranges::sort(reading.table.rows, {},
                    [](const JsonObject& row) { return to_lower(row.at("id").get_string()); });
  auto result = TRY(run_graph_query(query, std::move(reading.table), reading.budget));
  const auto total = static_cast<std::int64_t>(result.rows.size());
  const auto begin = std::min(skip, total);
  const auto end = std::min(begin + top, total);
  result.rows.erase(result.rows.begin() + end, result.rows.end());
  result.rows.erase(result.rows.begin(), result.rows.begin() + begin);
  std::size_t bytes = 0;
  for (const auto& row : result.rows) bytes += bytes_of(row);
  if (bytes > page_bytes_max) {
    return fail(payload_too_large(fmt::format(
        "Response payload size is {}, and has exceeded the limit of {}", bytes, page_bytes_max)));
  }
  JsonObject body{
      {"totalRecords", total},
      {"count", end - begin},
      {"data", iequals(format, "table") ? show_table(result)
                                        : Json(JsonArray(result.rows.begin(), result.rows.end()))},
      {"facets", JsonArray()},
      {"resultTruncated", "false"}};
  if (end < total) body["$skipToken"] = to_base64url(as_bytes(std::to_string(end)));
  return Outcome{.body = std::move(body)};
}

// A page goes on in a subscription, after one of its galleries.
Result<Outcome> list_all_galleries(const Call& call) {
  const auto everybody = TRY(call.access.directory().roster());
  const auto token = call.query.find("$skiptoken");
  std::string start, from;
  if (token != call.query.end()) {
    const auto colon = token->second.find(':');
    start = token->second.substr(0, colon);
    if (colon != std::string::npos) from = token->second.substr(colon + 1);
  }
  JsonArray rows;
  Outcome outcome;
  for (const auto& [id, subscription] : everybody->subscriptions()) {
    if (subscription.tenant != call.caller.tenant || id < start) continue;
    if (id != start) from.clear();
    const arm::ResourceId all{.subscription = id,
                              .group = {},
                              .provider = "Microsoft.Compute",
                              .types = {"galleries"},
                              .names = {}};
    TRY(call.model.read(id, [&](const model::View& view) -> Result<> {
      do {
        const auto page = TRY(view.list(all, from, galleries_page - rows.size()));
        for (const auto& row : page.rows) {
          if (TRY(call.may_read(row.id))) rows.push_back(TRY(show(galleries, call, row)));
        }
        from = page.next;
      } while (!from.empty() && rows.size() < galleries_page);
      return {};
    }));
    if (rows.size() < galleries_page) continue;
    // The next subscription starts at its beginning.
    const auto after = std::next(everybody->subscriptions().find(id));
    if (!from.empty()) {
      outcome.next = id + ":" + from;
    } else if (after != everybody->subscriptions().end()) {
      outcome.next = after->first;
    }
    break;
  }
  outcome.body = JsonObject{{"value", std::move(rows)}};
  return outcome;
}

}  // namespace pinaco::provider
