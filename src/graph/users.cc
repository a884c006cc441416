// Users: people of a tenant, with a password.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "graph/call.h"

namespace pinaco::graph {
namespace {

bool is_local_part(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("'.-_!#^~").find(c) != std::string_view::npos;
  });
}

Result<> set_password(const Call& call, Principal& user, std::string_view password) {
  auto done = identity::set_password(user, password, call.model.random());
  if (!done) return fail(bad_request(done.error().message));
  return {};
}

// A password may be longer than a name.
Result<std::optional<std::string>> find_password(const Call& call) {
  return find_text(call.body, "passwordProfile.password", 1024);
}

Result<Answer> create(const Call& call) {
  TRY(may_write(call, "users"));
  const auto& body = call.body;
  Principal made;
  made.name = TRY(get_text(body, "displayName"));
  made.user_name = TRY(get_text(body, "userPrincipalName"));
  const auto mail = TRY(find_text(body, "mail"));
  made.mail = mail.value_or("");
  made.nickname = TRY(get_text(body, "mailNickname"));
  made.object_id = call.model.random().uuid();
  made.tenant = call.caller.tenant;
  made.type = PrincipalType::user;
  made.created = call.model.clock().now();
  const auto enabled = TRY(find_bool(body, "accountEnabled"));
  if (!enabled) {
    return fail(
        bad_request("A value is required for property 'accountEnabled' of resource "
                    "'User'."));
  }
  made.enabled = *enabled;
  const auto at = made.user_name.rfind('@');
  const auto& domain = call.tenant().domain;
  if (at == std::string::npos || !iequals(made.user_name.substr(at + 1), domain)) {
    return fail(
        bad_request(fmt::format("The domain portion of the userPrincipalName property is "
                                "invalid. You must use one of the verified domain names in "
                                "your organization: it must end in '@{}'.",
                                domain)));
  }
  if (!is_local_part(std::string_view(made.user_name).substr(0, at))) {
    return fail(
        bad_request("Property userPrincipalName is invalid: before the '@' it has 1 to 64 "
                    "letters, digits and the signs '.-_!#^~."));
  }
  if (call.everybody->find_user(made.user_name) != nullptr) {
    return fail(bad_request(
        "Another object with the same value for property userPrincipalName already exists."));
  }
  if (call.everybody->principals().size() >= identity::principals_max) {
    return fail(too_many("principals", identity::principals_max));
  }
  const auto password = TRY(find_password(call));
  if (!password) return fail(bad_request("A value is required for 'passwordProfile.password'."));
  TRY(set_password(call, made, *password));
  TRY(call.directory.edit([&](Edit& edit) { return edit.put(made); }));
  return entity(call, "users", show(call, made), 201);
}

Result<Answer> update(const Call& call, const Principal& user) {
  auto wanted = user;
  const auto& body = call.body;
  if (const auto name = TRY(find_text(body, "userPrincipalName"));
      name && !iequals(*name, user.user_name)) {
    return fail(bad_request("This server does not rename users: make a new one."));
  }
  if (TRY(find_text(body, "displayName"))) wanted.name = TRY(get_text(body, "displayName"));
  wanted.enabled = TRY(find_bool(body, "accountEnabled"))
  .value_or(user.enabled);
  wanted.mail = TRY(find_text(body, "mail"))
  .value_or(user.mail);
  wanted.nickname = TRY(find_text(body, "mailNickname"))
  .value_or(user.nickname);
  if (user.enabled && !wanted.enabled) {
    TRY(check_owner_left(call, user.tenant, {.gone = {user.object_id}}));
  }
  if (const auto password = TRY(find_password(call))) {
    TRY(set_password(call, wanted, *password));
  }
  TRY(change_principal(call, user, [&](Principal& changed) -> Result<> {
    changed = wanted;
    return {};
  }));
  return nothing();
}

// By object id or user name.
Result<const Principal*> get_one(const Call& call, std::string_view id) {
  if (id.find('@') == std::string_view::npos) {
    return get_principal(call, id, PrincipalType::user);
  }
  const auto* found = call.everybody->find_user(id);
  if (found == nullptr || found->tenant != call.caller.tenant) return fail(not_found(id));
  return found;
}

}  // namespace

Result<Answer> answer_users(const Call& call) {
  if (call.is("GET", 1)) {
    std::vector<Json> shown;
    for (const auto& [id, each] : call.everybody->principals()) {
      if (each.tenant != call.caller.tenant || each.type != PrincipalType::user) continue;
      shown.push_back(show(call, each));
    }
    return page(call, "users", std::move(shown),
                show(call, Principal{.type = PrincipalType::user}));
  }
  if (call.is("POST", 1)) return create(call);
  if (call.path.size() < 2) return fail(no_such_path(call));
  const auto* user = TRY(get_one(call, call.path[1]));
  if (call.is("GET", 2)) return entity(call, "users", show(call, *user));
  if (call.is("PATCH", 2) || call.is("DELETE", 2)) {
    TRY(may_write(call, "users"));
    TRY(may_take_over(call, {user->object_id}));
    if (call.method == "PATCH") return update(call, *user);
    TRY(erase_principals(call, {*user}));
    return nothing();
  }
  return answer_memberships(call, *user);
}

}  // namespace pinaco::graph
