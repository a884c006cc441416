#include "graph/call.h"

#include <fmt/format.h>

#include <algorithm>

#include "arm/arm.h"
#include "base/text.h"
#include "graph/filter.h"

namespace pinaco::graph {
namespace {

constexpr std::int64_t page_usual = 100;
constexpr std::int64_t page_most = 999;
constexpr std::string_view give_roles = "Microsoft.Authorization/roleAssignments/write";

std::string value_of(const Call& call, const std::string& name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? "" : found->second;
}

// Only the members that $select names.
Json selected(const Call& call, Json object) {
  const auto select = value_of(call, "$select");
  if (select.empty() || select == "*" || !object.is_object()) return object;
  JsonObject rest;
  if (const auto* type = object.get_object().if_contains("@odata.type"))
    rest["@odata.type"] = *type;
  for (const auto name : split(select, ',')) {
    const auto* found = object.get_object().if_contains(trim(name));
    if (found != nullptr) rest[trim(name)] = *found;
  }
  return rest;
}

std::string context(const Call& call, std::string_view collection) {
  return fmt::format("{}/{}/$metadata#{}", call.base_url, call.version, collection);
}

// Whether somebody who can act is in the group, without what is lost.
bool has_somebody(const Roster& everybody, const std::string& group, const Loss& loss,
                  std::set<std::string>& seen) {
  if (loss.gone.contains(group) || !seen.insert(group).second) return false;
  const auto* found = everybody.find_principal(group);
  if (found == nullptr) return false;
  if (found->type != PrincipalType::group) return found->enabled;
  return std::ranges::any_of(found->members, [&](const std::string& member) {
    return !(group == loss.group && member == loss.member) &&
           has_somebody(everybody, member, loss, seen);
  });
}

bool has_owner(const Roster& everybody, const access::Rules& rules, const std::string& tenant,
               const Loss& loss) {
  return std::ranges::any_of(rules.assignments(), [&](const access::RoleAssignment& each) {
    std::set<std::string> seen;
    return each.tenant == tenant && each.scope == "/" && each.role == access::owner_role &&
           has_somebody(everybody, each.principal, loss, seen);
  });
}

bool is_clean(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

Error bad_request(std::string message) {
  return {.kind = Kind::invalid, .message = std::move(message), .code = "Request_BadRequest"};
}

Error not_found(std::string_view what) {
  return {.kind = Kind::not_found,
          .message = fmt::format("Resource '{}' does not exist or one of its queried "
                                 "reference-property objects are not present.",
                                 what.substr(0, 200)),
          .code = "Request_ResourceNotFound"};
}

Error no_such_path(const Call& call) {
  return {.kind = Kind::invalid,
          .message = fmt::format("Resource not found for the segment '{}': this server has no {} "
                                 "of '{}'. It keeps applications, service principals, users and "
                                 "groups.",
                                 call.path.empty() ? "" : call.path.back().substr(0, 100),
                                 call.method.substr(0, 20), join(call.path, "/").substr(0, 200)),
          .code = "BadRequest"};
}

Error too_many(std::string_view what, std::size_t most) {
  return {.kind = Kind::denied,
          .message = fmt::format("There are as many {} as there may be: {}. Delete some first.",
                                 what, most),
          .code = "Directory_QuotaExceeded"};
}

Result<> may_write(const Call& call, std::string_view objects) {
  const auto action = fmt::format("Microsoft.Directory/{}/write", objects);
  if (TRY(call.access.allows(call.caller, action, "/"))) return {};
  return fail(Error{.kind = Kind::denied,
                    .message = fmt::format("Insufficient privileges to complete the operation. It "
                                           "takes the action '{}' at the scope '/' of the tenant: "
                                           "the roles Owner and Contributor have it there.",
                                           action),
                    .code = "Authorization_RequestDenied"});
}

Result<> may_take_over(const Call& call, const std::vector<std::string>& object_ids) {
  const auto rules = TRY(call.access.rules());
  std::set<std::string> concerned;
  for (const auto& id : object_ids) {
    if (id == call.caller.object_id) continue;
    const auto& groups = call.everybody->memberships(id);
    concerned.insert(groups.begin(), groups.end());
  }
  const bool has_roles = std::ranges::any_of(
      rules->assignments(),
      [&](const access::RoleAssignment& each) { return concerned.contains(each.principal); });
  if (!has_roles || TRY(call.access.allows(call.caller, give_roles, "/"))) return {};
  return fail(Error{
      .kind = Kind::denied,
      .message = fmt::format("Insufficient privileges to complete the operation. This would change "
                             "somebody who has roles, and that takes the action '{}' at the scope "
                             "'/' of the tenant as well: the role Owner has it there.",
                             give_roles),
      .code = "Authorization_RequestDenied"});
}

Result<> check_owner_left(const Call& call, const std::string& tenant, const Loss& loss) {
  const auto rules = TRY(call.access.rules());
  if (!has_owner(*call.everybody, *rules, tenant, {}) ||
      has_owner(*call.everybody, *rules, tenant, loss)) {
    return {};
  }
  return fail(bad_request(
      "This would leave the tenant without anybody who has the role Owner at the scope '/'. Give "
      "that role to somebody else first."));
}

Result<> erase_principals(const Call& call, const std::vector<Principal>& gone,
                          const std::function<Result<>(Edit&)>& also) {
  Loss loss;
  std::set<std::string> tenants;
  for (const auto& each : gone) {
    loss.gone.insert(each.object_id);
    tenants.insert(each.tenant);
  }
  for (const auto& tenant : tenants) TRY(check_owner_left(call, tenant, loss));
  TRY(call.directory.edit([&](Edit& edit) -> Result<> {
    for (const auto& each : gone) TRY(edit.erase_principal(each.object_id));
    return also ? also(edit) : Result<>();
  }));
  const auto rules = TRY(call.access.rules());
  for (const auto& each : gone) {
    TRY(access::erase_assignments_of(call.model, *rules, each.object_id));
  }
  return {};
}

Result<std::optional<std::string>> find_text(const Json& body, std::string_view path,
                                             std::size_t bytes_max) {
  const Json* found = find_path(body, path);
  if (found == nullptr || found->is_null()) return std::optional<std::string>();
  if (!found->is_string()) {
    return fail(bad_request(fmt::format("The property '{}' must be a text.", path)));
  }
  const std::string_view text = found->get_string();
  if (text.size() > bytes_max || !is_clean(text)) {
    return fail(
        bad_request(fmt::format("Invalid value specified for property '{}': it must have "
                                "at most {} bytes and no control characters.",
                                path, bytes_max)));
  }
  return std::optional<std::string>(text);
}

Result<std::string> get_text(const Json& body, std::string_view path) {
  auto text = TRY(find_text(body, path));
  if (text && !trim(*text).empty()) return std::string(trim(*text));
  return fail(bad_request(fmt::format("A value is required for property '{}'.", path)));
}

Result<std::optional<bool>> find_bool(const Json& body, std::string_view path) {
  const Json* found = find_path(body, path);
  if (found == nullptr || found->is_null()) return std::optional<bool>();
  if (found->is_bool()) return std::optional<bool>(found->get_bool());
  return fail(bad_request(fmt::format("The property '{}' must be true or false.", path)));
}

Result<std::optional<WallTime>> find_time(const Json& body, std::string_view path) {
  const auto text = TRY(find_text(body, path));
  if (!text) return std::optional<WallTime>();
  const auto time = parse_iso8601(*text);
  if (time) return std::optional<WallTime>(*time);
  return fail(bad_request(
      fmt::format("The property '{}' must be a time as in 2026-11-24T15:00:00Z.", path)));
}

Result<std::optional<std::vector<std::string>>> find_texts(const Json& body, std::string_view path,
                                                           std::size_t texts_max,
                                                           std::size_t bytes_max) {
  using Texts = std::vector<std::string>;
  const Json* found = find_path(body, path);
  if (found == nullptr || found->is_null()) return std::optional<Texts>();
  const auto wrong = [&] {
    return fail(
        bad_request(fmt::format("The property '{}' must be a list of at most {} texts of "
                                "at most {} bytes.",
                                path, texts_max, bytes_max)));
  };
  if (!found->is_array() || found->get_array().size() > texts_max) return wrong();
  Texts texts;
  for (const Json& each : found->get_array()) {
    if (!each.is_string() || each.get_string().size() > bytes_max) return wrong();
    texts.emplace_back(each.get_string());
    if (texts.back().empty() || !is_clean(texts.back())) return wrong();
  }
  return std::optional<Texts>(std::move(texts));
}

Result<std::string> id_of_reference(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  const auto id = url.substr(url.rfind('/') + 1);
  if (arm::is_guid(id)) return to_lower(id);
  return fail(
      bad_request("Invalid URL format specified in @odata.bind or @odata.id: it must end "
                  "in directoryObjects/ and an object id."));
}

std::string time_text(WallTime time) {
  return to_iso8601(time).substr(0, 19) + "Z";
}

Json text_or_null(std::string_view text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

JsonArray array_of(const std::vector<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

Answer entity(const Call& call, std::string_view collection, Json object, int status) {
  object = selected(call, std::move(object));
  JsonObject body{{"@odata.context", context(call, fmt::format("{}/$entity", collection))}};
  for (auto& member : object.get_object()) body[member.key()] = std::move(member.value());
  return {.status = status, .body = std::move(body)};
}

Result<Answer> page(const Call& call, std::string_view collection, std::vector<Json> objects,
                    const Json& shape) {
  if (const auto text = value_of(call, "$filter"); !trim(text).empty()) {
    const auto filter = TRY(parse_filter(text, shape.get_object()));
    std::erase_if(objects, [&](const Json& object) { return !filter(object); });
  }
  std::ranges::sort(objects, {}, [](const Json& object) { return string_at(object, "id"); });
  JsonObject body{{"@odata.context", context(call, collection)}};
  if (iequals(value_of(call, "$count"), "true")) body["@odata.count"] = objects.size();
  std::int64_t rows_max = page_usual;
  const auto top = value_of(call, "$top");
  if (!top.empty()) {
    const auto number = parse_int(top, 1, page_most);
    if (!number) {
      return fail(
          bad_request(fmt::format("Invalid page size specified: '{}'. It must be between "
                                  "1 and {}, inclusive.",
                                  top.substr(0, 40), page_most)));
    }
    rows_max = *number;
  }
  const auto after = value_of(call, "$skiptoken");
  JsonArray rows;
  std::string last;
  for (auto& object : objects) {
    const std::string id(string_at(object, "id"));
    if (!after.empty() && id <= after) continue;
    if (static_cast<std::int64_t>(rows.size()) == rows_max) {
      std::string next = fmt::format("{}/{}/{}?$skiptoken={}", call.base_url, call.version,
                                     join(call.path, "/"), last);
      for (const char* name : {"$top", "$filter", "$select"}) {
        if (const auto value = value_of(call, name); !value.empty()) {
          next += fmt::format("&{}={}", name, percent_encode(value));
        }
      }
      body["@odata.nextLink"] = next;
      break;
    }
    last = id;
    rows.push_back(selected(call, std::move(object)));
  }
  body["value"] = std::move(rows);
  return Answer{.body = std::move(body)};
}

Result<const Principal*> get_principal(const Call& call, std::string_view id) {
  const auto* found = call.everybody->find_principal(id);
  if (found == nullptr || found->tenant != call.caller.tenant) return fail(not_found(id));
  return found;
}

Result<const Principal*> get_principal(const Call& call, std::string_view id, PrincipalType type) {
  const auto* found = TRY(get_principal(call, id));
  if (found->type != type) return fail(not_found(id));
  return found;
}

std::vector<Principal> service_principals_of(const Roster& everybody, std::string_view app_id) {
  std::vector<Principal> found;
  for (const auto& [id, each] : everybody.principals()) {
    if (each.type == PrincipalType::service_principal && iequals(each.app_id, app_id)) {
      found.push_back(each);
    }
  }
  return found;
}

Result<> change_application(const Call& call, const Application& application,
                            const std::function<Result<>(Edit&, Application&)>& function) {
  return call.directory.edit([&](Edit& edit) -> Result<> {
    auto now = TRY(edit.find_application(application.app_id));
    if (!now) return fail(not_found(application.id));
    TRY(function(edit, *now));
    return edit.put(*now);
  });
}

Result<> change_principal(const Call& call, const Principal& principal,
                          const std::function<Result<>(Principal&)>& function) {
  return call.directory.edit([&](Edit& edit) -> Result<> {
    auto now = TRY(edit.find_principal(principal.object_id));
    if (!now) return fail(not_found(principal.object_id));
    TRY(function(*now));
    return edit.put(*now);
  });
}

}  // namespace pinaco::graph
