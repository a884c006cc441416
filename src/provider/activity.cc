// The activity log: who did what in a subscription, and whether he was let. A fact each,
// "activity/<20 digits of microseconds>-<6 of a counter>", in the subscription's shard, beside a
// fact with their number, so that the oldest go when there are too many.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/text.h"
#include "provider/platform.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view prefix = "activity/";
constexpr std::string_view prefix_after = "activity0";  // '0' comes after '/'
constexpr std::string_view count_fact = "activity-count";
constexpr std::chrono::hours kept{24 * 90};
constexpr std::int64_t events_max = 100'000;
constexpr std::size_t pruned_max = 4;  // at each new one, so that pruning always keeps up
constexpr std::size_t text_bytes_max = 2048;
constexpr std::size_t page_rows = 200;
constexpr std::int64_t refusals_max = 20;  // rows of one caller a minute; the rest are counted

std::string name_of(WallTime time) {
  const auto micros = std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count(), 0);
  return fmt::format("{}{:020}", prefix, micros);
}

struct What {
  std::string operation;  // "Microsoft.Compute/galleries/write"
  std::string resource;
};

// From the path alone, so that what was refused early is named, too.
What what_of(const Call& call) {
  const std::string_view verb = call.method == "DELETE" ? "delete"
                                : call.method == "POST" ? "action"
                                                        : "write";
  if (istarts_with(call.path, "/pinaco/v1/")) {
    const auto kind = std::string_view(call.path).substr(11);
    return {.operation = fmt::format("Pinaco/{}/write", kind.substr(0, kind.find('/'))),
            .resource = std::string(string_at(call.body, "id"))};
  }
  What what{.operation = {}, .resource = call.path};
  auto path = call.path;
  // The last "/providers/": the rule and not the scope that it is on.
  const auto at = to_lower(path).rfind("/providers/");
  if (at != std::string::npos && istarts_with(path.substr(at), "/providers/Microsoft.Auth")) {
    path = path.substr(at);
  }
  auto id = arm::ResourceId::parse(path);
  if (!id) return what;
  if (id->is_group()) {
    what.operation = fmt::format("Microsoft.Resources/subscriptions/resourceGroups/{}", verb);
  } else {
    what.operation = fmt::format("{}/{}", id->full_type(), verb);
  }
  if (call.method == "POST" && id->is_collection()) {
    what.resource = path.substr(0, path.rfind('/'));
  }
  return what;
}

std::string cut(std::string text) {
  return std::string(cut_text(text, text_bytes_max));
}

// The oldest, when there are too many or they are too old.
Result<std::int64_t> prune(model::Change& change, std::int64_t count) {
  const auto too_old = name_of(change.now() - kept);
  for (const auto& [name, json] :
       TRY(change.facts_between(prefix, count > events_max ? prefix_after : too_old, pruned_max))) {
    if (count <= events_max && name >= too_old) break;
    TRY(change.erase_fact(name));
    count--;
  }
  return count;
}

// A refusal that is the caller's last one again, or one too many in this minute, is counted in the
// row of the last one: whoever is refused as fast as he can ask does not push out what was done.
// Whether that is so; the fact "activity-refused/<caller>" knows the row.
Result<bool> fold_refusal(model::Change& change, const std::string& oid, const Json& event,
                          const std::string& name) {
  const auto minute = std::chrono::floor<std::chrono::minutes>(change.now()).time_since_epoch();
  const auto fact = "activity-refused/" + oid;
  const auto known = TRY(change.find_fact(fact));
  const bool now = known && int_at(*known, "minute") == minute.count();
  const std::string last_name(now ? string_at(*known, "row") : std::string_view());
  auto last = now ? TRY(change.find_fact(last_name)) : std::nullopt;
  const auto rows = last ? int_at(*known, "rows") : 0;
  const auto same = [&](const char* member) {
    return string_at(*last, member) == string_at(event, member);
  };
  if (last && (rows >= refusals_max || (same("operation") && same("resource") && same("code")))) {
    set_path(*last, "repeated", int_at(*last, "repeated") + 1);
    TRY(change.put_fact(last_name, *last));
    return true;
  }
  TRY(change.put_fact(fact,
                      JsonObject{{"minute", minute.count()}, {"row", name}, {"rows", rows + 1}}));
  return false;
}

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
  EventFilter filter{.from = now - kept, .to = now + std::chrono::minutes(1), .conditions = {}};
  const auto found = call.query.find("$filter");
  std::string_view text = found == call.query.end() ? std::string_view() : found->second;
  if (text.size() > text_bytes_max) return fail(bad_filter(text));
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

Json show_event(const Call& call, std::string_view name, const Json& event) {
  const auto resource = string_at(event, "resource");
  const auto operation = string_at(event, "operation");
  const auto& subscription = call.parts.at("subscription");
  const auto type = operation.substr(0, operation.rfind('/'));
  const bool failed = string_at(event, "status") == "Failed";
  const auto user = bool_at(event, "user");
  JsonObject properties{{"statusCode", fmt::to_string(int_at(event, "http"))}};
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
      {"eventDataId", name.substr(prefix.size())},
      {"eventName", both("EndRequest")},
      {"category", both("Administrative")},
      {"httpRequest", JsonObject{{"clientIpAddress", string_at(event, "ip")},
                                 {"method", string_at(event, "method")}}},
      {"id", fmt::format("{}/events/{}", resource, name.substr(prefix.size()))},
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
      {"subscriptionId", subscription},
      {"tenantId", call.caller.tenant}};
}

// Those of a span of time, the newest first. The rows are in the order of time, so the span is read
// in pieces that grow backwards: the first ones answer most.
class Backwards {
 public:
  Backwards(const model::View& view, std::string from, std::string to, WallTime end)
      : view_(view), from_(std::move(from)), to_(std::move(to)), end_(end) {}

  // Calls for each until it says false.
  Result<> each(const std::function<bool(const std::string&, const Json&)>& function) {
    auto step = std::chrono::seconds(60);
    while (to_ > from_) {
      end_ -= step;
      step *= 4;
      const auto begin = std::max(name_of(end_), from_);
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
  const model::View& view_;
  std::string from_;
  std::string to_;
  WallTime end_;
};

}  // namespace

Result<> record_activity(const Call& call, const Event& event) {
  const auto what = what_of(call);
  const auto subscription_id = access::shard_of(what.resource);
  const auto everybody = TRY(call.access.directory().roster());
  const auto* subscription = everybody->find_subscription(subscription_id);
  if (subscription == nullptr || subscription->tenant != call.caller.tenant) return {};
  static std::atomic<std::uint32_t> counter = 0;
  const auto number = counter++ % 1'000'000;
  const bool failed = event.status >= 400;
  return call.model.change(subscription->id, [&](model::Change& change) -> Result<> {
    const auto now = change.now();
    const auto name = fmt::format("{}-{:06}", name_of(now), number);
    const Json row = JsonObject{{"time", to_iso8601(now)},
                                {"oid", call.caller.object_id},
                                {"name", call.caller.name},
                                {"app", call.caller.client_id},
                                {"user", call.caller.is_user},
                                {"ip", call.caller.peer.substr(0, call.caller.peer.rfind(':'))},
                                {"method", call.method},
                                {"operation", cut(what.operation)},
                                {"resource", cut(what.resource)},
                                {"status", failed                ? "Failed"
                                           : event.status == 202 ? "Accepted"
                                                                 : "Succeeded"},
                                {"http", event.status},
                                {"code", cut(event.code)},
                                {"correlation", event.correlation}};
    if (failed && TRY(fold_refusal(change, call.caller.object_id, row, name))) return {};
    const auto counted = TRY(change.find_fact(count_fact));
    const auto count = TRY(prune(change, counted ? int_at(*counted, "count") + 1 : 1));
    TRY(change.put_fact(count_fact, JsonObject{{"count", count}}));
    return change.put_fact(name, row);
  });
}

Result<Outcome> list_activity(const Call& call) {
  const auto filter = TRY(parse_event_filter(call));
  auto from = name_of(filter.from);
  auto to = name_of(filter.to + std::chrono::microseconds(1));
  auto end = filter.to;
  if (const auto token = call.query.find("$skiptoken"); token != call.query.end()) {
    // The name of the last one of the page before.
    const auto micros = token->second.size() == 27
                            ? parse_int(token->second.substr(0, 20), 0, INT64_MAX)
                            : std::nullopt;
    if (!micros || !parse_int(token->second.substr(21), 0, 999'999)) {
      return fail(arm::invalid_parameter("$skiptoken", "It is not one that a page ended with."));
    }
    to = std::min(to, std::string(prefix) + token->second);
    end = std::min(end, WallTime(std::chrono::microseconds(*micros)));
  }
  Outcome outcome;
  TRY(call.model.read(call.parts.at("subscription"), [&](const model::View& view) -> Result<> {
    JsonArray rows;
    std::string last;
    outcome.next.clear();
    TRY(Backwards(view, from, to, end).each([&](const std::string& name, const Json& event) {
      if (!fits(event, filter)) return true;
      if (rows.size() == page_rows) {
        outcome.next = last.substr(prefix.size());
        return false;
      }
      rows.push_back(show_event(call, name, event));
      last = name;
      return true;
    }));
    outcome.body = JsonObject{{"value", std::move(rows)}};
    return {};
  }));
  return outcome;
}

}  // namespace pinaco::provider
