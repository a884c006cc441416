// `pinaco user` and `pinaco group`.
#include <fmt/format.h>

#include "app/directory.h"
#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::size_t made_password_bytes = 12;  // random ones, written in hex

Result<std::string> domain_of(Connection& connection) {
  const auto domains = TRY(connection.list("/v1.0/domains"));
  if (!domains.empty()) return std::string(string_at(domains[0], "id"));
  return fail(Kind::unavailable, "The server did not say which domain its users have.");
}

// "ann" is "ann@" and the tenant's domain.
Result<std::string> user_name_of(const DirectoryCall& call) {
  const auto& name = call.options.name;
  if (arm::is_guid(name) || name.find('@') != std::string::npos) return name;
  return name + "@" + TRY(domain_of(call.connection));
}

Result<Json> get_user(const DirectoryCall& call) {
  const auto name = TRY(user_name_of(call));
  if (auto found = TRY(call.connection.find("/v1.0/users/" + percent_encode(name)))) {
    return std::move(*found);
  }
  return fail(Kind::not_found, fmt::format("There is no user {}. `pinaco user list` shows those "
                                           "that there are.",
                                           name));
}

std::string path_of_user(const Json& user) {
  return fmt::format("/v1.0/users/{}", string_at(user, "id"));
}

struct Password {
  std::string text;
  bool made = false;
};
Result<Password> choose_password(const DirectoryCall& call) {
  if (call.options.password_file.empty()) {
    return Password{.text = system_random().hex(made_password_bytes), .made = true};
  }
  return Password {
    .text = TRY(read_secret(call.options.password_file))
  };
}

void print_user(const DirectoryCall& call, Json user, const Password& password) {
  if (password.made) user.get_object()["password"] = password.text;
  print_one(call.console, user,
            {{"Name", "displayName"},
             {"User name", "userPrincipalName"},
             {"Object id", "id"},
             {"Mail", "mail"},
             {"Password", "password"}});
  if (password.made) {
    call.console.print("The password is shown this once; the server keeps only its hash.\n");
  }
  call.console.print_json(user);
}

Result<> create_user(const DirectoryCall& call) {
  const auto& options = call.options;
  const auto name = TRY(user_name_of(call));
  const auto password = TRY(choose_password(call));
  const auto nickname = name.substr(0, name.find('@'));
  JsonObject body{{"accountEnabled", true},
                  {"displayName", options.display_name.empty() ? nickname : options.display_name},
                  {"mailNickname", nickname},
                  {"userPrincipalName", name},
                  {"passwordProfile", JsonObject{{"password", password.text}}}};
  if (!options.mail.empty()) body["mail"] = options.mail;
  const Json ask = body;
  print_user(call, TRY(call.connection.send("POST", "/v1.0/users", &ask)).body, password);
  return {};
}

Result<> list_users(const DirectoryCall& call) {
  print_list(call.console, TRY(call.connection.list("/v1.0/users")),
             {{"NAME", "displayName"},
              {"USER NAME", "userPrincipalName"},
              {"OBJECT ID", "id"},
              {"ENABLED", "accountEnabled"}});
  return {};
}

Result<> show_user(const DirectoryCall& call) {
  auto user = TRY(get_user(call));
  const auto groups = TRY(call.connection.list(path_of_user(user) + "/transitiveMemberOf"));
  std::vector<std::string> names;
  for (const auto& each : groups) names.emplace_back(string_at(each, "displayName"));
  user.get_object()["groups"] = JsonArray(names.begin(), names.end());
  print_user(call, std::move(user), {});
  if (!names.empty()) call.console.print(fmt::format("{:<14} {}\n", "Groups", join(names, ", ")));
  return {};
}

Result<> delete_user(const DirectoryCall& call) {
  const auto user = TRY(get_user(call));
  const std::string name(string_at(user, "userPrincipalName"));
  TRY(check_yes(call, "the user " + name));
  TRY(call.connection.send("DELETE", path_of_user(user)));
  call.console.print(fmt::format("Deleted user {}.\n", name));
  call.console.print_json(JsonObject{{"deleted", string_at(user, "id")}});
  return {};
}

Result<> change_password(const DirectoryCall& call) {
  auto user = TRY(get_user(call));
  const auto password = TRY(choose_password(call));
  const Json body = JsonObject{{"passwordProfile", JsonObject{{"password", password.text}}}};
  TRY(call.connection.send("PATCH", path_of_user(user), &body));
  print_user(call, std::move(user), password);
  return {};
}

Result<Json> get_group(const DirectoryCall& call) {
  const auto& name = call.options.name;
  if (!arm::is_guid(name)) return find_by_name(call.connection, "groups", "group", name);
  if (auto found = TRY(call.connection.find("/v1.0/groups/" + name))) return std::move(*found);
  return fail(Kind::not_found, fmt::format("There is no group with the id {}. `pinaco group list` "
                                           "shows those that there are.",
                                           name));
}

std::string path_of_group(const Json& group) {
  return fmt::format("/v1.0/groups/{}", string_at(group, "id"));
}

Result<> create_group(const DirectoryCall& call) {
  const auto& options = call.options;
  TRY(check_new(TRY(call.connection.list(filter_path("groups", "displayName", options.name))),
                "displayName", "id", "group", options.name));
  std::string nickname;
  for (const char c : to_lower(options.name)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') nickname += c;
  }
  JsonObject body{{"displayName", options.name},
                  {"mailNickname", nickname.empty() ? "group" : nickname.substr(0, 64)},
                  {"mailEnabled", false},
                  {"securityEnabled", true}};
  if (!options.description.empty()) body["description"] = options.description;
  const Json ask = body;
  const auto made = TRY(call.connection.send("POST", "/v1.0/groups", &ask))
  .body;
  print_one(call.console, made,
            {{"Name", "displayName"}, {"Object id", "id"}, {"Description", "description"}});
  call.console.print_json(made);
  return {};
}

Result<> list_groups(const DirectoryCall& call) {
  print_list(call.console, TRY(call.connection.list("/v1.0/groups")),
             {{"NAME", "displayName"}, {"OBJECT ID", "id"}, {"DESCRIPTION", "description"}});
  return {};
}

Result<> show_group(const DirectoryCall& call) {
  auto group = TRY(get_group(call));
  const auto members = TRY(call.connection.list(path_of_group(group) + "/members"));
  print_one(call.console, group,
            {{"Name", "displayName"}, {"Object id", "id"}, {"Description", "description"}});
  Table table{{"MEMBER", "KIND", "OBJECT ID"}};
  for (const auto& each : members) {
    const Json* type = each.get_object().if_contains("@odata.type");
    std::string kind = type != nullptr && type->is_string() ? type->get_string().c_str() : "";
    table.push_back({std::string(string_at(each, "displayName")), kind.substr(kind.rfind('.') + 1),
                     std::string(string_at(each, "id"))});
  }
  if (table.size() > 1) call.console.print_table(table);
  group.get_object()["members"] = JsonArray(members.begin(), members.end());
  call.console.print_json(group);
  return {};
}

Result<> delete_group(const DirectoryCall& call) {
  const auto group = TRY(get_group(call));
  const std::string name(string_at(group, "displayName"));
  TRY(check_yes(call, "the group " + name));
  TRY(call.connection.send("DELETE", path_of_group(group)));
  call.console.print(fmt::format("Deleted group {}.\n", name));
  call.console.print_json(JsonObject{{"deleted", string_at(group, "id")}});
  return {};
}

Result<> add_member(const DirectoryCall& call) {
  const auto group = TRY(get_group(call));
  const auto member = TRY(find_principal(call.connection, call.options.other));
  const Json body =
      JsonObject{{"@odata.id", fmt::format("{}/v1.0/directoryObjects/{}",
                                           call.connection.login().endpoint, member)}};
  TRY(call.connection.send("POST", path_of_group(group) + "/members/$ref", &body));
  call.console.print(fmt::format("{} is now in {}, and has its roles.\n", call.options.other,
                                 string_at(group, "displayName")));
  call.console.print_json(JsonObject{{"group", string_at(group, "id")}, {"added", member}});
  return {};
}

Result<> remove_member(const DirectoryCall& call) {
  const auto group = TRY(get_group(call));
  const auto member = TRY(find_principal(call.connection, call.options.other));
  TRY(call.connection.send("DELETE",
                           fmt::format("{}/members/{}/$ref", path_of_group(group), member)));
  call.console.print(
      fmt::format("{} is no longer in {}.\n", call.options.other, string_at(group, "displayName")));
  call.console.print_json(JsonObject{{"group", string_at(group, "id")}, {"removed", member}});
  return {};
}

}  // namespace

Result<std::string> find_principal(Connection& connection, const std::string& name) {
  std::vector<Json> found;
  if (arm::is_guid(name)) {
    if (TRY(connection.find("/v1.0/groups/" + name)) ||
        TRY(connection.find("/v1.0/users/" + name)) ||
        TRY(connection.find("/v1.0/servicePrincipals/" + name))) {
      return name;
    }
    found = TRY(connection.list(filter_path("servicePrincipals", "appId", name)));
  } else if (name.find('@') != std::string::npos) {
    if (auto user = TRY(connection.find("/v1.0/users/" + percent_encode(name)))) {
      found.push_back(std::move(*user));
    }
  } else {
    for (const char* collection : {"groups", "servicePrincipals", "users"}) {
      for (auto& each : TRY(connection.list(filter_path(collection, "displayName", name)))) {
        found.push_back(std::move(each));
      }
    }
    if (found.empty()) {
      const auto domain = TRY(domain_of(connection));
      const auto user = name + "@" + domain;
      if (auto one = TRY(connection.find("/v1.0/users/" + percent_encode(user)))) {
        found.push_back(std::move(*one));
      }
    }
  }
  if (found.size() == 1) return std::string(string_at(found[0], "id"));
  return fail(found.empty() ? Kind::not_found : Kind::conflict,
              fmt::format("{} users, groups or apps are known as '{}'. Use an object id: `pinaco "
                          "user list`, `pinaco group list` and `pinaco app show` tell it.",
                          found.size(), name));
}

std::vector<NamedCommand> people_commands() {
  return {{"user create", create_user},
          {"user list", list_users},
          {"user show", show_user},
          {"user delete", delete_user},
          {"user password", change_password},
          {"group create", create_group},
          {"group list", list_groups},
          {"group show", show_group},
          {"group delete", delete_group},
          {"group add-member", add_member},
          {"group remove-member", remove_member}};
}

}  // namespace pinaco::app
