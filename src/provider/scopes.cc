// Scopes of rules as clients write them, and what is around one.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/authorization.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t filter_bytes_max = 2048;

Error bad_scope(std::string_view text) {
  return arm::error(Kind::invalid, "InvalidScope",
                    fmt::format("The scope '{}' is not valid: it is '/', a management group, a "
                                "subscription, a resource group or a resource.",
                                text.substr(0, 300)));
}

// "eq 'x'" of "principalId eq 'x'".
std::optional<std::string> value_of(std::string_view part, std::string_view name) {
  if (!istarts_with(part, name)) return std::nullopt;
  part = trim(part.substr(name.size()));
  if (!istarts_with(part, "eq ")) return std::nullopt;
  part = trim(part.substr(3));
  if (part.size() < 2 || part.front() != '\'' || part.back() != '\'') return std::nullopt;
  return std::string(part.substr(1, part.size() - 2));
}

}  // namespace

Result<std::string> normal_scope(const Call& call, std::string_view text) {
  if (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
  if (text.empty() || text == "/") return std::string("/");
  if (const auto group = access::management_group_of(text); !group.empty()) {
    TRY(arm::ResourceId::parse(text));
    return access::management_group_scope(group);
  }
  auto id = TRY(arm::ResourceId::parse(text));
  if (id.subscription.empty() || id.is_collection()) return fail(bad_scope(text));
  const auto everybody = TRY(call.access.directory().roster());
  const auto* subscription = everybody->find_subscription(id.subscription);
  if (subscription == nullptr || subscription->tenant != call.caller.tenant) {
    return fail(arm::error(
        Kind::not_found, "SubscriptionNotFound",
        fmt::format("The subscription '{}' could not be found.", id.subscription.substr(0, 100))));
  }
  id.subscription = subscription->id;
  if (const auto* type = find_type(id.provider, id.type())) {
    id.provider = type->provider;
    const auto words = split(type->type, '/');
    for (std::size_t i = 0; i < words.size(); i++) id.types[i] = words[i];
  }
  return id.text();
}

const std::string& scope_of(const Call& call) {
  return call.parts.at("scope");
}

std::string extension_id(std::string_view scope, std::string_view type, std::string_view name) {
  return fmt::format("{}/providers/Microsoft.Authorization/{}/{}",
                     scope == "/" ? std::string_view() : scope, type, name);
}

Result<> check_scope_exists(const model::View& view, std::string_view tenant,
                            std::string_view scope) {
  if (scope == "/") return {};
  if (const auto group = access::management_group_of(scope); !group.empty()) {
    if (iequals(group, tenant)) return {};
    for (const auto& each : TRY(access::read_management_groups(view, tenant))) {
      if (iequals(each.id, group)) return {};
    }
    return fail(arm::error(Kind::not_found, "NotFound",
                           fmt::format("The management group '{}' was not found.", group)));
  }
  const auto id = TRY(arm::ResourceId::parse(scope));
  if (id.group.empty() && id.types.empty()) return {};
  if (id.group.empty()) return fail(bad_scope(scope));
  TRY(view.get(id.group_id()));
  if (id.is_resource()) TRY(view.get(id));
  return {};
}

Result<ScopeFilter> parse_scope_filter(const Call& call) {
  ScopeFilter filter;
  const auto found = call.query.find("$filter");
  if (found == call.query.end()) return filter;
  std::string_view text = found->second;
  if (text.size() > filter_bytes_max) {
    return fail(arm::error(Kind::invalid, "InvalidFilter", "The filter is too long."));
  }
  while (!trim(text).empty()) {
    const auto end = to_lower(text).find(" and ");
    const auto part = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 5);
    const auto word = to_lower(part);
    if (word == "atscope()") {
      filter.at_scope = true;
    } else if (word == "atexactscope()") {
      filter.exact = true;
    } else if (word == "atscopeandbelow()") {
      filter.below = true;
    } else if (word.starts_with("assignedto('") && word.ends_with("')") && word.size() > 14) {
      filter.assigned_to = word.substr(12, word.size() - 14);
    } else if (const auto principal = value_of(part, "principalId ")) {
      filter.principal = to_lower(*principal);
    } else if (const auto name = value_of(part, "roleName ")) {
      filter.role_name = *name;
    } else if (const auto type = value_of(part, "type ")) {
      filter.role_type = *type;
    } else {
      return fail(
          arm::error(Kind::invalid, "InvalidFilter",
                     fmt::format("The filter '{}' is not understood here: use atScope(), "
                                 "atExactScope(), atScopeAndBelow(), assignedTo('id'), principalId "
                                 "eq 'id', roleName eq 'name' or type eq 'CustomRole', joined by "
                                 "and.",
                                 part.substr(0, 200))));
    }
  }
  return filter;
}

Result<Around> Around::scope(const Call& call) {
  Around around;
  const auto& scope = scope_of(call);
  const auto& tenant = call.caller.tenant;
  around.own_ = access::scope_key(tenant, scope);
  around.tenant_ = access::scope_key(tenant, "/");
  around.above_ = TRY(call.access.scope_keys(tenant, scope));
  const auto group = access::management_group_of(scope);
  around.all_ = scope == "/" || iequals(group, tenant);
  const auto everybody = TRY(call.access.directory().roster());
  for (const auto& [id, subscription] : everybody->subscriptions()) {
    if (subscription.tenant != tenant || (group.empty() && !around.all_)) continue;
    const auto keys = TRY(call.access.scope_keys(tenant, "/subscriptions/" + id));
    if (around.all_ || std::ranges::find(keys, around.own_) != keys.end()) {
      around.subscriptions_.push_back("/subscriptions/" + id);
    }
  }
  if (group.empty() || around.all_) return around;
  const auto rules = TRY(call.access.rules());
  for (const auto& [key, each] : rules->management_groups()) {
    if (each.tenant != tenant || key == around.own_) continue;
    const auto keys = TRY(call.access.scope_keys(tenant, access::management_group_scope(each.id)));
    if (std::ranges::find(keys, around.own_) != keys.end()) around.subscriptions_.push_back(key);
  }
  return around;
}

bool Around::is_above(std::string_view key) const {
  return std::ranges::find(above_, key) != above_.end();
}

bool Around::is_below(std::string_view key) const {
  if (key == own_) return false;
  if (all_ && key.starts_with(tenant_ + "/")) return true;
  const auto is_in = [&](const std::string& scope) {
    return key == scope || (key.starts_with(scope) && key[scope.size()] == '/');
  };
  return is_in(own_) || std::ranges::any_of(subscriptions_, is_in);
}

}  // namespace pinaco::provider
