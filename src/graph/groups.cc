// Groups: principals whose roles their members have, through groups of groups too.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "graph/call.h"

namespace pinaco::graph {
namespace {

constexpr std::size_t bound_at_once_max = 20;  // members@odata.bind, as in Graph

// Whoever may be given to the group.
Result<const Principal*> get_new_member(const Call& call, const Principal& group,
                                        const std::string& id) {
  const auto* member = TRY(get_principal(call, id));
  const auto& above = call.everybody->memberships(group.object_id);
  if (member->object_id == group.object_id ||
      std::ranges::find(above, member->object_id) != above.end()) {
    return fail(
        bad_request(fmt::format("The group '{}' is itself in this group, through others: "
                                "groups must not be members of themselves.",
                                member->name)));
  }
  return member;
}

Result<> add_to(Principal& group, const std::string& id) {
  if (std::ranges::find(group.members, id) != group.members.end()) {
    return fail(
        bad_request("One or more added object references already exist for the following "
                    "modified properties: 'members'."));
  }
  if (group.members.size() >= identity::members_max) {
    return fail(too_many("members of this group", identity::members_max));
  }
  group.members.push_back(id);
  return {};
}

// "corp/admins" says that an outside issuer's people are in it, so it must not mean two groups.
Result<> check_name(const Call& call, const Principal& group) {
  if (group.name.find('/') == std::string::npos) return {};
  for (const auto& [id, each] : call.everybody->principals()) {
    if (each.type == PrincipalType::group && each.tenant == group.tenant &&
        each.name == group.name && id != group.object_id) {
      return fail(
          bad_request(fmt::format("The group {} has the displayName '{}' already. A name "
                                  "with '/' can be that of an issuer's group, so there is "
                                  "one of it.",
                                  id, group.name)));
    }
  }
  return {};
}

// Names, and the members that "members@odata.bind" adds.
Result<> read_into(const Call& call, Principal& group) {
  const auto& body = call.body;
  if (TRY(find_text(body, "displayName"))) group.name = TRY(get_text(body, "displayName"));
  group.nickname = TRY(find_text(body, "mailNickname"))
  .value_or(group.nickname);
  group.description = TRY(find_text(body, "description", 1024))
  .value_or(group.description);
  const Json* types = find_path(body, "groupTypes");
  const bool typed = types != nullptr && types->is_array() && !types->get_array().empty();
  if (TRY(find_bool(body, "mailEnabled")).value_or(false) || typed ||
      !TRY(find_bool(body, "securityEnabled")).value_or(true)) {
    return fail(
        bad_request("This server keeps security groups only: securityEnabled is true, "
                    "mailEnabled false and groupTypes empty."));
  }
  const Json* bound =
      body.is_object() ? body.get_object().if_contains("members@odata.bind") : nullptr;
  if (bound == nullptr || bound->is_null()) return {};
  if (!bound->is_array() || bound->get_array().size() > bound_at_once_max) {
    return fail(bad_request(fmt::format("'members@odata.bind' is a list of at most {} references.",
                                        bound_at_once_max)));
  }
  for (const Json& each : bound->get_array()) {
    if (!each.is_string()) return fail(bad_request("A reference must be a text."));
    const auto id = TRY(id_of_reference(std::string_view(each.get_string())));
    TRY(add_to(group, TRY(get_new_member(call, group, id))->object_id));
  }
  return {};
}

Result<Answer> create(const Call& call) {
  TRY(may_write(call, "groups"));
  if (call.everybody->principals().size() >= identity::principals_max) {
    return fail(too_many("principals", identity::principals_max));
  }
  auto name = TRY(get_text(call.body, "displayName"));
  auto nickname = TRY(get_text(call.body, "mailNickname"));
  Principal made{.object_id = call.model.random().uuid(),
                 .tenant = call.caller.tenant,
                 .type = PrincipalType::group,
                 .name = std::move(name),
                 .nickname = std::move(nickname),
                 .created = call.model.clock().now()};
  TRY(read_into(call, made));
  TRY(check_name(call, made));
  TRY(call.directory.edit([&](Edit& edit) { return edit.put(made); }));
  return entity(call, "groups", show(call, made), 201);
}

Result<Answer> list_members(const Call& call, const Principal& group, bool transitive) {
  std::vector<std::string> ids = group.members;
  for (std::size_t i = 0; transitive && i < ids.size(); i++) {
    const auto* member = call.everybody->find_principal(ids[i]);
    if (member == nullptr) continue;
    for (const auto& id : member->members) {
      if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
    }
  }
  std::vector<Json> shown;
  for (const auto& id : ids) {
    const auto* member = call.everybody->find_principal(id);
    if (member != nullptr) shown.push_back(show_typed(call, *member));
  }
  return page(call, "directoryObjects", std::move(shown),
              JsonObject{{"id", ""}, {"displayName", ""}});
}

Result<Answer> add_member(const Call& call, const Principal& group) {
  const Json* reference =
      call.body.is_object() ? call.body.get_object().if_contains("@odata.id") : nullptr;
  if (reference == nullptr || !reference->is_string()) {
    return fail(bad_request("The body must have '@odata.id', the URL of a directory object."));
  }
  const auto id = TRY(id_of_reference(std::string_view(reference->get_string())));
  const auto* member = TRY(get_new_member(call, group, id));
  TRY(change_principal(call, group,
                       [&](Principal& changed) { return add_to(changed, member->object_id); }));
  return nothing();
}

Result<Answer> remove_member(const Call& call, const Principal& group, const std::string& id) {
  const auto member = to_lower(id);
  if (std::ranges::find(group.members, member) == group.members.end()) return fail(not_found(id));
  TRY(check_owner_left(call, group.tenant, {.group = group.object_id, .member = member}));
  TRY(change_principal(call, group, [&](Principal& changed) -> Result<> {
    std::erase(changed.members, member);
    return {};
  }));
  return nothing();
}

Result<Answer> update(const Call& call, const Principal& group) {
  auto wanted = group;
  TRY(read_into(call, wanted));
  TRY(check_name(call, wanted));
  TRY(change_principal(call, group, [&](Principal& changed) -> Result<> {
    changed = wanted;
    return {};
  }));
  return nothing();
}

}  // namespace

Result<Answer> answer_groups(const Call& call) {
  if (call.is("GET", 1)) {
    std::vector<Json> shown;
    for (const auto& [id, each] : call.everybody->principals()) {
      if (each.tenant != call.caller.tenant || each.type != PrincipalType::group) continue;
      shown.push_back(show(call, each));
    }
    return page(call, "groups", std::move(shown),
                show(call, Principal{.type = PrincipalType::group}));
  }
  if (call.is("POST", 1)) return create(call);
  if (call.path.size() < 2) return fail(no_such_path(call));
  const auto* group = TRY(get_principal(call, call.path[1], PrincipalType::group));
  if (call.is("GET", 2)) return entity(call, "groups", show(call, *group));
  const std::string_view below = call.path.size() > 2 ? std::string_view(call.path[2]) : "";
  const bool members = iequals(below, "members");
  if (call.is("GET", 3) && (members || iequals(below, "transitiveMembers"))) {
    return list_members(call, *group, !members);
  }
  const bool adding = members && call.is("POST", 4) && call.path[3] == "$ref";
  const bool removing = members && call.is("DELETE", 5) && call.path[4] == "$ref";
  if (adding || removing || call.is("PATCH", 2) || call.is("DELETE", 2)) {
    TRY(may_write(call, "groups"));
    TRY(may_take_over(call, {group->object_id}));
    if (adding) return add_member(call, *group);
    if (removing) return remove_member(call, *group, call.path[3]);
    if (call.method == "PATCH") return update(call, *group);
    TRY(erase_principals(call, {*group}));
    return nothing();
  }
  return answer_memberships(call, *group);
}

}  // namespace pinaco::graph
