// Microsoft.Management/managementGroups: scopes between a tenant and its subscriptions, so that
// one role assignment can hold for many of them. The root's name is the tenant's id.
//
// Where a thing hangs says who may do what with it: moving one asks for the right to give roles on
// it, besides the rights on the groups.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/authorization.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view right_to_read = "Microsoft.Management/managementGroups/read";
constexpr std::string_view right_to_write = "Microsoft.Management/managementGroups/write";
constexpr std::string_view right_to_assign = "Microsoft.Authorization/roleAssignments/write";
constexpr std::size_t id_bytes_max = 90;
constexpr std::size_t name_bytes_max = 256;

Error not_found(std::string_view id) {
  return arm::error(
      Kind::not_found, "NotFound",
      fmt::format("The management group '{}' was not found in the tenant.", id.substr(0, 100)));
}

Error bad_request(std::string message) {
  return arm::error(Kind::invalid, "BadRequest", std::move(message));
}

// The root is in no row.
access::ManagementGroup root_of(const Call& call) {
  return {.id = call.caller.tenant,
          .tenant = call.caller.tenant,
          .name = "Tenant Root Group",
          .parent = {}};
}

std::optional<access::ManagementGroup> find_group(
    const Call& call, const std::vector<access::ManagementGroup>& groups, std::string_view id) {
  if (iequals(id, call.caller.tenant)) return root_of(call);
  for (const auto& each : groups) {
    if (iequals(each.id, id)) return each;
  }
  return std::nullopt;
}

std::vector<access::ManagementGroup> groups_of(const Call& call, const access::Rules& rules) {
  std::vector<access::ManagementGroup> groups;
  for (const auto& [key, each] : rules.management_groups()) {
    if (each.tenant == call.caller.tenant) groups.push_back(each);
  }
  return groups;
}

std::string parent_id(const access::ManagementGroup& group) {
  return access::management_group_scope(group.parent.empty() ? group.tenant : group.parent);
}

JsonObject head_of(const access::ManagementGroup& group) {
  return {{"id", access::management_group_scope(group.id)},
          {"type", "Microsoft.Management/managementGroups"},
          {"name", group.id}};
}

Result<JsonArray> children_of(const Call& call, const std::vector<access::ManagementGroup>& groups,
                              const access::ManagementGroup& of) {
  JsonArray children;
  const bool root = iequals(of.id, of.tenant);
  for (const auto& each : groups) {
    if (root ? !each.parent.empty() : !iequals(each.parent, of.id)) continue;
    auto child = head_of(each);
    child["displayName"] = each.name;
    children.push_back(std::move(child));
  }
  const auto everybody = TRY(call.access.directory().roster());
  for (const auto& [id, each] : everybody->subscriptions()) {
    if (each.tenant != of.tenant) continue;
    if (root ? !each.management_group.empty() : !iequals(each.management_group, of.id)) continue;
    children.push_back(JsonObject{{"id", "/subscriptions/" + id},
                                  {"type", "/subscriptions"},
                                  {"name", id},
                                  {"displayName", each.name}});
  }
  return children;
}

Result<Json> show_group(const Call& call, const std::vector<access::ManagementGroup>& groups,
                        const access::ManagementGroup& group) {
  JsonObject details{{"version", 1}};
  if (!iequals(group.id, group.tenant)) {
    const auto id = parent_id(group);
    const auto parent = find_group(call, groups, access::management_group_of(id));
    details["parent"] = JsonObject{{"id", id},
                                   {"name", access::management_group_of(id)},
                                   {"displayName", parent ? parent->name : ""}};
  }
  JsonObject properties{
      {"tenantId", group.tenant}, {"displayName", group.name}, {"details", std::move(details)}};
  const auto expand = call.query.find("$expand");
  if (expand != call.query.end() && iequals(expand->second, "children")) {
    properties["children"] = TRY(children_of(call, groups, group));
  }
  auto body = head_of(group);
  body["properties"] = std::move(properties);
  return body;
}

// Every group hangs below the root, not too deep and in no circle.
Result<> check_levels(const std::vector<access::ManagementGroup>& groups) {
  for (const auto& start : groups) {
    const access::ManagementGroup* at = &start;
    for (std::size_t level = 1; !at->parent.empty(); level++) {
      const auto above = std::ranges::find_if(
          groups, [&](const auto& each) { return iequals(each.id, at->parent); });
      if (above == groups.end()) return fail(not_found(at->parent));
      if (level >= access::management_group_levels_max) {
        return fail(bad_request(
            fmt::format("'{}' would hang more than {} levels below the root, or below itself.",
                        start.id, access::management_group_levels_max)));
      }
      at = &*above;
    }
  }
  return {};
}

// What the body of a PUT says, with what stays as it is.
Result<access::ManagementGroup> wanted_group(const Call& call,
                                             const std::optional<access::ManagementGroup>& now) {
  access::ManagementGroup wanted = now.value_or(access::ManagementGroup{
      .id = call.parts.at("group"), .tenant = call.caller.tenant, .name = {}, .parent = {}});
  const auto bad = [](char c) {
    return !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
           std::string_view("-_().").find(c) == std::string_view::npos;
  };
  if (wanted.id.size() > id_bytes_max || std::ranges::any_of(wanted.id, bad) ||
      wanted.id.ends_with('.')) {
    return fail(
        bad_request(fmt::format("The name of a management group has at most {} letters, "
                                "digits and -_(). and does not end in a dot.",
                                id_bytes_max)));
  }
  const auto name = string_at(call.body, "properties.displayName");
  if (name.size() > name_bytes_max) {
    return fail(bad_request(fmt::format("'displayName' has at most {} bytes.", name_bytes_max)));
  }
  if (!name.empty()) wanted.name = name;
  if (wanted.name.empty()) wanted.name = wanted.id;
  const auto parent = string_at(call.body, "properties.details.parent.id");
  if (!parent.empty()) {
    wanted.parent = access::management_group_of(parent);
    if (wanted.parent.empty()) {
      return fail(bad_request(
          fmt::format("'{}' is not the id of a management group.", parent.substr(0, 200))));
    }
    if (iequals(wanted.parent, call.caller.tenant)) wanted.parent.clear();
  }
  return wanted;
}

}  // namespace

Result<Outcome> list_management_groups(const Call& call) {
  const auto rules = TRY(call.access.rules());
  auto groups = groups_of(call, *rules);
  groups.insert(groups.begin(), root_of(call));
  JsonArray rows;
  for (const auto& each : groups) {
    const auto scope = access::management_group_scope(each.id);
    if (!TRY(call.access.allows(call.caller, right_to_read, scope))) continue;
    auto row = head_of(each);
    row["properties"] = JsonObject{{"tenantId", each.tenant}, {"displayName", each.name}};
    rows.push_back(std::move(row));
  }
  return Outcome{.body = JsonObject{{"value", std::move(rows)}}};
}

Result<Outcome> get_management_group(const Call& call) {
  const auto rules = TRY(call.access.rules());
  const auto groups = groups_of(call, *rules);
  const auto group = find_group(call, groups, call.parts.at("group"));
  if (!group) return fail(not_found(call.parts.at("group")));
  auto body = TRY(show_group(call, groups, *group));
  return Outcome{.body = std::move(body)};
}

Result<Outcome> put_management_group(const Call& call) {
  const auto rules = TRY(call.access.rules());
  auto groups = groups_of(call, *rules);
  const auto current = find_group(call, groups, call.parts.at("group"));
  if (current && iequals(current->id, call.caller.tenant)) {
    return fail(bad_request("The tenant's root management group cannot be changed."));
  }
  const auto wanted = TRY(wanted_group(call, current));
  if (current) {
    TRY(call.access.may(call.caller, right_to_write, access::management_group_scope(wanted.id)));
  }
  if (!current || !iequals(current->parent, wanted.parent)) {
    TRY(call.access.may(call.caller, right_to_write, parent_id(wanted)));
  }
  if (current && !iequals(current->parent, wanted.parent)) {
    TRY(call.access.may(call.caller, right_to_write, parent_id(*current)));
    TRY(call.access.may(call.caller, right_to_assign, access::management_group_scope(wanted.id)));
  }
  TRY(call.model.change("", [&](model::Change& change) -> Result<> {
    groups = TRY(access::read_management_groups(change, call.caller.tenant));
    const auto now = find_group(call, groups, wanted.id);
    if (now.has_value() != current.has_value() || (now && !iequals(now->parent, current->parent))) {
      return fail(arm::error(Kind::conflict, "Conflict",
                             "The management group was changed meanwhile. Try again."));
    }
    std::erase_if(groups, [&](const auto& each) { return iequals(each.id, wanted.id); });
    groups.push_back(wanted);
    if (groups.size() > access::management_groups_max) {
      return fail(arm::error(Kind::quota, "QuotaExceeded",
                             fmt::format("The tenant has {} management groups already.",
                                         access::management_groups_max)));
    }
    TRY(check_levels(groups));
    return access::put_management_group(change, wanted);
  }));
  auto body = TRY(show_group(call, groups, wanted));
  return Outcome{.body = std::move(body)};
}

Result<Outcome> delete_management_group(const Call& call) {
  Outcome outcome;
  TRY(call.model.change("", [&](model::Change& change) -> Result<> {
    const auto groups = TRY(access::read_management_groups(change, call.caller.tenant));
    const auto group = find_group(call, groups, call.parts.at("group"));
    outcome.status = group ? 200 : 204;
    if (!group) return {};
    bool used = iequals(group->id, call.caller.tenant);
    for (const auto& each : groups) used = used || iequals(each.parent, group->id);
    for (const auto& [name, json] : TRY(change.facts("access/subscription/"))) {
      const auto each = TRY(identity::Edit(change).find_subscription(name.substr(20)));
      used = used ||
             (each && each->tenant == group->tenant && iequals(each->management_group, group->id));
    }
    if (used) {
      return fail(
          bad_request(fmt::format("The management group '{}' is the root, or has "
                                  "management groups or subscriptions in it. Move them "
                                  "first.",
                                  group->id)));
    }
    return access::erase_management_group(change, *group);
  }));
  return outcome;
}

namespace {

// Into a group, or with an empty one back to the root.
Result<identity::Subscription> move_subscription(const Call& call, const std::string& into,
                                                 bool only_from) {
  const auto& id = call.parts.at("subscription");
  TRY(call.access.may(call.caller, right_to_assign, "/subscriptions/" + id));
  const auto everybody = TRY(call.access.directory().roster());
  const auto* seen = everybody->find_subscription(id);
  CHECK(seen != nullptr);  // the router looked
  if (!seen->management_group.empty()) {
    TRY(call.access.may(call.caller, "Microsoft.Management/managementGroups/subscriptions/delete",
                        access::management_group_scope(seen->management_group)));
  }
  std::optional<identity::Subscription> moved;
  TRY(call.model.change("", [&](model::Change& change) -> Result<> {
    identity::Edit edit(change);
    moved = TRY(edit.find_subscription(id));
    if (!moved || moved->management_group != seen->management_group) {
      return fail(arm::error(Kind::conflict, "Conflict",
                             "The subscription was moved meanwhile. Try again."));
    }
    if (only_from && !iequals(moved->management_group, call.parts.at("group"))) return {};
    const auto groups = TRY(access::read_management_groups(change, call.caller.tenant));
    moved->management_group.clear();
    if (!into.empty()) {
      const auto group = find_group(call, groups, into);
      if (!group) return fail(not_found(into));
      moved->management_group = group->id;
    }
    return edit.put(*moved);
  }));
  return std::move(*moved);
}

}  // namespace

Result<Outcome> add_to_management_group(const Call& call) {
  const auto& group = call.parts.at("group");
  const auto moved =
      TRY(move_subscription(call, iequals(group, call.caller.tenant) ? "" : group, false));
  const auto scope = access::management_group_scope(group);
  return Outcome{.body = JsonObject{{"id", scope + "/subscriptions/" + moved.id},
                                    {"type", "Microsoft.Management/managementGroups/subscriptions"},
                                    {"name", moved.id},
                                    {"properties", JsonObject{{"tenant", moved.tenant},
                                                              {"displayName", moved.name},
                                                              {"parent", JsonObject{{"id", scope}}},
                                                              {"state", "Active"}}}}};
}

Result<Outcome> take_from_management_group(const Call& call) {
  TRY(move_subscription(call, "", true));
  return Outcome{.status = 200};
}

}  // namespace pinaco::provider
