// The activity log: who did what in a subscription or above them, and whether he was let. A fact
// each, beside a fact with their number, so that the oldest go when there are too many.
#include "provider/activity.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/text.h"
#include "provider/platform.h"

namespace pinaco::provider {
namespace {

constexpr std::int64_t events_max = 100'000;
constexpr std::size_t pruned_max = 4;      // at each new one, so that pruning always keeps up
constexpr std::int64_t refusals_max = 20;  // rows of one caller a minute; the rest are counted

struct What {
  std::string operation;  // "Microsoft.Compute/galleries/write"
  std::string resource;
  std::string region = {};  // that Pinaco/regions/allow/action is about
};

// From the path alone, so that what was refused early is named, too.
What what_of(const Call& call) {
  const std::string_view verb = call.method == "DELETE" ? "delete"
                                : call.method == "POST" ? "action"
                                                        : "write";
  if (istarts_with(call.path, "/pinaco/v1/")) {
    const auto kind = std::string_view(call.path).substr(11);
    const auto words = split(kind, '/');
    const auto decides = [](std::string_view word) {
      return word == "request" || word == "allow" || word == "deny";
    };
    if (words.size() == 3 && words[0] == "regions" && decides(words[2])) {
      return {.operation = fmt::format("Pinaco/regions/{}/action", words[2]),
              .resource = std::string(string_at(call.body, "id")),
              .region = std::string(words[1])};
    }
    return {.operation = fmt::format("Pinaco/{}/write", kind.substr(0, kind.find('/'))),
            .resource = std::string(string_at(call.body, "id"))};
  }
  What what{.operation = {}, .resource = call.path};
  auto path = call.path;
  // The last "/providers/": the rule and not the scope that it is on.
  const auto at = to_lower(path).rfind("/providers/");
  const auto last = at == std::string::npos ? std::string() : path.substr(at);
  if (istarts_with(last, "/providers/Microsoft.Auth") ||
      istarts_with(last, "/providers/Microsoft.Resources/tags/")) {
    path = last;
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
  return std::string(cut_text(text, activity_text_bytes_max));
}

// The oldest, when there are too many or they are too old.
Result<std::int64_t> prune(const ActivityLog& log, model::Change& change, std::int64_t count) {
  const auto too_old = log.name_of(change.now() - activity_kept);
  for (const auto& [name, json] :
       TRY(change.facts_between(log.rows, count > events_max ? log.end() : too_old, pruned_max))) {
    if (count <= events_max && name >= too_old) break;
    TRY(change.erase_fact(name));
    count--;
  }
  return count;
}

// Which log a request belongs in, if any: that of its subscription, or, for what is at a management
// group or the tenant's root, that of the caller's tenant.
Result<std::optional<ActivityLog>> log_of(const Call& call, const What& what) {
  std::optional<ActivityLog> log;
  auto subscription_id = access::shard_of(what.resource);
  if (subscription_id.empty()) {
    for (const char* above : {"/providers/Microsoft.Management/managementGroups/",
                              "/providers/Microsoft.Authorization/"}) {
      if (istarts_with(what.resource, above)) {
        log = ActivityLog::of_tenant(call.caller.tenant);
        return log;
      }
    }
    // An action on a subscription by the tenant's path.
    const auto part = call.parts.find("subscription");
    if (part != call.parts.end()) subscription_id = part->second;
  }
  const auto everybody = TRY(call.access.directory().roster());
  const auto* subscription = everybody->find_subscription(subscription_id);
  if (subscription != nullptr && subscription->tenant == call.caller.tenant) {
    log = ActivityLog::of_subscription(subscription->id);
  }
  return log;
}

// With whom: the ids of the body, which are GUIDs or nothing.
JsonObject shared_with(const Call& call) {
  JsonObject said;
  for (const char* known : {"Add", "Remove", "Reset", "EnableCommunity"}) {
    if (iequals(string_at(call.body, "operationType"), known)) said["operationType"] = known;
  }
  const Json* groups = find_path(call.body, "groups");
  if (groups == nullptr || !groups->is_array()) return said;
  const std::pair<const char*, const char*> types[] = {{"Subscriptions", "subscriptions"},
                                                       {"AADTenants", "tenants"}};
  for (const auto& [type, member] : types) {
    std::string all;
    for (const Json& group : groups->get_array()) {
      const Json* ids = find_path(group, "ids");
      if (!iequals(string_at(group, "type"), type) || ids == nullptr || !ids->is_array()) continue;
      for (const Json& id : ids->get_array()) {
        if (!id.is_string() || !arm::is_guid(id.get_string())) continue;
        if (all.size() >= activity_text_bytes_max) break;
        all += (all.empty() ? "" : ", ") + to_lower(id.get_string());
      }
    }
    if (!all.empty()) said[member] = cut(std::move(all));
  }
  return said;
}

// The role, to whom, and where: of the answer, or of what was asked for and refused.
Result<JsonObject> assigned(const Call& call, const Json& properties) {
  JsonObject said;
  const auto principal = string_at(properties, "principalId");
  if (arm::is_guid(principal)) said["principalId"] = to_lower(principal);
  const auto role_id = string_at(properties, "roleDefinitionId");
  const auto guid = to_lower(role_id.substr(role_id.rfind('/') + 1));
  if (arm::is_guid(guid)) {
    said["roleDefinitionId"] = guid;
    const auto rules = TRY(call.access.rules());
    const auto* role = rules->find_role(guid);
    if (role != nullptr && (role->is_built_in() || role->tenant == call.caller.tenant)) {
      said["roleName"] = cut(role->name);
    }
  }
  const auto at = to_lower(call.path).rfind("/providers/microsoft.authorization/");
  said["scope"] = at == 0 ? "/" : cut(call.path.substr(0, at));
  return said;
}

// What a share, a role assignment or a decision on a region changed. No other bodies are kept.
Result<JsonObject> details_of(const Call& call, const What& what, const Json& answer) {
  if (iequals(what.operation, "Microsoft.Compute/galleries/share/action")) return shared_with(call);
  if (!what.region.empty()) return JsonObject{{"region", cut(what.region)}};
  if (!istarts_with(what.operation, "Microsoft.Authorization/roleAssignments/")) {
    return JsonObject();
  }
  const Json* properties = find_path(answer, "properties");
  if (properties == nullptr) properties = find_path(call.body, "properties");
  return assigned(call, properties == nullptr ? Json(nullptr) : *properties);
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

// Beside their number, and the oldest go.
Result<> append(const ActivityLog& log, model::Change& change, const std::string& name,
                const JsonObject& row) {
  const auto counted = TRY(change.find_fact(log.count));
  const auto count = TRY(prune(log, change, counted ? int_at(*counted, "count") + 1 : 1));
  TRY(change.put_fact(log.count, JsonObject{{"count", count}}));
  return change.put_fact(name, row);
}

std::uint32_t next_number() {
  static std::atomic<std::uint32_t> counter = 0;
  return counter++ % 1'000'000;
}

}  // namespace

Result<> record_deed(model::Change& change, std::string_view operation, std::string_view resource,
                     JsonObject details) {
  const auto log = ActivityLog::of_subscription(change.subscription());
  const auto now = change.now();
  const JsonObject row{{"time", to_iso8601(now)},
                       {"oid", ""},
                       {"name", "Pinaco"},
                       {"app", ""},
                       {"user", true},  // so that the name is shown
                       {"ip", ""},
                       {"method", operation.ends_with("/delete") ? "DELETE" : "POST"},
                       {"operation", operation},
                       {"resource", cut(std::string(resource))},
                       {"status", "Succeeded"},
                       {"http", 200},
                       {"code", ""},
                       {"correlation", change.random().uuid()},
                       {"details", std::move(details)}};
  return append(log, change, fmt::format("{}-{:06}", log.name_of(now), next_number()), row);
}

Result<> record_activity(const Call& call, const Event& event) {
  const auto what = what_of(call);
  const auto log = TRY(log_of(call, what));
  if (!log) return {};
  const auto number = next_number();
  const bool failed = event.status >= 400;
  Json answer;
  if (failed || istarts_with(what.operation, "Microsoft.Authorization/")) {
    answer = parse_json(event.answer).value_or(Json(nullptr));
  }
  const auto details = TRY(details_of(call, what, answer));
  return call.model.change(log->shard, [&](model::Change& change) -> Result<> {
    const auto now = change.now();
    const auto name = fmt::format("{}-{:06}", log->name_of(now), number);
    JsonObject row{{"time", to_iso8601(now)},
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
                   {"code", failed ? cut(std::string(string_at(answer, "error.code"))) : ""},
                   {"correlation", event.correlation}};
    if (!details.empty()) row["details"] = details;
    if (failed && TRY(fold_refusal(change, call.caller.object_id, row, name))) return {};
    return append(*log, change, name, row);
  });
}

}  // namespace pinaco::provider
