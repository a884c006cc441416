// What the activity log shows: the newest first, in pages, with the usual $filter.
#include "provider/activity.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "provider/platform.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t page_rows = 200;
constexpr std::string_view right_to_read = "Microsoft.Insights/eventtypes/values/read";

struct Condition {
  std::string name;  // lower case
  std::string value;
};

struct EventFilter {
  WallTime from = {};
  WallTime to = {};
  std::vector<Condition> conditions;
};

Error bad_filter(std::string_view part) {
  return arm::error(
      Kind::invalid, "BadRequest",
      fmt::format("The filter '{}' is not understood here: use eventTimestamp with ge and le, and "
                  "resourceGroupName, resourceUri, caller, status or correlationId with eq, joined "
                  "by and.",
                  part.substr(0, 200)));
}

Result<EventFilter> parse_event_filter(const Call& call) {
  const auto now = call.model.clock().now();
  EventFilter filter{
      .from = now - activity_kept, .to = now + std::chrono::minutes(1), .conditions = {}};
  const auto found = call.query.find("$filter");
  std::string_view text = found == call.query.end() ? std::string_view() : found->second;
  if (text.size() > activity_text_bytes_max) return fail(bad_filter(text));
  while (!trim(text).empty()) {
    const auto end = to_lower(text).find(" and ");
    const auto part = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 5);
    const auto space = part.find(' ');
    if (space == std::string_view::npos) return fail(bad_filter(part));
    const auto name = to_lower(part.substr(0, space));
    const auto rest = trim(part.substr(space));
    const auto comparison = to_lower(rest.substr(0, rest.find(' ')));
    auto value = trim(rest.substr(std::min(comparison.size(), rest.size())));
    if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'') {
      value = value.substr(1, value.size() - 2);
    }
    if (name == "eventtimestamp" && (comparison == "ge" || comparison == "le")) {
      const auto time = parse_iso8601(value);
      if (!time) return fail(bad_filter(part));
      if (comparison == "ge") {
        filter.from = std::max(filter.from, *time);
      } else {
        filter.to = std::min(filter.to, *time);
      }
      continue;
    }
    if (comparison != "eq") return fail(bad_filter(part));
    if (name == "eventchannels") continue;  // there is but one
    for (const char* known :
         {"resourcegroupname", "resourceuri", "caller", "status", "correlationid"}) {
      if (name == known) filter.conditions.push_back({name, std::string(value)});
    }
    if (filter.conditions.empty() || filter.conditions.back().name != name) {
      return fail(bad_filter(part));
    }
  }
  return filter;
}

std::string group_of(std::string_view resource) {
  const auto parts = split(resource, '/');
  return parts.size() > 4 && iequals(parts[3], "resourceGroups") ? std::string(parts[4]) : "";
}

bool fits(const Json& event, const EventFilter& filter) {
  return std::ranges::all_of(filter.conditions, [&](const Condition& each) {
    if (each.name == "caller") {
      for (const char* member : {"oid", "name", "app"}) {
        if (iequals(string_at(event, member), each.value)) return true;
      }
      return false;
    }
    const auto resource = string_at(event, "resource");
    return each.name == "resourcegroupname" ? iequals(group_of(resource), each.value)
           : each.name == "resourceuri"     ? iequals(resource, each.value)
           : each.name == "status"          ? iequals(string_at(event, "status"), each.value)
                                            : iequals(string_at(event, "correlation"), each.value);
  });
}

JsonObject both(std::string_view value) {
  return {{"value", value}, {"localizedValue", value}};
}

// The name without what the log's names start with.
Json show_event(const Call& call, std::string_view name, const Json& event) {
  const auto resource = string_at(event, "resource");
  const auto operation = string_at(event, "operation");
  const auto subscription = call.parts.find("subscription");
  const auto type = operation.substr(0, operation.rfind('/'));
  const bool failed = string_at(event, "status") == "Failed";
  const auto user = bool_at(event, "user");
  const Json* details = find_path(event, "details");
  auto properties = details == nullptr ? JsonObject() : details->get_object();
  properties["statusCode"] = fmt::to_string(int_at(event, "http"));
  if (failed) properties["statusMessage"] = string_at(event, "code");
  if (const auto times = int_at(event, "repeated"); times > 0) {
    properties["repeated"] = fmt::to_string(times);  // refusals after this one, not shown
  }
  return JsonObject{
      {"authorization", JsonObject{{"action", operation}, {"scope", resource}}},
      {"caller", string_at(event, user ? "name" : "oid")},
      {"channels", "Operation"},
      {"claims", JsonObject{{"appid", string_at(event, "app")},
                            {"name", string_at(event, "name")},
                            {"http://schemas.microsoft.com/identity/claims/objectidentifier",
                             string_at(event, "oid")}}},
      {"correlationId", string_at(event, "correlation")},
      {"description", ""},
      {"eventDataId", name},
      {"eventName", both("EndRequest")},
      {"category", both("Administrative")},
      {"httpRequest", JsonObject{{"clientIpAddress", string_at(event, "ip")},
                                 {"method", string_at(event, "method")}}},
      {"id", fmt::format("{}/events/{}", resource, name)},
      {"level", failed ? "Error" : "Informational"},
      {"resourceGroupName", group_of(resource)},
      {"resourceProviderName", both(operation.substr(0, operation.find('/')))},
      {"resourceId", resource},
      {"resourceType", both(type)},
      {"operationId", string_at(event, "correlation")},
      {"operationName", both(operation)},
      {"properties", std::move(properties)},
      {"status", both(string_at(event, "status"))},
      {"subStatus", both(fmt::to_string(int_at(event, "http")))},
      {"eventTimestamp", string_at(event, "time")},
      {"submissionTimestamp", string_at(event, "time")},
      {"subscriptionId", subscription == call.parts.end() ? "" : subscription->second},
      {"tenantId", call.caller.tenant}};
}

// Those of a span of time, the newest first. The rows are in the order of time, so the span is read
// in pieces that grow backwards: the first ones answer most.
class Backwards {
 public:
  Backwards(const ActivityLog& log, const model::View& view, std::string from, std::string to,
            WallTime end)
      : log_(log), view_(view), from_(std::move(from)), to_(std::move(to)), end_(end) {}

  // Calls for each until it says false.
  Result<> each(const std::function<bool(const std::string&, const Json&)>& function) {
    auto step = std::chrono::seconds(60);
    while (to_ > from_) {
      end_ -= step;
      step *= 4;
      const auto begin = std::max(log_.name_of(end_), from_);
      std::vector<std::pair<std::string, Json>> rows;
      for (auto at = begin;;) {
        auto some = TRY(view_.facts_between(at, to_, 1000));
        const bool last = some.size() < 1000;
        std::ranges::move(some, std::back_inserter(rows));
        if (last) break;
        at = rows.back().first + '\0';
      }
      for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
        if (!function(row->first, row->second)) return {};
      }
      to_ = begin;
    }
    return {};
  }

 private:
  const ActivityLog& log_;
  const model::View& view_;
  std::string from_;
  std::string to_;
  WallTime end_;
};

using Shows = std::function<bool(const Json& event)>;

Result<Outcome> list_log(const Call& call, const ActivityLog& log, const Shows& shows) {
  const auto filter = TRY(parse_event_filter(call));
  auto from = log.name_of(filter.from);
  auto to = log.name_of(filter.to + std::chrono::microseconds(1));
  auto end = filter.to;
  if (const auto token = call.query.find("$skiptoken"); token != call.query.end()) {
    // The name of the last one of the page before.
    const auto micros = token->second.size() == 27
                            ? parse_int(token->second.substr(0, 20), 0, INT64_MAX)
                            : std::nullopt;
    if (!micros || !parse_int(token->second.substr(21), 0, 999'999)) {
      return fail(arm::invalid_parameter("$skiptoken", "It is not one that a page ended with."));
    }
    to = std::min(to, log.rows + token->second);
    end = std::min(end, WallTime(std::chrono::microseconds(*micros)));
  }
  Outcome outcome;
  TRY(call.model.read(log.shard, [&](const model::View& view) -> Result<> {
    JsonArray rows;
    std::string last;
    outcome.next.clear();
    TRY(Backwards(log, view, from, to, end).each([&](const std::string& name, const Json& event) {
      if (!shows(event) || !fits(event, filter)) return true;
      if (rows.size() == page_rows) {
        outcome.next = last;
        return false;
      }
      last = name.substr(log.rows.size());
      rows.push_back(show_event(call, last, event));
      return true;
    }));
    outcome.body = JsonObject{{"value", std::move(rows)}};
    return {};
  }));
  return outcome;
}

// The management group that an event is about, in lower case; empty: the tenant's root.
std::string group_at(const Json& event) {
  constexpr std::string_view start = "/providers/microsoft.management/managementgroups/";
  const auto resource = to_lower(string_at(event, "resource"));
  if (!resource.starts_with(start)) return "";
  return resource.substr(start.size(), resource.find('/', start.size()) - start.size());
}

}  // namespace

Result<Outcome> list_activity(const Call& call) {
  return list_log(call, ActivityLog::of_subscription(call.parts.at("subscription")),
                  [](const Json&) { return true; });
}

// Of management groups that are gone only those see it who may read at the root.
Result<Outcome> list_tenant_activity(const Call& call) {
  const bool all = TRY(call.access.allows(call.caller, right_to_read, "/"));
  std::set<std::string> groups;
  if (!all) {
    const auto rules = TRY(call.access.rules());
    for (const auto& [key, each] : rules->management_groups()) {
      if (each.tenant != call.caller.tenant) continue;
      const auto scope = access::management_group_scope(each.id);
      if (TRY(call.access.allows(call.caller, right_to_read, scope))) {
        groups.insert(to_lower(each.id));
      }
    }
    if (groups.empty()) return Outcome{.body = JsonObject{{"value", JsonArray()}}};
  }
  return list_log(call, ActivityLog::of_tenant(call.caller.tenant),
                  [&](const Json& event) { return all || groups.contains(group_at(event)); });
}

}  // namespace pinaco::provider
