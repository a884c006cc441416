// Microsoft.Authorization/locks: what keeps a subscription, a group or a resource from being
// deleted or changed. A lock never stands in its own way.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/authorization.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view versions[] = {"2015-01-01", "2016-09-01", "2017-04-01", "2020-05-01"};
constexpr std::string_view right_to_read = "Microsoft.Authorization/locks/read";
constexpr std::size_t notes_bytes_max = 512;
constexpr std::size_t name_bytes_max = 90;

Json show_lock(const access::Lock& lock) {
  JsonObject properties{{"level", access::to_string(lock.level)}};
  if (!lock.notes.empty()) properties["notes"] = lock.notes;
  return JsonObject{{"properties", std::move(properties)},
                    {"id", extension_id(lock.scope, "locks", lock.name)},
                    {"type", "Microsoft.Authorization/locks"},
                    {"name", lock.name}};
}

bool is_here(const Call& call, const access::Lock& lock) {
  return lock.tenant == call.caller.tenant &&
         access::scope_key(lock.tenant, lock.scope) ==
             access::scope_key(call.caller.tenant, scope_of(call));
}

// With those above it and below it; atScope() leaves out what is below.
Result<Outcome> list_locks(const Call& call) {
  TRY(call.access.may(call.caller, right_to_read, scope_of(call)));
  const auto filter = TRY(parse_scope_filter(call));
  const auto around = TRY(Around::scope(call));
  const auto rules = TRY(call.access.rules());
  JsonArray rows;
  for (const auto& lock : rules->locks()) {
    if (lock.tenant != call.caller.tenant) continue;
    const auto key = access::scope_key(lock.tenant, lock.scope);
    const bool inside = filter.exact
                            ? around.is_at(key)
                            : around.is_above(key) || (!filter.at_scope && around.is_below(key));
    if (inside) rows.push_back(show_lock(lock));
  }
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> get_lock(const Call& call) {
  const auto rules = TRY(call.access.rules());
  for (const auto& lock : rules->locks()) {
    if (is_here(call, lock) && iequals(lock.name, call.parts.at("name"))) {
      return Outcome{.body = show_lock(lock)};
    }
  }
  return fail(arm::error(
      Kind::not_found, "LockNotFound",
      fmt::format("The lock '{}' could not be found.", call.parts.at("name").substr(0, 100))));
}

Result<access::Lock> wanted_lock(const Call& call) {
  access::Lock lock{
      .name = call.parts.at("name"), .tenant = call.caller.tenant, .scope = scope_of(call)};
  const auto refuse = [&](std::string message) {
    return fail(arm::error(Kind::invalid, "InvalidLock", std::move(message)));
  };
  if (access::shard_of(lock.scope).empty()) {
    return refuse("Locks are put on subscriptions, resource groups and resources.");
  }
  if (lock.name.size() > name_bytes_max ||
      lock.name.find_first_of("<>%&:\\?/#") != std::string::npos) {
    return refuse(fmt::format("The name of a lock has at most {} bytes and none of <>%&:\\?/#.",
                              name_bytes_max));
  }
  const auto level = string_at(call.body, "properties.level");
  if (iequals(level, "ReadOnly")) {
    lock.level = access::LockLevel::read_only;
  } else if (!iequals(level, "CanNotDelete")) {
    return refuse(
        fmt::format("The level '{}' is not CanNotDelete or ReadOnly.", level.substr(0, 40)));
  }
  lock.notes = string_at(call.body, "properties.notes");
  if (lock.notes.size() > notes_bytes_max) {
    return refuse(fmt::format("The notes of a lock have at most {} bytes.", notes_bytes_max));
  }
  const Json* owners = find_path(call.body, "properties.owners");
  if (owners != nullptr && owners->is_array() && !owners->get_array().empty()) {
    return refuse("Owners of locks are not supported by this server: roles say who may delete it.");
  }
  return lock;
}

Result<Outcome> put_lock(const Call& call) {
  auto wanted = TRY(wanted_lock(call));
  Outcome outcome;
  TRY(call.model.change(access::shard_of(wanted.scope), [&](model::Change& change) -> Result<> {
    outcome.status = 201;
    TRY(check_scope_exists(change, wanted.tenant, wanted.scope));
    std::size_t count = 0;
    for (const auto& each : TRY(access::read_locks(change))) {
      if (!is_here(call, each)) continue;
      if (iequals(each.name, wanted.name)) {
        outcome.status = 200;
        wanted.name = each.name;
      } else {
        count++;
      }
    }
    if (count >= access::locks_max) {
      return fail(arm::error(
          Kind::quota, "LockLimitExceeded",
          fmt::format("The scope has {} locks already, as many as it can have.", count)));
    }
    return access::put_rule(change, wanted);
  }));
  outcome.body = show_lock(wanted);
  return outcome;
}

Result<Outcome> delete_lock(const Call& call) {
  Outcome outcome;
  TRY(call.model.change(access::shard_of(scope_of(call)), [&](model::Change& change) -> Result<> {
    outcome.status = 204;
    for (const auto& each : TRY(access::read_locks(change))) {
      if (!is_here(call, each) || !iequals(each.name, call.parts.at("name"))) continue;
      TRY(access::erase_lock(change, each));
      outcome.status = 200;
    }
    return {};
  }));
  return outcome;
}

}  // namespace

const Extension locks{.provider = "Microsoft.Authorization",
                      .type = "locks",
                      .api_versions = versions,
                      .locked = false,
                      .own_reads = false,
                      .list = list_locks,
                      .get = get_lock,
                      .put = put_lock,
                      .remove = delete_lock};

}  // namespace pinaco::provider
